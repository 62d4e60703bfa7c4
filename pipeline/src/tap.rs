//! Where what flows can be watched: a point at the entrance of each stage of the write path.
//!
//! Shape: the observer of a stage has a point, which costs a load while nobody watches. Who watches gets batches that
//! share the buffers of those that flow, so that nothing is copied; what does not fit into the bounded room between is
//! counted, and nobody waits. A watch outlives reloads: points that come later under the names that it watches are
//! watched, too.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::mpsc;

use crate::ack::{Ack, Outcome};
use crate::batch::Batch;
use crate::error::Place;

mod rates;
mod selected;

pub use rates::{Counted, Rate, Rates};
pub use selected::Selected;

/// How many batches wait for who watches.
const MAX_BATCHES: usize = 1024;

/// What batches may take that wait for who watches, in bytes. One that is alone may take more.
const MAX_BYTES: u64 = 16 << 20;

/// The points of a program. A clone is the same.
#[derive(Clone, Default)]
pub struct Taps(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    points: Vec<Weak<Point>>,
    watchers: Vec<Arc<Watcher>>,
}

/// The entrance of a stage. It is there as long as the stage is.
pub(crate) struct Point {
    at: Spot,
    place: Place,
    /// Whether anybody watches.
    watched: AtomicBool,
    watchers: Mutex<Vec<Arc<Watcher>>>,
    counts: Counts,
}

/// Where a point is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The pipeline.
    pub(crate) pipeline: String,
    /// The branches above, as `stages[0].shard[a].`, or empty.
    pub(crate) branch: String,
    /// The stage, as `stages[1].filter` or `sink.blocks`.
    pub(crate) stage: String,
    /// Whether what its source sends comes here first.
    pub(crate) is_first: bool,
}

/// What came to a point while somebody watched.
#[derive(Default)]
struct Counts {
    batches: AtomicU64,
    samples: AtomicU64,
    series: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
    errors: AtomicU64,
}

/// One who watches points.
struct Watcher {
    selected: Selected,
    /// Where batches go; none where they are only counted.
    batches: Option<mpsc::Sender<Shown>>,
    /// What batches take that wait.
    held: AtomicU64,
    missed: AtomicU64,
}

/// Watches points until it is dropped.
pub struct Watch {
    taps: Taps,
    watcher: Arc<Watcher>,
    batches: mpsc::Receiver<Shown>,
}

/// A batch that came to a stage.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Which stage.
    pub place: Place,
    /// The batch.
    pub batch: Batch,
}

// === impl Taps ===

impl Taps {
    /// A point that is new. It is watched where somebody watches its name.
    pub(crate) fn point(&self, at: Spot) -> Arc<Point> {
        let place = at.place().into();
        let point =
            Point { at, place, watched: AtomicBool::new(false), watchers: Mutex::default(), counts: Counts::default() };
        let point = Arc::new(point);
        let mut state = self.lock();
        state.points.retain(|known| known.strong_count() > 0);
        state.points.push(Arc::downgrade(&point));
        for watcher in state.watchers.iter().filter(|watcher| watcher.selected.selects(&point.at)) {
            point.watch(watcher);
        }
        point
    }

    /// What `target` names: a pipeline, which means what its source sends, or `pipeline.stage`, which means what comes
    /// to that stage, in all branches where there are several. A stage is named by its kind, where there is one of that
    /// kind, or as in `stages[1]`, `stages[1].filter`, `sink`.
    ///
    /// # Errors
    /// A sentence: there is none of the name, or there are several.
    pub fn find(&self, target: &str) -> Result<Selected, String> {
        Selected::find(target, &self.spots())
    }

    /// Watches what comes, unless `most` are watching.
    pub fn watch(&self, selected: Selected, most: usize) -> Option<Watch> {
        let (sender, batches) = mpsc::channel(MAX_BATCHES);
        let watcher = self.enter(selected, Some(sender), most)?;
        Some(Watch { taps: self.clone(), watcher, batches })
    }

    /// Counts what comes, unless `most` are watching.
    pub fn rates(&self, selected: Selected, most: usize) -> Option<Rates> {
        let watcher = self.enter(selected, None, most)?;
        Some(Rates::new(self.clone(), watcher))
    }

    fn enter(&self, selected: Selected, batches: Option<mpsc::Sender<Shown>>, most: usize) -> Option<Arc<Watcher>> {
        let mut state = self.lock();
        if state.watchers.len() >= most {
            return None;
        }
        let watcher = Watcher { selected, batches, held: AtomicU64::new(0), missed: AtomicU64::new(0) };
        let watcher = Arc::new(watcher);
        for point in state.points.iter().filter_map(Weak::upgrade).filter(|p| watcher.selected.selects(&p.at)) {
            point.watch(&watcher);
        }
        state.watchers.push(watcher.clone());
        Some(watcher)
    }

