//! The pages of blocks that were read last, as they lie in the files: who asks again reads neither disk nor bucket.
//!
//! There are two generations. What is asked for is put into, or moved to, the young one; once that has half of the budget, it
//! becomes the old one, and what was old is forgotten. A read of everything costs one copy of what it reads, and no order
//! has to be kept of what was used when.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use ulid::Ulid;
use weir_pipeline::Metrics;

/// What a page takes beside its bytes.
const ENTRY: u64 = 96;

/// A block, and where in its samples file a range begins and ends.
type Key = (Ulid, u64, u64);

/// The pages of blocks that were read last.
#[derive(Debug)]
pub(super) struct Pages {
    /// What both generations may take together, in bytes.
    budget: u64,
    generations: Mutex<Generations>,
    hits: Counter,
    misses: Counter,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, Bytes>,
    old: HashMap<Key, Bytes>,
    /// What the young take.
    bytes: u64,
}

// === impl Pages ===

impl Pages {
    /// None yet, and `budget` bytes for them.
    pub(super) fn new(budget: u64) -> Self {
        Self { budget, generations: Mutex::default(), hits: Counter::default(), misses: Counter::default() }
    }

    /// The same, with its metrics registered.
    #[must_use]
    pub(super) fn measured(mut self, metrics: &Metrics) -> Self {
        let help = "Ranges of blocks that were read from memory";
        self.hits = metrics.register("weir_block_page_cache_hits", help, self.hits);
        let help = "Ranges of blocks that were read from disk or a bucket";
        self.misses = metrics.register("weir_block_page_cache_misses", help, self.misses);
        self
    }

    /// What is known of some ranges of a block's samples file, in their order.
    pub(super) fn get(&self, block: Ulid, ranges: &[Range<u64>]) -> Vec<Option<Bytes>> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let found: Vec<_> = ranges.iter().map(|range| generations.get(key(block, range), self.budget)).collect();
        drop(generations);
        let hits = found.iter().flatten().count();
        self.hits.inc_by(hits as u64);
        self.misses.inc_by((found.len() - hits) as u64);
        found
    }

    /// Keeps what a range has.
    pub(super) fn put(&self, block: Ulid, range: &Range<u64>, bytes: &Bytes) {
        // A part of a larger buffer would keep all of that.
        let bytes = if bytes.is_unique() { bytes.clone() } else { Bytes::copy_from_slice(bytes) };
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.put(key(block, range), bytes, self.budget);
    }
}

fn key(block: Ulid, range: &Range<u64>) -> Key {
    (block, range.start, range.end)
}

// === impl Generations ===

impl Generations {
    fn get(&mut self, key: Key, budget: u64) -> Option<Bytes> {
        if let Some(bytes) = self.young.get(&key) {
            return Some(bytes.clone());
        }
        let bytes = self.old.remove(&key)?;
        self.put(key, bytes.clone(), budget);
        Some(bytes)
    }

    fn put(&mut self, key: Key, bytes: Bytes, budget: u64) {
        let more = bytes.len() as u64 + ENTRY;
        if more > budget / 2 {
            return;
        }
        if self.bytes + more > budget / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        if self.young.insert(key, bytes).is_none() {
            self.bytes += more;
        }
    }
}

#[cfg(test)]
mod tests;
