//! What was used last, within a budget.
//!
//! There are two generations. What is asked for is put into, or moved to, the young one; once that has half of the budget, it
//! becomes the old one, and what was old is forgotten. A read of everything costs one copy of what it reads, and no order
//! has to be kept of what was used when.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use weir_pipeline::Metrics;

/// What was used last, within a budget.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    /// What both generations may take together, in bytes.
    budget: u64,
    generations: Mutex<Generations<K, V>>,
    hits: Counter,
    misses: Counter,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, (V, u64)>,
    old: HashMap<K, (V, u64)>,
    /// What the young take.
    bytes: u64,
}

// === impl Recent ===

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    /// None yet, and `budget` bytes for them.
    pub(super) fn new(budget: u64) -> Self {
        let generations = Generations { young: HashMap::default(), old: HashMap::default(), bytes: 0 };
        let (hits, misses) = (Counter::default(), Counter::default());
        Self { budget, generations: Mutex::new(generations), hits, misses }
    }

    /// The same, with two metrics of how often there was what was asked for, whose names begin like this.
    #[must_use]
    pub(super) fn measured(mut self, metrics: &Metrics, name: &str, hits: &str, misses: &str) -> Self {
        self.hits = metrics.register(&format!("{name}_hits"), hits, self.hits);
        self.misses = metrics.register(&format!("{name}_misses"), misses, self.misses);
        self
    }

    /// What is kept of some keys, in their order, as far as `is_good` holds of it.
    pub(super) fn get(&self, keys: impl IntoIterator<Item = K>, mut is_good: impl FnMut(&V) -> bool) -> Vec<Option<V>> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let mut find = |key| generations.get(key, self.budget).filter(&mut is_good);
        let found: Vec<_> = keys.into_iter().map(&mut find).collect();
        drop(generations);
        let hits = found.iter().flatten().count();
        self.hits.inc_by(hits as u64);
        self.misses.inc_by((found.len() - hits) as u64);
        found
    }

    /// Keeps what takes so many bytes, its key included.
    pub(super) fn put(&self, key: K, value: V, bytes: u64) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.put(key, (value, bytes), self.budget);
    }
}

// === impl Generations ===

impl<K: Hash + Eq, V: Clone> Generations<K, V> {
    fn get(&mut self, key: K, budget: u64) -> Option<V> {
        if let Some((value, _)) = self.young.get(&key) {
            return Some(value.clone());
        }
        let (value, bytes) = self.old.remove(&key)?;
        self.put(key, (value.clone(), bytes), budget);
        Some(value)
    }

    fn put(&mut self, key: K, new: (V, u64), budget: u64) {
        let more = new.1;
        if more > budget / 2 {
            return;
        }
        if self.bytes + more > budget / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += more;
        if let Some((_, less)) = self.young.insert(key, new) {
            self.bytes -= less;
        }
    }
}

#[cfg(test)]
mod tests;
