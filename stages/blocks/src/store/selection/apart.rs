//! A selection read block by block, and what other blocks have of its series.

use std::ops::Range;
use std::sync::Arc;

use futures_util::future::{join_all, try_join_all};
use weir_pipeline::Result;

use super::read::read_block;
use super::{Run, Selected, Selection, Series};
use crate::store::cut;
use crate::store::shelf::{Block, Row, is_damage};

// === impl Selection ===

impl Selection {
    /// The same series in the same order, with what these blocks have of them instead. Blocks that are damaged have
    /// nothing. The series must be in block order.
    ///
    /// # Errors
    /// The bucket fails.
    pub(in crate::store) async fn beside(&self, blocks: &[Arc<dyn Block>]) -> Result<Self> {
        let (start, end) = (self.0.start, self.0.end);
        let mut series: Vec<Series> = self.0.series.iter().map(Series::bare).collect();
        let mut found = Vec::new();
        // One after the other: most series of a block of others may be none of these.
        for block in blocks {
            let Some(rows) = unless_damaged(block, block.select(&[], start, end).await)? else { continue };
            let n = u32::try_from(found.len()).unwrap_or(u32::MAX);
            let add = move || {
                let any = add(&mut series, n, rows);
                (series, any)
            };
            let any;
            (series, any) = tokio::task::spawn_blocking(add).await.map_err(cut::lost)?;
            found.extend(any.then(|| block.clone()));
        }
        Ok(Self(Arc::new(Selected { start, end, series, blocks: found, sorted: true, ..Selected::default() })))
    }

    /// Some of the series, in the order of `places`, which rises.
    pub(in crate::store) fn only(&self, places: &[usize]) -> Self {
        let series = places.iter().filter_map(|place| self.0.series.get(*place)).cloned().collect();
        let Selected { start, end, sorted, .. } = *self.0;
        let blocks = self.0.blocks.clone();
        Self(Arc::new(Selected { start, end, series, blocks, sorted, ..Selected::default() }))
    }

    /// The blocks that it reads.
    pub(in crate::store) fn blocks(&self) -> &[Arc<dyn Block>] {
        &self.0.blocks
    }

    /// The samples of some series in each block by itself, in the order of [`blocks`](Self::blocks).
    ///
    /// # Errors
    /// A block can't be read.
    pub(in crate::store) async fn read_apart(&self, range: Range<usize>) -> Result<Vec<Vec<Run>>> {
        let (start, end) = (self.0.start, self.0.end);
        let reads = self.wanted(range).map(|(block, wanted)| read_block(block, wanted, (start, end), None));
        try_join_all(reads).await
    }

    /// As [`read_between`](Self::read_between), without what is in damaged blocks.
    ///
    /// # Errors
    /// The bucket fails.
    pub(in crate::store) async fn read_intact(&self, range: Range<usize>, start: i64, end: i64) -> Result<Vec<Run>> {
        let (start, end) = (start.max(self.0.start), end.min(self.0.end));
        let reads = self.wanted(range).map(|(block, wanted)| read_block(block, wanted, (start, end), None));
        let mut runs = Vec::new();
        for (found, block) in join_all(reads).await.into_iter().zip(&self.0.blocks) {
            runs.extend(unless_damaged(block, found)?.into_iter().flatten());
        }
        runs.sort_by_key(|run| run.series);
        Ok(runs)
    }
}

// === impl Series ===

impl Series {
    /// The same without samples.
    fn bare(&self) -> Self {
        let (id, labels) = (self.id, self.labels.clone());
        Self { id, labels, samples: 0, head: Vec::new(), rows: Vec::new(), histograms: false }
    }
}

/// Adds the rows of a block to the series that they are of, both in block order, and says whether there are any.
fn add(series: &mut [Series], block: u32, rows: Vec<Row>) -> bool {
    let (mut own, mut any) = (series.iter_mut().peekable(), false);
    for row in rows {
        let row = Series::of(block, row);
        while own.next_if(|own| own.compare(&row).is_lt()).is_some() {}
        if let Some(same) = own.next_if(|own| own.compare(&row).is_eq()) {
            same.absorb(row);
            any = true;
        }
    }
    any
}

/// What was read of a block; `None` where nobody will ever read it.
fn unless_damaged<T>(block: &Arc<dyn Block>, read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_damage(&error) => {
            tracing::error!(block = %block.id(), error = error.report(), "a block is taken as having nothing");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
