//! Reads the samples of a selection.

use std::ops::Range;
use std::sync::{Arc, PoisonError};

use futures_util::future::{join_all, try_join_all};
use weir_pipeline::Result;

use super::decode::decode;
use super::{Run, Selection};
use crate::lasts::Lasts;
use crate::store::shelf::{Block, Samples};

/// Rows of a block, and the series that they are of.
#[derive(Default)]
pub(super) struct Wanted {
    series: Vec<usize>,
    rows: Vec<u32>,
}

// === impl Selection ===

impl Selection {
    /// The samples of some series, staleness markers included: runs in the order of series. A series may have several
    /// runs, which may overlap; [`merge`](crate::merge) joins them.
    ///
    /// # Errors
    /// A block can't be read.
    pub async fn read(&self, range: Range<usize>) -> Result<Vec<Run>> {
        self.read_lasts(range, None).await
    }

    /// As [`read`](Self::read); where only the last floats before steps are wanted others may be left out.
    ///
    /// # Errors
    /// A block can't be read.
    pub async fn read_lasts(&self, range: Range<usize>, lasts: Option<Lasts>) -> Result<Vec<Run>> {
        self.read_within(range, (self.0.start, self.0.end), lasts).await
    }

    /// As [`read_lasts`](Self::read_lasts); what can't be read is missing, and told in sentences.
    pub async fn read_some(&self, range: Range<usize>, lasts: Option<Lasts>) -> (Vec<Run>, Vec<String>) {
        let (range, mut runs) = self.heads(range, self.0.start, self.0.end, lasts);
        let (start, end) = (self.0.start, self.0.end);
        // What failed once is not asked for again by the same query: a bucket that is away takes its time to say so.
        let failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let wanted = (0..).zip(self.wanted(range)).filter(|(n, _)| !failed.contains(n));
        let read = |(n, (block, wanted))| async move { (n, read_block(block, wanted, (start, end), lasts).await) };
        let mut missing = Vec::new();
        for (n, found) in join_all(wanted.map(read)).await {
            match found {
                Ok(found) => runs.extend(found),
                Err(error) => {
                    self.0.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(n);
                    missing.push(error.report());
                }
            }
        }
        runs.sort_by_key(|run| run.series);
        (runs, missing)
    }

    /// The range as far as there are series, and the runs of heads.
    fn heads(&self, range: Range<usize>, start: i64, end: i64, lasts: Option<Lasts>) -> (Range<usize>, Vec<Run>) {
        let range = range.start.min(self.len())..range.end.min(self.len());
        let mut runs = Vec::new();
        for (i, series) in range.clone().zip(self.0.series.get(range.clone()).unwrap_or(&[])) {
            decode(i, series, (start, end), lasts, &mut runs);
        }
        (range, runs)
    }

    /// As [`read`](Self::read), only what is within `start..=end` too.
    pub(in crate::store) async fn read_between(&self, range: Range<usize>, start: i64, end: i64) -> Result<Vec<Run>> {
        self.read_within(range, (start.max(self.0.start), end.min(self.0.end)), None).await
    }

    async fn read_within(
        &self,
        range: Range<usize>,
        (start, end): (i64, i64),
        lasts: Option<Lasts>,
    ) -> Result<Vec<Run>> {
        let (range, mut runs) = self.heads(range, start, end, lasts);
        let reads = self.wanted(range).map(|(block, wanted)| read_block(block, wanted, (start, end), lasts));
        for found in try_join_all(reads).await? {
            runs.extend(found);
        }
        runs.sort_by_key(|run| run.series);
        Ok(runs)
    }

    /// What is wanted of each block for some series, in the order of blocks.
    pub(super) fn wanted(&self, range: Range<usize>) -> impl Iterator<Item = (&Arc<dyn Block>, Wanted)> {
        let range = range.start.min(self.len())..range.end.min(self.len());
        let mut wanted: Vec<Wanted> = self.0.blocks.iter().map(|_| Wanted::default()).collect();
        // Once for all blocks: of many, each series may have a row in each.
        for (i, series) in range.clone().zip(self.0.series.get(range).unwrap_or(&[])) {
            for (block, row) in &series.rows {
                let Some(of_block) = wanted.get_mut(*block as usize) else { continue };
                of_block.series.push(i);
                of_block.rows.push(*row);
            }
        }
        self.0.blocks.iter().zip(wanted)
    }
}

/// The samples of rows of a block within `start..=end`.
///
/// # Errors
/// It can't be read.
pub(super) async fn read_block(
    block: &Arc<dyn Block>,
    Wanted { series, rows }: Wanted,
    (start, end): (i64, i64),
    lasts: Option<Lasts>,
) -> Result<Vec<Run>> {
    if rows.is_empty() || start > block.max_ts() || end < block.min_ts() {
        return Ok(Vec::new());
    }
    let found = match lasts {
        Some(lasts) => block.read_lasts(&rows, start, end, lasts).await?,
        None => block.read(&rows, start, end).await?,
    };
    let runs = series.into_iter().zip(found).filter(|(_, samples)| !samples.is_empty());
    let run = |(series, Samples { timestamps, values, starts, histograms })| Run {
        series,
        timestamps,
        values,
        starts,
        histograms,
    };
    Ok(runs.map(run).collect())
}
