//! From the head to blocks.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep, timeout};
use weir_pipeline::{Error, Labels, Result, SeriesId, Tenant};

use super::shelf::{Block, Rows, Samples};
use super::{State, Store, lock};
use crate::head::{Piece, Snapshot};
use crate::merge::merge;

/// A UTC day, in milliseconds.
pub(super) const DAY: i64 = 86_400_000;

/// The first and the longest pause after a cut that failed.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Pressure alone does not cut more often than this: it may be series that take the memory.
const BREATH: Duration = Duration::from_secs(1);

/// What a cut made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Blocks written.
    pub blocks: u64,
    /// Samples in them.
    pub samples: u64,
    /// Log segments removed.
    pub segments: u64,
}

/// Frozen series of the head as rows of a block.
struct Frozen {
    series: Vec<Snapshot>,
    conflicts: AtomicU64,
}

// === impl Store ===

impl Store {
    /// Writes what the head has as blocks, shows these to readers in its place, and removes what the log no longer needs.
    ///
    /// Cancel safety: a cut that is dropped has changed nothing for readers; the next one begins anew.
    ///
    /// # Errors
    /// The bucket or the disk fails. Everything stays as it was, but for tenants whose blocks were written already.
    pub async fn cut(&self) -> Result<Cut> {
        let _one = self.0.cutting.lock().await;
        self.0.log.rotate().await?;
        let mut cut = self.cut_head().await?;
        cut.segments = self.0.log.reclaim().await? as u64;
        Ok(cut)
    }

    /// The part of a cut that needs no log: the caller sees to it that there is one at a time.
    pub(super) async fn cut_head(&self) -> Result<Cut> {
        let begin = Instant::now();
        let epoch = self.0.head.freeze();
        let (mut cut, mut failed) = (Cut::default(), None);
        for tenant in self.0.head.tenant_names() {
            match self.cut_tenant(&tenant, epoch).await {
                Ok(blocks) => {
                    cut.blocks += blocks.len() as u64;
                    cut.samples += blocks.iter().map(|block| block.samples()).sum::<u64>();
                }
                Err(error) => failed = Some(error),
            }
        }
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.0.head.release()).await.map_err(lost)?;
        self.0.measures.observe(&self.0.head.usage());
        match failed {
            Some(error) => {
                self.0.measures.cut_failed();
                Err(error)
            }
            None => {
                let mut holds = lock(&self.0.holds);
                *holds = holds.split_off(&(epoch + 1));
                self.0.measures.cut(&cut, begin.elapsed());
                Ok(cut)
            }
        }
    }

    async fn cut_tenant(&self, tenant: &Tenant, epoch: u32) -> Result<Vec<Arc<dyn Block>>> {
        let (store, name) = (self.clone(), tenant.clone());
        let collect = move || {
            let rows = Frozen { series: store.0.head.frozen(&name, epoch), conflicts: AtomicU64::new(0) };
            (rows.days(), Arc::new(rows))
        };
        let (days, rows) = tokio::task::spawn_blocking(collect).await.map_err(lost)?;
        let mut blocks = Vec::new();
        for day in days {
            match self.0.shelf.write(tenant, day * DAY, day * DAY + DAY - 1, rows.clone()).await {
                Ok(block) => blocks.extend(block),
                Err(error) => {
                    // The next attempt writes them again; left behind they would only cost space.
                    for block in blocks {
                        let removed = self.0.shelf.remove(tenant, block).await;
                        removed.unwrap_or_else(|e| tracing::warn!(error = %e.report(), "a block is left behind"));
                    }
                    return Err(error);
                }
            }
        }
        self.publish(tenant, epoch, &blocks);
        self.0.measures.conflicts(rows.conflicts.load(Relaxed));
        Ok(blocks)
    }

    /// The instant in which samples change sides.
    fn publish(&self, tenant: &Tenant, epoch: u32, blocks: &[Arc<dyn Block>]) {
        let mut view = self.0.view.write().unwrap_or_else(PoisonError::into_inner);
        if !blocks.is_empty() {
            view.replace(tenant, &[], blocks);
        }
        self.0.head.hide(tenant, epoch);
        self.0.measures.blocks(&view);
    }
}

