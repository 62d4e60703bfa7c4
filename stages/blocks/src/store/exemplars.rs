//! The exemplars of recent samples: those that came last, and among them those that are in no block yet.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use weir_pipeline::batch::Series;
use weir_pipeline::{Batch, Exemplar, Labels, Matcher, SeriesExemplars, Tenant};

use crate::extras::compare;

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
    /// Those that are in no block yet.
    fresh: BTreeMap<Tenant, Fresh>,
    /// How many these are.
    fresh_count: usize,
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

/// Exemplars of a tenant that are in no block yet, by the labels of their series.
#[derive(Clone, Debug, Default)]
pub(super) struct Fresh {
    of: HashMap<Arc<[u8]>, Vec<Exemplar>>,
    /// Those of series that had no sample in the last cut.
    again: HashMap<Arc<[u8]>, Vec<Exemplar>>,
}

/// Exemplars that a cut has taken. It gives them back where it does not come to its end.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    from: &'a Exemplars,
    tenant: Tenant,
    fresh: Arc<Fresh>,
}

/// Where exemplars come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// They are new.
    Sender,
    /// The log, at the start: they may be in no block.
    Log,
    /// What was written down of the ones that came last, at the start.
    Notes,
}

// === impl Exemplars ===

impl Exemplars {
    /// None yet; keeps at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: RwLock::default() }
    }

    /// Keeps those of a batch. One that is there already changes nothing. Says how many will be in no block, as too many came since
    /// the last cut.
    pub(super) fn note(&self, batch: &Batch, from: Source) -> u64 {
        if batch.exemplar_count() == 0 || self.most == 0 {
            return 0;
        }
        let mut uncut = 0;
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let Kept { of, count, fresh, fresh_count, news } = &mut *kept;
        let tape = of.entry(batch.tenant().clone()).or_default();
        let mut added = 0;
        for series in batch.iter() {
            let Some((labels, mut new)) = tape.add(series) else { continue };
            added += new.len();
            match from {
                Source::Notes => continue,
                // What was written down at the end of the last life may be in no block yet.
                Source::Log => new = series.exemplars.to_vec(),
                Source::Sender => {}
            }
            if new.is_empty() {
                continue;
            }
            let own = fresh.entry(batch.tenant().clone()).or_default().of.entry(labels).or_default();
            new.retain(|exemplar| !own.iter().any(|kept| is_same(kept, exemplar)));
            let room = self.most.saturating_sub(*fresh_count);
            uncut += new.len().saturating_sub(room) as u64;
            *fresh_count += new.len().min(room);
            own.extend(new.into_iter().take(room));
        }
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
        uncut
    }

    /// Whether it is time that exemplars come into blocks.
    pub(super) fn are_pressed(&self) -> bool {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).fresh_count > self.most / 2
    }

    /// The tenants that have exemplars which are in no block yet.
    pub(super) fn fresh_of(&self) -> Vec<Tenant> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).fresh.keys().cloned().collect()
    }

    /// Takes those of a tenant that are in no block yet, for a cut.
    pub(super) fn take(&self, tenant: &Tenant) -> Taken<'_> {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = kept.fresh.remove(tenant).unwrap_or_default();
        kept.fresh_count = kept.fresh_count.saturating_sub(fresh.count());
        Taken { from: self, tenant: tenant.clone(), fresh: Arc::new(fresh) }
    }

    fn give_back(&self, tenant: &Tenant, fresh: Fresh) {
        let count = fresh.count();
        if count == 0 {
            return;
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.fresh_count += count;
        let own = kept.fresh.entry(tenant.clone()).or_default();
        for (own, rest) in [(&mut own.of, fresh.of), (&mut own.again, fresh.again)] {
            rest.into_iter().for_each(|(labels, exemplars)| own.entry(labels).or_default().extend(exemplars));
        }
    }

    /// Forgets those of a tenant.
    pub(super) fn forget(&self, tenant: &Tenant) {
        self.take(tenant).settle(Fresh::default());
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

// === impl Fresh ===

impl Fresh {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.of.values().chain(self.again.values()).map(Vec::len).sum()
    }

    /// Takes out those of a series up to a time.
    pub(super) fn take(&mut self, labels: &[u8], until: i64) -> Vec<Exemplar> {
        let mut taken = Vec::new();
        for of in [&mut self.of, &mut self.again] {
            let Some(own) = of.get_mut(labels) else { continue };
            let (some, rest) = std::mem::take(own).into_iter().partition(|exemplar| exemplar.timestamp <= until);
            *own = rest;
            let some: Vec<_> = some;
            taken.extend(some);
        }
        taken
    }
}

// === impl Taken ===

impl Taken<'_> {
    /// What was taken.
    pub(super) fn fresh(&self) -> Arc<Fresh> {
        self.fresh.clone()
    }

    /// They are in blocks, but for those that are `left`, whose series had no sample. They are tried once more, as the sample that
    /// one came with may belong to the next cut. Says how many are given up on.
    pub(super) fn settle(mut self, left: Fresh) -> u64 {
        let given_up = left.again.values().map(Vec::len).sum::<usize>();
        let mut again = left.of;
        again.retain(|_, exemplars| !exemplars.is_empty());
        self.fresh = Arc::new(Fresh { of: HashMap::new(), again });
        given_up as u64
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.from.give_back(&self.tenant, Arc::unwrap_or_clone(std::mem::take(&mut self.fresh)));
    }
}

// === impl Tape ===

impl Tape {
    /// Adds those of a series, and returns its labels and those that are new.
    fn add(&mut self, series: Series<'_>) -> Option<(Arc<[u8]>, Vec<Exemplar>)> {
        if series.exemplars.is_empty() {
            return None;
        }
        let labels = match self.series.get_key_value(series.labels.encoded()) {
            Some((labels, _)) => labels.clone(),
            None => Arc::from(series.labels.encoded()),
        };
        let own = self.series.entry(labels.clone()).or_default();
        let mut added = Vec::new();
        for exemplar in series.exemplars {
            let from = own.partition_point(|kept| kept.timestamp < exemplar.timestamp);
            let mut at_time = own.range(from..).take_while(|kept| kept.timestamp == exemplar.timestamp);
            if at_time.any(|kept| is_same(kept, exemplar)) {
                continue;
            }
            own.insert(from, exemplar.clone());
            self.order.push_back(labels.clone());
            added.push(exemplar.clone());
        }
        Some((labels, added))
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

fn is_same(a: &Exemplar, b: &Exemplar) -> bool {
    compare(a, b).is_eq()
}

#[cfg(test)]
mod tests;
