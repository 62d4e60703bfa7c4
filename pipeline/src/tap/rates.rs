//! How much comes to stages.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::{Counts, Point, Taps, Watcher};

/// Counts what comes to points until it is dropped.
pub struct Rates {
    taps: Taps,
    watcher: Arc<Watcher>,
    /// What each point had counted when it was looked at last.
    before: Vec<(Weak<Point>, Counted)>,
}

/// How much came to a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The pipeline.
    pub pipeline: String,
    /// The stage, as `stages[1].filter` or `sink.blocks`.
    pub stage: String,
    /// How much, in all branches.
    pub counted: Counted,
}

/// How much came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Batches.
    pub batches: u64,
    /// Samples in them.
    pub samples: u64,
    /// Series in them; one that comes in two batches counts twice.
    pub series: u64,
    /// What they take in memory.
    pub bytes: u64,
    /// Samples that the stage itself dropped or rejected.
    pub dropped: u64,
    /// Requests that failed at the stage itself.
    pub errors: u64,
}

// === impl Rates ===

impl Rates {
    pub(super) fn new(taps: Taps, watcher: Arc<Watcher>) -> Self {
        let mut rates = Self { taps, watcher, before: Vec::new() };
        // What others counted before is none of it.
        rates.take();
        rates
    }

    /// How much has come to each stage since this was asked last, from source to sink.
    pub fn take(&mut self) -> Vec<Rate> {
        let mut points = self.taps.points();
        points.retain(|point| self.watcher.selected.selects(&point.at));
        points.sort_by(|one, other| one.at.order().cmp(&other.at.order()));
        let (mut now, mut rates, mut places) = (Vec::new(), Vec::<Rate>::new(), BTreeMap::new());
        for point in &points {
            let (counted, weak) = (point.counts.read(), Arc::downgrade(point));
            let before = self.before.iter().find(|(known, _)| known.ptr_eq(&weak)).map(|(_, before)| *before);
            let more = counted.since(before.unwrap_or_default());
            now.push((weak, counted));
            let name = (point.at.pipeline.as_str(), point.at.stage.as_str());
            let place = *places.entry(name).or_insert(rates.len());
            match rates.get_mut(place) {
                Some(rate) => rate.counted.add(more),
                None => rates.push(Rate { pipeline: name.0.to_owned(), stage: name.1.to_owned(), counted: more }),
            }
        }
        self.before = now;
        rates
    }
}

impl Drop for Rates {
    fn drop(&mut self) {
        self.taps.leave(&self.watcher);
    }
}

impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rates({:?})", self.watcher.selected)
    }
}

// === impl Counts ===

impl Counts {
    fn read(&self) -> Counted {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counted {
            batches: read(&self.batches),
            samples: read(&self.samples),
            series: read(&self.series),
            bytes: read(&self.bytes),
            dropped: read(&self.dropped),
            errors: read(&self.errors),
        }
    }
}

// === impl Counted ===

impl Counted {
    fn each(&mut self, other: Self, change: impl Fn(u64, u64) -> u64) {
        let pairs = [
            (&mut self.batches, other.batches),
            (&mut self.samples, other.samples),
            (&mut self.series, other.series),
            (&mut self.bytes, other.bytes),
            (&mut self.dropped, other.dropped),
            (&mut self.errors, other.errors),
        ];
        pairs.into_iter().for_each(|(own, other)| *own = change(*own, other));
    }

    fn add(&mut self, other: Self) {
        self.each(other, u64::wrapping_add);
    }

    fn since(mut self, before: Self) -> Self {
        self.each(before, u64::wrapping_sub);
        self
    }
}