    fn leave(&self, watcher: &Arc<Watcher>) {
        let mut state = self.lock();
        state.watchers.retain(|other| !Arc::ptr_eq(other, watcher));
        state.points.iter().filter_map(Weak::upgrade).for_each(|point| point.forget(watcher));
    }

    /// The points that there are now.
    fn points(&self) -> Vec<Arc<Point>> {
        self.lock().points.iter().filter_map(Weak::upgrade).collect()
    }

    /// Where there are points: each stage once, in the order of their pipelines, and from source to sink.
    fn spots(&self) -> Vec<Spot> {
        let mut spots: Vec<Spot> = self.points().iter().map(|point| point.at.clone()).collect();
        spots.sort_by(|one, other| one.order().cmp(&other.order()));
        spots.dedup();
        spots
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Taps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Taps({} watch)", self.lock().watchers.len())
    }
}

// === impl Spot ===

impl Spot {
    /// As metrics and errors name it.
    pub(crate) fn place(&self) -> String {
        format!("{}.{}{}", self.pipeline, self.branch, self.stage)
    }

    /// By pipeline, then from source to sink.
    fn order(&self) -> (&str, usize, &str, &str) {
        let number = self.stage.strip_prefix("stages[").and_then(|rest| rest.split(']').next()?.parse::<usize>().ok());
        let number = match number {
            Some(number) => number.saturating_add(1),
            None if self.stage.starts_with("sink.") => usize::MAX,
            None => 0,
        };
        (&self.pipeline, number, &self.stage, &self.branch)
    }
}

// === impl Point ===

impl Point {
    /// Whether anybody watches: all that it costs where nobody does.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// A batch has come.
    pub(crate) fn came(&self, batch: &Batch) {
        let add = |count: &AtomicU64, more: usize| count.fetch_add(more as u64, Ordering::Relaxed);
        add(&self.counts.batches, 1);
        add(&self.counts.samples, batch.sample_count());
        add(&self.counts.series, batch.series_count());
        add(&self.counts.bytes, batch.byte_size());
        for watcher in self.lock().iter() {
            watcher.offer(&self.place, batch);
        }
    }

    /// An ack has come back, in which what happened here has no place yet.
    pub(crate) fn acked(&self, ack: &Ack) {
        let here = ack.entries().iter().filter(|entry| entry.place.is_none());
        let dropped = here.filter(|entry| matches!(entry.outcome, Outcome::Dropped | Outcome::Rejected));
        self.counts.dropped.fetch_add(dropped.map(|entry| entry.count).sum(), Ordering::Relaxed);
    }

    /// A request has failed here.
    pub(crate) fn failed(&self) {
        self.counts.errors.fetch_add(1, Ordering::Relaxed);
    }

    fn watch(&self, watcher: &Arc<Watcher>) {
        let mut watchers = self.lock();
        watchers.push(watcher.clone());
        self.watched.store(true, Ordering::Relaxed);
    }

    fn forget(&self, watcher: &Arc<Watcher>) {
        let mut watchers = self.lock();
        watchers.retain(|other| !Arc::ptr_eq(other, watcher));
        self.watched.store(!watchers.is_empty(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Watcher>>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Watcher ===

impl Watcher {
    /// Gives a batch to who watches, where there is room.
    fn offer(&self, place: &Place, batch: &Batch) {
        let Some(sender) = &self.batches else { return };
        let bytes = batch.byte_size() as u64;
        let fits =
            |held: u64| (held == 0 || held.saturating_add(bytes) <= MAX_BYTES).then_some(held.saturating_add(bytes));
        if self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok() {
            if sender.try_send(Shown { place: place.clone(), batch: batch.clone() }).is_ok() {
                return;
            }
            self.held.fetch_sub(bytes, Ordering::Relaxed);
        }
        self.missed.fetch_add(batch.sample_count() as u64, Ordering::Relaxed);
    }
}

// === impl Watch ===

impl Watch {
    /// The next batch. Cancel safe.
    pub async fn next(&mut self) -> Option<Shown> {
        let shown = self.batches.recv().await?;
        self.watcher.held.fetch_sub(shown.batch.byte_size() as u64, Ordering::Relaxed);
        Some(shown)
    }

    /// How many samples there was no room for since this was asked last.
    pub fn missed(&self) -> u64 {
        self.watcher.missed.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.taps.leave(&self.watcher);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({:?})", self.watcher.selected)
    }
}

#[cfg(test)]
mod tests;
