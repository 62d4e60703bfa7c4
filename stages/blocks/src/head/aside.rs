//! What few series have: samples that came late, and native histograms.

use weir_pipeline::HistogramPoint;

use super::series::Change;
use crate::chunk::{Chunk, OpenHistograms, SAMPLES};
use crate::merge::{beats, merge_histograms, winner};

/// So many late samples become a chunk of their own.
const LATE: usize = 64;

/// Samples of a series that are in no chunk, and not in the open one of floats.
#[derive(Default)]
pub(super) struct Aside {
    late: Vec<(i64, f64)>,
    histograms: OpenHistograms,
    late_histograms: Vec<HistogramPoint>,
    /// What late histograms take beside their places, in bytes.
    late_bytes: usize,
}

// === impl Aside ===

impl Aside {
    /// Adds a float that comes after a later one.
    pub(super) fn push_late(&mut self, ts: i64, value: f64) {
        self.late.push((ts, value));
    }

    /// Adds a histogram. Returns `Some(true)` where it lost against the one of that time, and `Some(false)` where that is the
    /// same.
    pub(super) fn push_histogram(&mut self, point: &HistogramPoint) -> Option<bool> {
        match self.histograms.last() {
            Some(last) if point.timestamp == last.timestamp && !beats(point, last) => return Some(beats(last, point)),
            Some(last) if point.timestamp <= last.timestamp => {
                self.late_bytes += point.histogram.byte_size();
                self.late_histograms.push(point.clone());
            }
            _ => self.histograms.push(point),
        }
        None
    }

    /// Takes out what is long enough for a chunk; all where `all`.
    pub(super) fn seal(&mut self, all: bool, change: &mut Change) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        if all || self.late.len() >= LATE {
            chunks.extend(Chunk::of(sorted(std::mem::take(&mut self.late), change)));
        }
        if all || self.histograms.count() >= SAMPLES {
            chunks.extend(self.histograms.seal());
        }
        if all || self.late_histograms.len() >= LATE {
            self.late_bytes = 0;
            chunks.extend(sorted_histograms(std::mem::take(&mut self.late_histograms), change));
        }
        chunks
    }

    /// Finished copies of all that is here.
    pub(super) fn snapshot(&self) -> impl Iterator<Item = Chunk> {
        let mut change = Change::default();
        let late = Chunk::of(sorted(self.late.clone(), &mut change));
        let late_histograms = sorted_histograms(self.late_histograms.clone(), &mut change);
        late.into_iter().chain(self.histograms.snapshot()).chain(late_histograms)
    }

    /// The times of the first and of the last sample of each chunk that it would become.
    pub(super) fn extents(&self) -> impl Iterator<Item = (i64, i64)> {
        let late = self.late.iter().map(|(ts, _)| *ts);
        let late_histograms = self.late_histograms.iter().map(|point| point.timestamp);
        let open = self.histograms.last().map(|last| (self.histograms.min_ts(), last.timestamp));
        let both = |min: Option<i64>, max: Option<i64>| min.zip(max);
        let late = both(late.clone().min(), late.max());
        late.into_iter().chain(open).chain(both(late_histograms.clone().min(), late_histograms.max()))
    }

    /// How many samples there are, those of one time apart.
    pub(super) fn count(&self) -> usize {
        self.late.len() + self.histograms.count() as usize + self.late_histograms.len()
    }

    /// Whether there is no sample.
    pub(super) fn is_empty(&self) -> bool {
        self.late.is_empty() && self.histograms.count() == 0 && self.late_histograms.is_empty()
    }

    /// What it takes in memory, in bytes.
    pub(super) fn byte_size(&self) -> usize {
        size_of::<Self>()
            + self.late.capacity() * size_of::<(i64, f64)>()
            + self.histograms.byte_size()
            + self.late_histograms.capacity() * size_of::<HistogramPoint>()
            + self.late_bytes
    }
}

/// Late samples in order of time, one for each timestamp.
fn sorted(mut late: Vec<(i64, f64)>, change: &mut Change) -> Vec<(i64, f64)> {
    late.sort_by_key(|(ts, _)| *ts);
    let before = late.len();
    late.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            change.conflicts += u64::from(next.1.to_bits() != kept.1.to_bits());
            kept.1 = winner(kept.1, next.1);
        }
        same
    });
    change.absorbed(before - late.len());
    late
}

/// Late histograms in order of time, one for each timestamp.
fn sorted_histograms(mut late: Vec<HistogramPoint>, change: &mut Change) -> Option<Chunk> {
    let before = late.len();
    change.conflicts += merge_histograms(&mut late);
    change.absorbed(before - late.len());
    Chunk::of_histograms(&late)
}
