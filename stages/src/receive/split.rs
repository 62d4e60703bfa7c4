//! A batch of several tenants, whom a label of their series names.

use std::collections::HashMap;

use serde::Deserialize;
use weir_pipeline::labels::METRIC;
use weir_pipeline::{Ack, Batch, BatchBuilder, Tenant};

/// The name of the label.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SplitLabel(String);

// === impl SplitLabel ===

impl SplitLabel {
    /// The batch of each tenant, without the label, and what became of series whose tenant can't be. Series without the
    /// label stay with the batch's tenant.
    pub(super) fn split(&self, batch: Batch) -> (Vec<Batch>, Ack) {
        if batch.iter().all(|series| series.labels.get(&self.0).is_none()) {
            return (vec![batch], Ack::default());
        }
        let (mut ack, mut found) = (Ack::default(), HashMap::<Tenant, BatchBuilder>::new());
        for series in batch.iter() {
            let named = series.labels.get(&self.0).map(Tenant::new).transpose();
            let tenant = match named {
                Ok(tenant) => tenant.unwrap_or_else(|| batch.tenant().clone()),
                Err(error) => {
                    let text = format!("the label `{}` of {}: {error}", self.0, shown(&series.labels.to_string()));
                    ack.reject("invalid_tenant", text, series.sample_count() as u64);
                    continue;
                }
            };
            let builder = found.entry(tenant).or_insert_with_key(|tenant| {
                let mut builder = Batch::builder(tenant.clone());
                batch.metadata().iter().for_each(|metadata| _ = builder.metadata(metadata.clone()));
                builder
            });
            match series.labels.get(&self.0) {
                Some(_) => builder.push_series(series.labels.to_builder().remove(&self.0).build().as_labels(), series),
                None => builder.push_series(series.labels, series),
            };
        }
        let mut batches: Vec<_> = found.into_values().map(BatchBuilder::build).collect();
        batches.sort_by(|a, b| a.tenant().cmp(b.tenant()));
        (batches, ack)
    }
}

/// As much of a series as a message can bear.
fn shown(series: &str) -> String {
    series.chars().take(200).collect()
}

impl TryFrom<String> for SplitLabel {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if name.is_empty() || name == METRIC {
            return Err(format!("expected the name of a label other than `{METRIC}`, got `{name}`"));
        }
        Ok(Self(name))
    }
}
