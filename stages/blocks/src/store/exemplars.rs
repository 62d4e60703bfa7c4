//! The exemplars of recent samples.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use weir_pipeline::batch::Series;
use weir_pipeline::{Batch, Exemplar, Labels, Matcher, SeriesExemplars, Tenant};

/// The exemplars that came last, of so many.
#[derive(Debug)]
pub(super) struct Exemplars {
    most: usize,
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    of: BTreeMap<Tenant, Tape>,
    count: usize,
    /// Whether any came that is not on disk yet, but for the log.
    news: bool,
}

/// Those of a tenant.
#[derive(Debug, Default)]
struct Tape {
    /// By the labels of series; in order of time, each once.
    series: HashMap<Arc<[u8]>, VecDeque<Exemplar>>,
    /// Whose came first, as often as there are exemplars.
    order: VecDeque<Arc<[u8]>>,
}

// === impl Exemplars ===

impl Exemplars {
    /// None yet; keeps at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: RwLock::default() }
    }

    /// Keeps those of a batch. One that is there already changes nothing.
    pub(super) fn note(&self, batch: &Batch) {
        if batch.exemplar_count() == 0 || self.most == 0 {
            return;
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let Kept { of, count, news } = &mut *kept;
        let tape = of.entry(batch.tenant().clone()).or_default();
        let added = batch.iter().map(|series| tape.add(series)).sum::<usize>();
        *count += added;
        *news |= added > 0;
        while *count > self.most {
            // Who has most gives way, so that nobody takes all the room.
            let Some((tenant, largest)) = of.iter_mut().max_by_key(|(_, tape)| tape.order.len()) else { break };
            largest.drop_first();
            *count -= 1;
            if largest.order.is_empty() {
                let tenant = tenant.clone();
                of.remove(&tenant);
            }
        }
    }

    /// Forgets those of a tenant.
    pub(super) fn forget(&self, tenant: &Tenant) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(tape) = kept.of.remove(tenant) {
            kept.count = kept.count.saturating_sub(tape.order.len());
            kept.news = true;
        }
    }

    /// Those within `start..=end` of the series that satisfy all matchers, sorted by labels.
    pub(super) fn select(&self, tenant: &Tenant, matchers: &[Matcher], start: i64, end: i64) -> Vec<SeriesExemplars> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let Some(tape) = kept.of.get(tenant) else { return Vec::new() };
        let fits = |labels: &[u8]| {
            let labels = Labels::from_canonical(labels);
            matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or_default()))
        };
        let within = |all: &VecDeque<Exemplar>| {
            let inside = all.iter().filter(|exemplar| (start..=end).contains(&exemplar.timestamp));
            inside.cloned().collect::<Vec<_>>()
        };
        let found = tape.series.iter().filter(|(labels, _)| fits(labels));
        let found = found.map(|(labels, all)| (Labels::from_canonical(labels).to_set(), within(all)));
        let mut found: Vec<_> = found.filter(|(_, exemplars)| !exemplars.is_empty()).collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found.into_iter().map(|(series, exemplars)| SeriesExemplars { series, exemplars }).collect()
    }

    /// All of them as batches, one for each tenant, where any came since this was called last.
    pub(super) fn news(&self) -> Option<Vec<Batch>> {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut kept.news).then(|| kept.of.iter().map(|(tenant, tape)| tape.batch(tenant)).collect())
    }

    /// What was to be written down was not.
    pub(super) fn again(&self) {
        self.kept.write().unwrap_or_else(PoisonError::into_inner).news = true;
    }

    /// All of them as batches.
    pub(super) fn all(&self) -> Vec<Batch> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.of.iter().map(|(tenant, tape)| tape.batch(tenant)).collect()
    }
}

// === impl Tape ===

impl Tape {
    /// Adds those of a series, and says how many are new.
    fn add(&mut self, series: Series<'_>) -> usize {
        if series.exemplars.is_empty() {
            return 0;
        }
        let labels = match self.series.get_key_value(series.labels.encoded()) {
            Some((labels, _)) => labels.clone(),
            None => Arc::from(series.labels.encoded()),
        };
        let own = self.series.entry(labels.clone()).or_default();
        let mut added = 0;
        for exemplar in series.exemplars {
            let from = own.partition_point(|kept| kept.timestamp < exemplar.timestamp);
            let same =
                |kept: &Exemplar| kept.labels == exemplar.labels && kept.value.to_bits() == exemplar.value.to_bits();
            let mut at_time = own.range(from..).take_while(|kept| kept.timestamp == exemplar.timestamp);
            if at_time.any(same) {
                continue;
            }
            own.insert(from, exemplar.clone());
            self.order.push_back(labels.clone());
            added += 1;
        }
        added
    }

    /// Takes the oldest one off the series whose came first.
    fn drop_first(&mut self) {
        let Some(labels) = self.order.pop_front() else { return };
        if let Some(own) = self.series.get_mut(&labels) {
            own.pop_front();
            if own.is_empty() {
                self.series.remove(&labels);
            }
        }
    }

    fn batch(&self, tenant: &Tenant) -> Batch {
        let mut out = Batch::builder(tenant.clone());
        for (labels, exemplars) in &self.series {
            out.series(Labels::from_canonical(labels));
            exemplars.iter().for_each(|exemplar| _ = out.exemplar(exemplar.clone()));
        }
        out.build()
    }
}

#[cfg(test)]
mod tests;
