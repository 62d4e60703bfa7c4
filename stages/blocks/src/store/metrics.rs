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
    of: BTreeMap<Tenant, Told>,
    count: usize,
    /// Whether any came that is not on disk yet, but for the log.
    news: bool,
}

/// What was said of a tenant's metrics.
#[derive(Debug, Default)]
struct Told {
    /// By their names.
    metrics: BTreeMap<String, Metadata>,
    /// In the order in which they came first.
    order: VecDeque<String>,
}

// === impl KnownMetrics ===

impl KnownMetrics {
    /// Nothing yet; keeps at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { most, known: RwLock::default() }
    }

    /// As much as is kept of what is said of a tenant's metrics, and is not known: nothing of most batches.
    pub(super) fn unknown(&self, tenant: &Tenant, said: &[Metadata]) -> Vec<Metadata> {
        if said.is_empty() || self.most == 0 {
            return Vec::new();
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let own = known.of.get(tenant);
        let is_known = |said: &Metadata| own.and_then(|own| own.metrics.get(&said.metric)) == Some(said);
        let fits = said.iter().filter(|said| said.metric.len() <= MAX_TEXT);
        // What need not be cut is compared as it is.
        fits.filter(|said| !is_known(said)).map(cut).filter(|said| !is_known(said)).collect()
    }

    /// Keeps what is said of a tenant's metrics.
    pub(super) fn note(&self, tenant: &Tenant, said: &[Metadata]) {
        let new = self.unknown(tenant, said);
        if new.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let Known { of, count, news } = &mut *known;
        *news = true;
        let own = of.entry(tenant.clone()).or_default();
        *count += new.into_iter().map(|said| own.add(said)).sum::<usize>();
        while *count > self.most {
            // Who has most gives way, so that nobody takes all the room.
            let Some((tenant, largest)) = of.iter_mut().max_by_key(|(_, told)| told.order.len()) else { break };
            largest.drop_first();
            *count -= 1;
            if largest.order.is_empty() {
                let tenant = tenant.clone();
                of.remove(&tenant);
            }
        }
    }

    /// Forgets what is known of a tenant's metrics.
    pub(super) fn forget(&self, tenant: &Tenant) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = known.of.remove(tenant) {
            known.count = known.count.saturating_sub(told.order.len());
            known.news = true;
        }
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
        let batch = |(tenant, told): (&Tenant, &Told)| {
            let mut out = Batch::builder(tenant.clone());
            told.metrics.values().for_each(|said| _ = out.metadata(said.clone()));
            out.build()
        };
        known.of.iter().map(batch).collect()
    }

    /// What is known of a tenant's metrics, or of one of them, sorted by name.
    pub(super) fn of(&self, tenant: &Tenant, metric: Option<&str>) -> Vec<Metadata> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let Some(told) = known.of.get(tenant) else { return Vec::new() };
        match metric {
            Some(metric) => told.metrics.get(metric).cloned().into_iter().collect(),
            None => told.metrics.values().cloned().collect(),
        }
    }
}

// === impl Told ===

impl Told {
    /// Keeps what is said of a metric, and says how many more there are.
    fn add(&mut self, said: Metadata) -> usize {
        let name = said.metric.clone();
        if self.metrics.insert(name.clone(), said).is_some() {
            return 0;
        }
        self.order.push_back(name);
        1
    }

    /// Forgets the metric that came first.
    fn drop_first(&mut self) {
        if let Some(name) = self.order.pop_front() {
            self.metrics.remove(&name);
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
