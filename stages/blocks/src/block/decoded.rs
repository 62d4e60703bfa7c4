//! The series of blocks that were read last among few, decoded: who asks for one again, at another time or over other steps,
//! decompresses and decodes no pages, which hold those of many.

use std::sync::Arc;

use ulid::Ulid;
use weir_pipeline::Metrics;

use super::recent::Recent;
use crate::lasts::Lasts;
use crate::store::shelf::Samples;

/// What a series takes beside its samples.
const ENTRY: u64 = 192;

/// The series of blocks that were read last among few.
#[derive(Debug)]
pub(super) struct Decoded(Recent<(Ulid, u32), Arc<Kept>>);

/// Samples of a series.
#[derive(Debug)]
pub(super) struct Kept {
    /// Within this time they are all that the block has.
    pub(super) times: (i64, i64),
    pub(super) samples: Samples,
}

// === impl Decoded ===

impl Decoded {
    /// None yet, and `budget` bytes for them.
    pub(super) fn new(budget: u64) -> Self {
        Self(Recent::new(budget))
    }

    /// The same, with its metrics registered.
    #[must_use]
    pub(super) fn measured(self, metrics: &Metrics) -> Self {
        let (hits, misses) =
            ("Series of blocks that were had decoded", "Series of blocks that were read among few and decoded");
        Self(self.0.measured(metrics, "weir_block_series_cache", hits, misses))
    }

    /// The series in some rows of a block, where all are known within `start..=end`.
    pub(super) fn get(&self, block: Ulid, rows: &[u32], (start, end): (i64, i64)) -> Option<Vec<Arc<Kept>>> {
        let is_whole = |kept: &Arc<Kept>| kept.times.0 <= start && kept.times.1 >= end;
        self.0.get(rows.iter().map(|row| (block, *row)), is_whole).into_iter().collect()
    }

    /// Keeps what a row has.
    pub(super) fn put(&self, block: Ulid, row: u32, kept: Arc<Kept>) {
        let bytes = kept.samples.byte_size() as u64 + ENTRY;
        self.0.put((block, row), kept, bytes);
    }
}

// === impl Kept ===

impl Kept {
    /// The samples within a time, or of them the last before each of some steps.
    pub(super) fn within(&self, (start, end): (i64, i64), lasts: Option<&Lasts>) -> Samples {
        let mut wanted = self.samples.within(start, end);
        let Some(lasts) = lasts else { return wanted };
        let mut few = Samples::default();
        few.take_lasts(&mut wanted, lasts);
        few
    }
}

#[cfg(test)]
mod tests;