/// Cuts when it is time, until the store is gone or closed.
pub(super) async fn run(store: Weak<State>) {
    let mut pause = None;
    loop {
        let Some(state) = store.upgrade() else { return };
        let wait = pause.unwrap_or(state.settings.head.cut_after.get());
        if pause.is_none() {
            let pressed = timeout(wait, state.pressed.notified()).await;
            if pressed.is_ok() {
                sleep(BREATH).await;
            }
        } else {
            sleep(wait).await;
        }
        let store = Store(state);
        if store.0.in_flight.is_closed() {
            return;
        }
        if store.0.head.usage().samples == 0 && !store.is_pressed() {
            continue;
        }
        match store.cut().await {
            Ok(cut) => {
                pause = None;
                tracing::info!(blocks = cut.blocks, samples = cut.samples, segments = cut.segments, "cut the head");
                if let Err(error) = store.tidy().await {
                    tracing::warn!(error = %error.report(), "small blocks can't be merged; they stay as they are");
                }
            }
            Err(error) => {
                let next = pause.map_or(PAUSES.0, |pause| pause * 2).min(PAUSES.1);
                tracing::error!(error = %error.report(), retry_in = ?next, "the head can't be cut; it stays in log and memory");
                pause = Some(next);
            }
        }
    }
}

// === impl Frozen ===

impl Frozen {
    fn samples_of(&self, series: &Snapshot, start: i64, end: i64) -> Samples {
        let reaches = |piece: &&Arc<Piece>| piece.chunk().min_ts() <= end && piece.chunk().max_ts() >= start;
        let mut chunks: Vec<_> = series.pieces.iter().filter(reaches).map(|piece| piece.chunk()).collect();
        chunks.sort_by_key(|chunk| chunk.min_ts());
        let (mut timestamps, mut values) = Samples::default();
        if chunks.is_sorted_by(|a, b| a.max_ts() < b.min_ts()) {
            chunks.iter().for_each(|chunk| chunk.decode_into(start, end, &mut timestamps, &mut values));
            return (timestamps, values);
        }
        let mut runs = vec![Samples::default(); chunks.len()];
        for (chunk, (t, v)) in chunks.iter().zip(&mut runs) {
            chunk.decode_into(start, end, t, v);
        }
        let borrowed: Vec<_> = runs.iter().map(|(t, v)| (t.as_slice(), v.as_slice())).collect();
        self.conflicts.fetch_add(merge(&borrowed, &mut timestamps, &mut values), Relaxed);
        (timestamps, values)
    }

    /// The UTC days that have samples.
    fn days(&self) -> BTreeSet<i64> {
        let mut days = BTreeSet::new();
        for piece in self.series.iter().flat_map(|series| &series.pieces) {
            let chunk = piece.chunk();
            let (first, last) = (chunk.min_ts().div_euclid(DAY), chunk.max_ts().div_euclid(DAY));
            if first == last {
                days.insert(first);
            } else {
                days.extend(chunk.iter().map(|(ts, _)| ts.div_euclid(DAY)));
            }
        }
        days
    }
}

#[async_trait]
impl Rows for Frozen {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, i: usize) -> Labels<'_> {
        Labels::from_canonical(self.series.get(i).map_or(&[], |series| &series.labels))
    }

    fn id(&self, i: usize) -> SeriesId {
        self.series.get(i).map_or(SeriesId([0; 16]), |series| series.id)
    }

    fn samples(&self, i: usize) -> usize {
        self.series.get(i).map_or(0, |series| series.pieces.iter().map(|piece| piece.chunk().count()).sum())
    }

    async fn read(&self, range: Range<usize>, start: i64, end: i64) -> Result<Vec<Samples>> {
        let series = self.series.get(range).unwrap_or(&[]);
        Ok(series.iter().map(|series| self.samples_of(series, start, end)).collect())
    }
}

/// A task that panicked or was cut off by the runtime's end.
pub(super) fn lost(error: JoinError) -> Error {
    if error.is_cancelled() {
        Error::closed()
    } else {
        Error::internal("a task of the store failed").with_source(error)
    }
}
