//! The labels that a pipeline adds to every series that does not have them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::ack::Ack;
use crate::batch::Batch;
use crate::error::Result;
use crate::labels::{Labels, encode_label};
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

    /// Names and values, in the order of names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Appends the encoding of `labels` and of those that it lacks: both are sorted, so one walk merges them.
    fn encode_with(&self, labels: Labels<'_>, out: &mut Vec<u8>) {
        let mut own = self.labels.iter().filter(|(_, value)| !value.is_empty()).peekable();
        for (name, value) in labels {
            while let Some((missing, added)) = own.next_if(|(own, _)| own.as_str() < name) {
                encode_label(missing, added, out);
            }
            own.next_if(|(own, _)| *own == name);
            encode_label(name, value, out);
        }
        own.for_each(|(name, value)| encode_label(name, value, out));
    }
}

/// As YAML in flow style: `{ cluster: local }`.
impl fmt::Display for ExternalLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.labels.iter().enumerate() {
            write!(f, "{} {name}: {value}", if i == 0 { "{" } else { "," })?;
        }
        f.write_str(if self.labels.is_empty() { "{}" } else { " }" })
    }
}

impl Transform for ExternalLabels {
    const NAME: &'static str = "external_labels";

    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)> {
        let mut out = Batch::builder(batch.tenant().clone());
        for series in batch.iter() {
            out.series_with(|encoded| self.encode_with(series.labels, encoded)).samples_of(series);
        }
        for metadata in batch.metadata() {
            out.metadata(metadata.clone());
        }
        Ok((out.build(), Ack::default()))
    }
}

#[cfg(test)]
mod tests;
