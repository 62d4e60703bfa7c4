//! A batch of several tenants, whom a label of their series names.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use weir_pipeline::ack::{Counts, reason};
use weir_pipeline::batch::Metadata;
use weir_pipeline::labels::METRIC;
use weir_pipeline::{Ack, Batch, BatchBuilder, Tenant};

use super::families::Families;
use super::reply::Reply;
use crate::http::budget::Share;
use crate::remote_write::no_memory;

/// The name of the label.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SplitLabel(String);

/// What goes to one tenant.
struct Part {
    tenant: Tenant,
    /// The places of what is said of its metrics.
    told: BTreeSet<usize>,
}

/// Who gets what of a batch.
struct Parts {
    parts: Vec<Part>,
    places: HashMap<Tenant, usize>,
    /// The place of the part of each series; none where its tenant can't be.
    routes: Vec<Option<usize>>,
}

// === impl SplitLabel ===

impl SplitLabel {
    /// The batch of each tenant, without the label, and what became of series whose tenant can't be. Series without the
    /// label stay with the batch's tenant, as does what is said of metrics that no series is of. Of others each tenant gets what
    /// is said of the metrics that its own series are of. All that is charged to `share`.
    ///
    /// # Errors
    /// There is no memory for it, or it would take more than `most` bytes, as what is said of metrics many tenants may get.
    pub(super) fn split(&self, batch: Batch, most: u64, share: &mut Share) -> Result<(Vec<Batch>, Ack), Reply> {
        if batch.iter().all(|series| series.labels.get(&self.0).is_none()) {
            return Ok((vec![batch], Ack::default()));
        }
        let (parts, ack) = self.route(&batch);
        let (size, told) = (batch.byte_size() as u64, parts.told(batch.metadata()));
        if size.saturating_add(told) > most {
            let text = format!("expected samples that take at most {most} bytes in memory, of all tenants");
            return Err(Reply::bad(text));
        }
        // Both the batch and its parts, for a while.
        share.resize(2 * size + told).map_err(|_| no_memory())?;
        let mut batches = self.build(&batch, parts);
        drop(batch);
        share.resize(batches.iter().map(|batch| batch.byte_size() as u64).sum()).map_err(|_| no_memory())?;
        batches.sort_by(|a, b| a.tenant().cmp(b.tenant()));
        Ok((batches, ack))
    }

    /// Who gets what.
    fn route(&self, batch: &Batch) -> (Parts, Ack) {
        let (mut ack, families) = (Ack::default(), Families::new(batch.metadata()));
        let mut unnamed: BTreeSet<usize> = (0..batch.metadata().len()).collect();
        let routes = Vec::with_capacity(batch.series_count());
        let mut parts = Parts { parts: Vec::new(), places: HashMap::new(), routes };
        for series in batch.iter() {
            let named = series.labels.get(&self.0).map(Tenant::new).transpose();
            let tenant = match named {
                Ok(tenant) => tenant.unwrap_or_else(|| batch.tenant().clone()),
                Err(error) => {
                    let text = format!("the label `{}` of {}: {error}", self.0, shown(&series.labels.to_string()));
                    ack.reject_all(reason::INVALID_TENANT, text, Counts::of_series(&series));
                    parts.routes.push(None);
                    continue;
                }
            };
            let (place, part) = parts.of(tenant);
            for told in families.of(series.labels.metric()) {
                part.told.insert(told);
                unnamed.remove(&told);
            }
            parts.routes.push(Some(place));
        }
        if !unnamed.is_empty() {
            parts.of(batch.tenant().clone()).1.told.append(&mut unnamed);
        }
        (parts, ack)
    }

    fn build(&self, batch: &Batch, parts: Parts) -> Vec<Batch> {
        let mut builders: Vec<_> = parts.parts.iter().map(|part| Batch::builder(part.tenant.clone())).collect();
        for (series, route) in batch.iter().zip(parts.routes) {
            let Some(builder) = route.and_then(|place| builders.get_mut(place)) else { continue };
            match series.labels.get(&self.0) {
                Some(_) => builder.push_series(series.labels.to_builder().remove(&self.0).build().as_labels(), series),
                None => builder.push_series(series.labels, series),
            };
        }
        for (builder, part) in builders.iter_mut().zip(&parts.parts) {
            let told = part.told.iter().filter_map(|place| batch.metadata().get(*place));
            told.for_each(|metadata| _ = builder.metadata(metadata.clone()));
        }
        builders.into_iter().map(BatchBuilder::build).collect()
    }
}

// === impl Parts ===

impl Parts {
    /// The part of a tenant, and its place.
    fn of(&mut self, tenant: Tenant) -> (usize, &mut Part) {
        let Self { parts, places, .. } = self;
        let place = *places.entry(tenant).or_insert_with_key(|tenant| {
            parts.push(Part { tenant: tenant.clone(), told: BTreeSet::new() });
            parts.len() - 1
        });
        (place, &mut parts[place])
    }

    /// What is said of metrics to all tenants together, in bytes.
    fn told(&self, metadata: &[Metadata]) -> u64 {
        let told = self.parts.iter().flat_map(|part| &part.told).filter_map(|place| metadata.get(*place));
        told.map(|metadata| metadata.byte_size() as u64).fold(0, u64::saturating_add)
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
