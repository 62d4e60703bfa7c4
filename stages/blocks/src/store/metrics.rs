//! What senders say of metrics.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{PoisonError, RwLock};

use weir_pipeline::batch::Metadata;
use weir_pipeline::{Batch, Tenant};

/// The longest name, help text or unit that is kept, in bytes; a longer help text is cut.
const MAX_TEXT: usize = 4096;

/// What senders said last of each metric, of so many.
#[derive(Debug)]
pub(super) struct KnownMetrics {
    most: usize,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    of: BTreeMap<Tenant, BTreeMap<String, Metadata>>,
    /// In the order in which they came first.
    order: VecDeque<(Tenant, String)>,
    /// Whether any came that is not on disk yet.
    news: bool,
}

// === impl KnownMetrics ===

impl KnownMetrics {
    /// Nothing yet; keeps at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { most, known: RwLock::default() }
    }

    /// Keeps what a batch says.
    pub(super) fn note(&self, batch: &Batch) {
        if batch.metadata().is_empty() || self.most == 0 {
            return;
        }
        // Most batches say what is known already.
        let tenant = batch.tenant();
        let is_known = |known: &Known, said: &Metadata| {
            known.of.get(tenant).and_then(|of| of.get(&said.metric)).is_some_and(|old| *old == *said)
        };
        let news: Vec<Metadata> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let said = batch.metadata().iter().filter(|said| said.metric.len() <= MAX_TEXT).map(cut);
            said.filter(|said| !is_known(&known, said)).collect()
        };
        if news.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.news = true;
        let Known { of, order, .. } = &mut *known;
        for said in news {
            let name = said.metric.clone();
            if of.entry(tenant.clone()).or_default().insert(name.clone(), said).is_none() {
                order.push_back((tenant.clone(), name));
            }
            if order.len() > self.most
                && let Some((tenant, name)) = order.pop_front()
                && let Some(metrics) = of.get_mut(&tenant)
            {
                metrics.remove(&name);
                if metrics.is_empty() {
                    of.remove(&tenant);
                }
            }
        }
    }

    /// Forgets what is known of a tenant's metrics.
    pub(super) fn forget(&self, tenant: &Tenant) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.of.remove(tenant);
        known.order.retain(|(of, _)| of != tenant);
        known.news = true;
    }

    /// All of it as batches, one for each tenant, where any came since this was called last.
    pub(super) fn news(&self) -> Option<Vec<Batch>> {
        let news = std::mem::take(&mut self.known.write().unwrap_or_else(PoisonError::into_inner).news);
        news.then(|| self.all())
    }

    /// What was to be written down was not.
    pub(super) fn again(&self) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).news = true;
    }

    /// All of it as batches.
    pub(super) fn all(&self) -> Vec<Batch> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let batch = |(tenant, of): (&Tenant, &BTreeMap<String, Metadata>)| {
            let mut out = Batch::builder(tenant.clone());
            of.values().for_each(|said| _ = out.metadata(said.clone()));
            out.build()
        };
        known.of.iter().map(batch).collect()
    }

    /// What is known of a tenant's metrics, or of one of them, sorted by name.
    pub(super) fn of(&self, tenant: &Tenant, metric: Option<&str>) -> Vec<Metadata> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(of) = known.of.get(tenant) else { return Vec::new() };
        match metric {
            Some(metric) => of.get(metric).cloned().into_iter().collect(),
            None => of.values().cloned().collect(),
        }
    }
}

/// As much of what is said as is kept.
fn cut(said: &Metadata) -> Metadata {
    let short = |text: &str| {
        let end = (0..=text.len().min(MAX_TEXT)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.get(..end).unwrap_or_default().to_owned()
    };
    Metadata { metric: said.metric.clone(), kind: said.kind, help: short(&said.help), unit: short(&said.unit) }
}

#[cfg(test)]
mod tests;
