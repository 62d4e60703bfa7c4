//! The pages of blocks that were read last, as they lie in the files: who asks again reads neither disk nor bucket.

use std::ops::Range;

use bytes::Bytes;
use ulid::Ulid;
use weir_pipeline::Metrics;

use super::recent::Recent;

/// What a page takes beside its bytes.
const ENTRY: u64 = 96;

/// A block, and where in its samples file a range begins and ends.
type Key = (Ulid, u64, u64);

/// The pages of blocks that were read last.
#[derive(Debug)]
pub(super) struct Pages(Recent<Key, Bytes>);

// === impl Pages ===

impl Pages {
    /// None yet, and `budget` bytes for them.
    pub(super) fn new(budget: u64) -> Self {
        Self(Recent::new(budget))
    }

    /// The same, with its metrics registered.
    #[must_use]
    pub(super) fn measured(self, metrics: &Metrics) -> Self {
        let (hits, misses) =
            ("Ranges of blocks that were read from memory", "Ranges of blocks that were read from disk or a bucket");
        Self(self.0.measured(metrics, "weir_block_page_cache", hits, misses))
    }

    /// What is known of some ranges of a block's samples file, in their order.
    pub(super) fn get(&self, block: Ulid, ranges: &[Range<u64>]) -> Vec<Option<Bytes>> {
        self.0.get(ranges.iter().map(|range| key(block, range)), |_| true)
    }

    /// Keeps what a range has.
    pub(super) fn put(&self, block: Ulid, range: &Range<u64>, bytes: &Bytes) {
        // A part of a larger buffer would keep all of that.
        let bytes = if bytes.is_unique() { bytes.clone() } else { Bytes::copy_from_slice(bytes) };
        let size = bytes.len() as u64 + ENTRY;
        self.0.put(key(block, range), bytes, size);
    }
}

fn key(block: Ulid, range: &Range<u64>) -> Key {
    (block, range.start, range.end)
}

#[cfg(test)]
mod tests;
