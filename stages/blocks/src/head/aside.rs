//! What few series have: samples that came late, native histograms, and starts.

use weir_pipeline::HistogramPoint;

use super::series::Change;
use crate::chunk::{Chunk, OpenHistograms, SAMPLES, Starts};
use crate::merge::{beats, beats_float, merge_histograms};

/// So many late samples become a chunk of their own.
const LATE: usize = 64;

/// Samples of a series that are in no chunk, and not in the open one of floats, and the starts of those that are in that one.
#[derive(Default)]
pub(super) struct Aside {
    /// Timestamp, value, and start.
    late: Vec<(i64, f64, i64)>,
    /// Since when the samples of the open chunk count.
    pub(super) starts: Starts,
    /// `None` where there is none.
    histograms: Option<Box<Histograms>>,
}

/// Native histograms.
#[derive(Default)]
struct Histograms {
    open: OpenHistograms,
    late: Vec<HistogramPoint>,
    /// What late ones take beside their places, in bytes.
    late_bytes: usize,
}

// === impl Aside ===

impl Aside {
    /// Adds a float that comes after a later one.
    pub(super) fn push_late(&mut self, ts: i64, value: f64, start: i64) {
        self.late.push((ts, value, start));
    }

    /// Whether a late float of this time fulfils a condition.
    pub(super) fn has_late(&self, ts: i64, is: impl Fn(f64) -> bool) -> bool {
        self.late.iter().any(|(late, value, _)| *late == ts && is(*value))
    }

    /// Adds a histogram. Returns `Some(true)` where it lost against the one of that time, and `Some(false)` where that is the
    /// same.
    pub(super) fn push_histogram(&mut self, point: &HistogramPoint) -> Option<bool> {
        self.histograms.get_or_insert_default().push(point)
    }

    /// Takes out what is long enough for a chunk; all where `all`.
    pub(super) fn seal(&mut self, all: bool, change: &mut Change) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        if all || self.late.len() >= LATE {
            chunks.extend(Chunk::of_since(sorted(std::mem::take(&mut self.late), change)));
        }
        if let Some(histograms) = &mut self.histograms {
            histograms.seal(all, change, &mut chunks);
            if histograms.count() == 0 {
                self.histograms = None;
            }
        }
        chunks
    }

    /// Finished copies of all that is here.
    pub(super) fn snapshot(&self) -> impl Iterator<Item = Chunk> {
        let late = Chunk::of_since(sorted(self.late.clone(), &mut Change::default()));
        late.into_iter().chain(self.histograms.iter().flat_map(|histograms| histograms.snapshot()))
    }

    /// The times of the first and of the last sample of each chunk that it would become.
    pub(super) fn extents(&self) -> impl Iterator<Item = (i64, i64)> {
        let late = extent(self.late.iter().map(|(ts, ..)| *ts));
        late.into_iter().chain(self.histograms.iter().flat_map(|histograms| histograms.extents()))
    }

    /// How many samples there are, those of one time apart.
    pub(super) fn count(&self) -> usize {
        self.late.len() + self.histograms.as_ref().map_or(0, |histograms| histograms.count())
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.late.is_empty() && self.starts.is_empty() && self.histograms.is_none()
    }

    /// What it takes in memory, in bytes.
    pub(super) fn byte_size(&self) -> usize {
        size_of::<Self>()
            + self.late.capacity() * size_of::<(i64, f64, i64)>()
            + self.starts.byte_size()
            + self.histograms.as_ref().map_or(0, |histograms| histograms.byte_size())
    }
}

// === impl Histograms ===

impl Histograms {
    fn push(&mut self, point: &HistogramPoint) -> Option<bool> {
        match self.open.last() {
            Some(last) if point.timestamp == last.timestamp && !beats(point, last) => return Some(beats(last, point)),
            Some(last) if point.timestamp <= last.timestamp => {
                self.late_bytes += point.histogram.byte_size();
                self.late.push(point.clone());
            }
            _ => self.open.push(point),
        }
        None
    }

    fn seal(&mut self, all: bool, change: &mut Change, chunks: &mut Vec<Chunk>) {
        if all || self.open.count() >= SAMPLES {
            chunks.extend(self.open.seal());
        }
        if all || self.late.len() >= LATE {
            self.late_bytes = 0;
            chunks.extend(sorted_histograms(std::mem::take(&mut self.late), change));
        }
    }

    fn snapshot(&self) -> impl Iterator<Item = Chunk> + use<> {
        let late = sorted_histograms(self.late.clone(), &mut Change::default());
        self.open.snapshot().into_iter().chain(late)
    }

    fn extents(&self) -> impl Iterator<Item = (i64, i64)> + use<> {
        let open = self.open.last().map(|last| (self.open.min_ts(), last.timestamp));
        open.into_iter().chain(extent(self.late.iter().map(|point| point.timestamp)))
    }

    fn count(&self) -> usize {
        self.open.count() as usize + self.late.len()
    }

    fn byte_size(&self) -> usize {
        size_of::<Self>() + self.open.byte_size() + self.late.capacity() * size_of::<HistogramPoint>() + self.late_bytes
    }
}

/// The first and the last of some times.
fn extent(times: impl Iterator<Item = i64> + Clone) -> Option<(i64, i64)> {
    times.clone().min().zip(times.max())
}

/// Late samples in order of time, one for each timestamp.
fn sorted(mut late: Vec<(i64, f64, i64)>, change: &mut Change) -> Vec<(i64, f64, i64)> {
    late.sort_by_key(|(ts, ..)| *ts);
    let before = late.len();
    late.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            change.conflicts += u64::from(next.1.to_bits() != kept.1.to_bits());
            if beats_float((next.1, next.2), (kept.1, kept.2)) {
                *kept = *next;
            }
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
