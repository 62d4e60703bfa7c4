//! From many small blocks to few larger ones.
//!
//! Cuts every few minutes make small blocks. Eight of one UTC day and of about the same size become one, so that a
//! sample is rewritten a few times and a day has a few dozen blocks at most. Blocks that are large are left alone. The new
//! one is as old as the oldest of these: it becomes due to be uploaded as they would have.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use weir_pipeline::{Labels, Result, SeriesExemplars, SeriesId, Tenant};

use super::cut::DAY;
use super::shelf::{Block, Rows, Samples};
use super::{Run, Selection, Store};
use crate::block;
use crate::extras::{Extras, Summary};

/// So many blocks become one.
const TOGETHER: usize = 8;

/// A block of this size is not merged any more, in bytes.
const LARGE: u64 = 32 << 20;

/// Blocks up to this size are all of about the same size, in bytes.
const SMALL: u64 = 64 << 10;

/// Series of several blocks as rows of one.
pub(super) struct Joined {
    selection: Selection,
    extras: Extras,
    conflicts: AtomicU64,
}

// === impl Store ===

impl Store {
    /// Merges small blocks, and says how many merges that took. Those who read the old blocks are not disturbed.
    ///
    /// Cancel safety: a merge that is dropped has changed nothing.
    ///
    /// # Errors
    /// The bucket fails. Old blocks that could not be removed cost space and are merged away when read.
    pub async fn tidy(&self) -> Result<u64> {
        // What is on its way to the bucket is left as it is.
        let Ok(_still) = self.0.moving.try_lock() else { return Ok(0) };
        let _one = self.0.cutting.lock().await;
        let tenants: Vec<Tenant> = self.0.view.read().unwrap_or_else(PoisonError::into_inner).tenants().collect();
        let mut merges = 0;
        for tenant in tenants {
            while let Some(blocks) = self.due(&tenant) {
                self.join(&tenant, blocks).await?;
                merges += 1;
            }
        }
        Ok(merges)
    }

    /// The next blocks to become one.
    fn due(&self, tenant: &Tenant) -> Option<Vec<Arc<dyn Block>>> {
        let blocks = self.0.view.read().unwrap_or_else(PoisonError::into_inner).of(tenant);
        let mut groups = BTreeMap::<(i64, u32), Vec<Arc<dyn Block>>>::new();
        for block in blocks.iter().filter(|block| block.bytes() < LARGE) {
            let size = (block.bytes() / SMALL).checked_ilog(TOGETHER as u64).map_or(0, |tier| tier + 1);
            groups.entry((block.min_ts().div_euclid(DAY), size)).or_default().push(block.clone());
        }
        let mut full = groups.into_values().find(|group| group.len() >= TOGETHER)?;
        full.sort_by_key(|block| block.min_ts());
        full.truncate(TOGETHER);
        Some(full)
    }

    async fn join(&self, tenant: &Tenant, blocks: Vec<Arc<dyn Block>>) -> Result<()> {
        let Some(day) = blocks.first().map(|block| block.min_ts().div_euclid(DAY)) else { return Ok(()) };
        let (start, end) = (day * DAY, day * DAY + DAY - 1);
        let selection = Selection::new(Vec::new(), &blocks, &[], start, end).await?;
        let rows = Arc::new(Joined::new(selection).await?);
        let new: Vec<_> = self.0.shelf.write(tenant, start, end, rows.clone()).await?.into_iter().collect();
        {
            let mut view = self.0.view.write().unwrap_or_else(PoisonError::into_inner);
            view.replace(tenant, &blocks, &new);
            self.0.measures.blocks(&view);
        }
        self.0.measures.merged();
        self.0.measures.conflicts(rows.conflicts.load(Relaxed));
        drop(rows);
        for block in blocks {
            self.0.shelf.remove(tenant, block).await?;
        }
        Ok(())
    }
}

// === impl Joined ===

impl Joined {
    /// The series of a selection, with all that its blocks have beside samples.
    pub(super) async fn new(selection: Selection) -> Result<Self> {
        let extras = extras_of(selection.blocks(), (i64::MIN, i64::MAX)).await?;
        Ok(Self::with(selection, extras))
    }

    /// The series of a selection, with this beside their samples.
    pub(super) fn with(selection: Selection, extras: Extras) -> Self {
        Self { selection, extras, conflicts: AtomicU64::new(0) }
    }
}

/// What blocks have beside samples, exemplars within `start..=end`. Of what several say of a metric that of the block that was made last stays.
pub(super) async fn extras_of<'a>(
    blocks: impl IntoIterator<Item = &'a Arc<dyn Block>>,
    (start, end): (i64, i64),
) -> Result<Extras> {
    let mut blocks: Vec<_> = blocks.into_iter().filter(|block| block.extras() != Summary::default()).collect();
    blocks.sort_by_key(|block| block.id());
    let mut extras = Extras::NONE;
    for block in blocks {
        for SeriesExemplars { series, exemplars } in block.exemplars(&[], start, end).await? {
            extras.show(series.as_labels().id(), exemplars);
        }
        block.metrics().await?.iter().for_each(|said| extras.say((**said).clone()));
    }
    Ok(extras)
}

#[async_trait]
impl Rows for Joined {
    fn len(&self) -> usize {
        self.selection.len()
    }

    fn labels(&self, i: usize) -> Labels<'_> {
        self.selection.labels(i)
    }

    fn id(&self, i: usize) -> SeriesId {
        self.selection.id(i)
    }

    fn samples(&self, i: usize) -> usize {
        self.selection.samples_estimate(i)
    }

    fn have_starts(&self) -> bool {
        self.selection.have_starts()
    }

    fn have_histograms(&self) -> bool {
        self.selection.have_histograms()
    }

    fn extras(&self) -> &Extras {
        &self.extras
    }

    fn began(&self) -> Option<u64> {
        self.selection.blocks().iter().map(|block| block::began(block.id())).min()
    }

    async fn read(&self, range: Range<usize>, start: i64, end: i64) -> Result<Vec<Samples>> {
        let runs = self.selection.read_between(range.clone(), start, end).await?;
        let (out, conflicts) = merged(&runs, range);
        self.conflicts.fetch_add(conflicts, Relaxed);
        Ok(out)
    }
}

/// The samples of each series of a range, merged of their runs, and how many lost a conflict. The runs are in the order of
/// series.
pub(super) fn merged(runs: &[Run], range: Range<usize>) -> (Vec<Samples>, u64) {
    let (mut out, mut conflicts) = (vec![Samples::default(); range.len()], 0);
    for group in runs.chunk_by(|a, b| a.series == b.series) {
        let place = group.first().and_then(|run| out.get_mut(run.series.checked_sub(range.start)?));
        let Some(samples) = place else { continue };
        let (run, lost) = Run::unite(group);
        *samples = run.into();
        conflicts += lost;
    }
    (out, conflicts)
}
