//! The labels that a pipeline adds to every series that does not have them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::ack::Ack;
use crate::batch::Batch;
use crate::error::Result;
use crate::transform::Transform;

/// Adds labels where they are absent, as Prometheus does with `external_labels`. Stands directly after the source.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct ExternalLabels {
    labels: BTreeMap<String, String>,
}

// === impl ExternalLabels ===

impl ExternalLabels {
    /// Whether there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

impl Transform for ExternalLabels {
    const NAME: &'static str = "external_labels";

    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)> {
        let mut out = Batch::builder(batch.tenant().clone());
        for series in batch.iter() {
            let mut labels = series.labels.to_builder();
            for (name, value) in &self.labels {
                if labels.get(name).is_none() {
                    labels.set(name, value);
                }
            }
            out.push_series(labels.build().as_labels(), series);
        }
        for metadata in batch.metadata() {
            out.metadata(metadata.clone());
        }
        Ok((out.build(), Ack::default()))
    }
}

#[cfg(test)]
mod tests;
