//! From the head to blocks.

use std::collections::BTreeSet;
use std::ops::{AddAssign, Range};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep, timeout};
use weir_pipeline::batch::Metadata;
use weir_pipeline::{Error, Labels, Result, SeriesId, Tenant};

use super::exemplars::Fresh;
use super::shelf::{Block, Rows, Samples};
use super::{Run, Store, lock};
use crate::background::background;
use crate::extras::{Extras, family};
use crate::head::{Piece, Snapshot};

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

/// Frozen series of the head as rows of a block. A clone has the same ones.
#[derive(Clone)]
struct Frozen {
    series: Arc<Vec<Snapshot>>,
    conflicts: Arc<AtomicU64>,
    extras: Arc<Extras>,
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
        let mut pending = self.0.cutting.lock().await;
        let mut cut = Cut::default();
        // What failed before comes first and alone: freezing more each time would leave ever smaller chunks in memory.
        if let Some(epoch) = *pending {
            cut += self.write(epoch).await?;
        }
        self.0.log.rotate().await?;
        let epoch = self.0.head.freeze();
        *pending = Some(epoch);
        cut += self.write(epoch).await?;
        *pending = None;
        // Exemplars, and what is said of metrics, are in the log alone, whose segments go.
        self.write_known().await?;
        cut.segments = self.0.log.reclaim().await? as u64;
        Ok(cut)
    }

    /// The part of a cut that needs no log: the caller sees to it that there is one at a time.
    pub(super) async fn write(&self, epoch: u32) -> Result<Cut> {
        let begin = Instant::now();
        let (mut cut, mut failed) = (Cut::default(), None);
        let mut tenants = self.0.head.tenant_names();
        tenants.extend(self.0.exemplars.fresh_of());
        tenants.sort_unstable();
        tenants.dedup();
        for tenant in tenants {
            match self.write_tenant(&tenant, epoch).await {
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
                if cut.blocks > 0 {
                    self.0.measures.cut(&cut, begin.elapsed());
                }
                Ok(cut)
            }
        }
    }

    async fn write_tenant(&self, tenant: &Tenant, epoch: u32) -> Result<Vec<Arc<dyn Block>>> {
        let (store, name) = (self.clone(), tenant.clone());
        let taken = self.0.exemplars.take(tenant);
        let fresh = taken.fresh();
        let collect = move || {
            let series = Arc::new(store.0.head.frozen(&name, epoch));
            let rows = Frozen { series, conflicts: Arc::default(), extras: Arc::default() };
            let days = rows.days();
            let (extras, left) = rows.extras_of(&days, (*fresh).clone(), &store.0.metrics.of(&name, None));
            (days.into_iter().zip(extras), left, rows)
        };
        let (days, left, rows) = tokio::task::spawn_blocking(collect).await.map_err(lost)?;
        if self.is_leaving(tenant) {
            taken.settle(Fresh::default());
            self.publish(tenant, epoch, &[]);
            return Ok(Vec::new());
        }
        let mut blocks = Vec::new();
        for (day, extras) in days {
            let rows = Frozen { extras: Arc::new(extras), ..rows.clone() };
            match self.0.shelf.write(tenant, day * DAY, day * DAY + DAY - 1, Arc::new(rows)).await {
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
        self.0.measures.uncut(taken.settle(left));
        self.publish(tenant, epoch, &blocks);
        self.0.measures.conflicts(rows.conflicts.load(Relaxed));
        // So many small pieces of memory take a while to give back. Where there is no thread they are given back here.
        let _ = background(move || drop(rows)).await;
        Ok(blocks)
    }

    /// One turn of [`run`]: returns the pause before the next one where it failed.
    async fn turn(&self, pause: Option<Duration>) -> Option<Duration> {
        // Where there is no sample, the log may have exemplars, and what is said of metrics.
        if self.0.head.usage().samples == 0 && !self.is_pressed() && lock(&self.0.holds).is_empty() {
            return None;
        }
        match self.cut().await {
            Ok(cut) => {
                tracing::info!(blocks = cut.blocks, samples = cut.samples, segments = cut.segments, "cut the head");
                if let Err(error) = self.tidy().await {
                    tracing::warn!(error = %error.report(), "small blocks can't be merged; they stay as they are");
                }
                None
            }
            Err(error) => {
                let next = pause.map_or(PAUSES.0, |pause| pause * 2).min(PAUSES.1);
                tracing::error!(error = %error.report(), retry_in = ?next, "the head can't be cut; it stays in log and memory");
                Some(next)
            }
        }
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
pub(super) fn run(store: &Store) -> impl Future<Output = ()> + Send + use<> {
    let (period, pressed) = (store.0.settings.head.cut_after.get(), store.0.pressed.clone());
    let store = Arc::downgrade(&store.0);
    async move {
        let mut pause = None;
        loop {
            match pause {
                Some(pause) => sleep(pause).await,
                None if timeout(period, pressed.notified()).await.is_ok() => sleep(BREATH).await,
                None => {}
            }
            match store.upgrade().map(Store) {
                Some(store) if !store.0.in_flight.is_closed() => pause = store.turn(pause).await,
                _ => return,
            }
        }
    }
}

// === impl Cut ===

impl AddAssign for Cut {
    fn add_assign(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.samples += other.samples;
        self.segments += other.segments;
    }
}

// === impl Frozen ===

impl Frozen {
    fn samples_of(&self, series: &Snapshot, start: i64, end: i64) -> Samples {
        let reaches = |piece: &&Arc<Piece>| piece.chunk().min_ts() <= end && piece.chunk().max_ts() >= start;
        let mut chunks: Vec<_> = series.pieces.iter().filter(reaches).map(|piece| piece.chunk()).collect();
        chunks.sort_by_key(|chunk| chunk.min_ts());
        let mut out = Samples::default();
        if chunks.is_sorted_by(|a, b| a.max_ts() < b.min_ts()) && !chunks.iter().any(|chunk| chunk.has_histograms()) {
            chunks.iter().for_each(|chunk| chunk.decode_since((start, end), out.floats_mut()));
            return out;
        }
        let mut runs = vec![Run::default(); chunks.len()];
        for (chunk, run) in chunks.iter().zip(&mut runs) {
            chunk.decode_since((start, end), run.floats_mut());
            run.histograms.extend(chunk.histograms().filter(|point| (start..=end).contains(&point.timestamp)));
        }
        let (run, conflicts) = Run::unite(&runs);
        self.conflicts.fetch_add(conflicts, Relaxed);
        run.into()
    }

    /// What is to stand beside the samples of each of some days, and the exemplars that are left. One belongs to the day of its
    /// time, or to the next on which its series has samples; else to the last.
    fn extras_of(&self, days: &BTreeSet<i64>, mut fresh: Fresh, known: &[Metadata]) -> (Vec<Extras>, Fresh) {
        let mut all = Vec::new();
        for day in days {
            let mut extras = Extras::NONE;
            let until = if Some(day) == days.last() { i64::MAX } else { day * DAY + DAY - 1 };
            let mut last = None;
            for series in self.series.iter() {
                let of_day = |ts: i64| ts.div_euclid(DAY);
                let reaches = |piece: &Arc<Piece>| {
                    (of_day(piece.chunk().min_ts())..=of_day(piece.chunk().max_ts())).contains(day)
                };
                if !series.pieces.iter().any(reaches) {
                    continue;
                }
                let exemplars = fresh.take(&series.labels, until);
                if !exemplars.is_empty() {
                    extras.show(series.id, exemplars);
                }
                // Series of one metric follow upon each other.
                let metric = Labels::from_canonical(&series.labels).metric();
                if last != Some(metric) {
                    last = Some(metric);
                    let said = |name: &str| known.binary_search_by(|said| said.metric.as_str().cmp(name)).ok();
                    if let Some(said) = family(metric, said).and_then(|at| known.get(at)) {
                        extras.say(said.clone());
                    }
                }
            }
            all.push(extras);
        }
        (all, fresh)
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
                days.extend(chunk.histograms().map(|point| point.timestamp.div_euclid(DAY)));
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

    fn have_histograms(&self) -> bool {
        self.series.iter().flat_map(|series| &series.pieces).any(|piece| piece.chunk().has_histograms())
    }

    fn have_starts(&self) -> bool {
        self.series.iter().flat_map(|series| &series.pieces).any(|piece| piece.chunk().has_starts())
    }

    fn extras(&self) -> &Extras {
        &self.extras
    }

    async fn read(&self, range: Range<usize>, start: i64, end: i64) -> Result<Vec<Samples>> {
        let rows = self.clone();
        let read = move || {
            let series = rows.series.get(range).unwrap_or(&[]);
            series.iter().map(|series| rows.samples_of(series, start, end)).collect()
        };
        background(read).await
    }
}

/// A task that panicked or was cut off by the runtime's end.
pub(crate) fn lost(error: JoinError) -> Error {
    if error.is_cancelled() {
        Error::closed()
    } else {
        Error::internal("a task of the store failed").with_source(error)
    }
}
