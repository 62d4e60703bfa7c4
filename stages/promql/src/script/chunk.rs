//! What is known of resets of a histogram that is read from a store of Prometheus.
//!
//! Prometheus keeps the histograms of a series in chunks, and begins a new one where a counter was reset or the buckets
//! changed. Of a chunk it knows whether it is of gauges; of the first histogram in a chunk of counters it knows
//! nothing, and of each later one that it goes on from the one before. What was appended with a hint reads without it.
//!
//! Source: `appendable` of `tsdb/chunkenc/float_histogram_st.go`, `counterResetHint` of
//! `tsdb/chunkenc/histogram_meta.go`, and `histogramsAppendPreprocessor` of `tsdb/head_append.go`.

use std::sync::Arc;

use weir_pipeline::Histogram;
use weir_pipeline::histogram::{Buckets, ResetHint};

use super::size::Size;

/// A chunk ends where one of these ends, in milliseconds: what the test storage is set to.
const CHUNK_RANGE: i64 = 24 * 3_600_000;

/// The size at which a chunk is full, in bytes.
const TARGET_BYTES: usize = 1024;

/// A chunk has at least so many samples, unless it must end.
const MIN_SAMPLES: usize = 10;

/// The chunk that histograms are appended to.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    /// Whether it is of gauges.
    is_gauge: bool,
    /// The last histogram.
    last: Arc<Histogram>,
    /// The first and the last time.
    times: (i64, i64),
    /// How many samples it has.
    samples: usize,
    /// When the next one begins at the latest.
    ends: i64,
    /// Whether `ends` was computed from how fast the chunk fills.
    is_planned: bool,
    size: Size,
}

// === impl Chunk ===

impl Chunk {
    /// Appends a histogram to the chunk, if there is one, or to a new one. Returns it as it reads.
    pub(super) fn append(open: &mut Option<Self>, time: i64, start: i64, histogram: Arc<Histogram>) -> Arc<Histogram> {
        let histogram = match histogram.is_stale() {
            true => Arc::new(Histogram { sum: histogram.sum, reset: histogram.reset, ..Histogram::default() }),
            false => histogram,
        };
        let is_gauge = histogram.reset == ResetHint::Gauge;
        let fits = open.as_mut().is_some_and(|chunk| !chunk.is_over(time) && chunk.takes(&histogram));
        let hint = match open {
            Some(chunk) if fits => {
                chunk.add(time, start, histogram.clone());
                if chunk.is_gauge { ResetHint::Gauge } else { ResetHint::NotReset }
            }
            _ => {
                *open = Some(Self::new(time, start, histogram.clone(), is_gauge));
                if is_gauge { ResetHint::Gauge } else { ResetHint::Unknown }
            }
        };
        // A mark of staleness reads as nothing else.
        let hint = if histogram.is_stale() { ResetHint::Unknown } else { hint };
        if histogram.reset == hint { histogram } else { Arc::new(Histogram { reset: hint, ..(*histogram).clone() }) }
    }

    fn new(time: i64, start: i64, histogram: Arc<Histogram>, is_gauge: bool) -> Self {
        let ends = range_end(time);
        let size = Size::new(time, start, &histogram);
        Self { is_gauge, last: histogram, times: (time, time), samples: 1, ends, is_planned: false, size }
    }

    fn add(&mut self, time: i64, start: i64, histogram: Arc<Histogram>) {
        self.size.add(time, start, &histogram);
        self.times.1 = time;
        self.samples += 1;
        self.last = histogram;
    }

    /// Whether a sample at `time` begins a new chunk, whatever it is.
    fn is_over(&mut self, time: i64) -> bool {
        let bytes = self.size.bytes();
        // The end of the range counts from the start on, a planned end only once there are enough samples.
        let must = if self.is_planned { range_end(self.times.0) } else { self.ends };
        if !self.is_planned && bytes >= TARGET_BYTES / 4 {
            self.ends = planned_end(self.times, self.ends, TARGET_BYTES as f64 / bytes as f64);
            self.is_planned = true;
        }
        (time >= self.ends || bytes >= TARGET_BYTES * 2) && (self.samples >= MIN_SAMPLES || time >= must)
    }

    /// Whether the chunk takes the histogram, going on from the last.
    fn takes(&self, next: &Histogram) -> bool {
        let is_gauge = next.reset == ResetHint::Gauge;
        if is_gauge != self.is_gauge || next.reset == ResetHint::Reset {
            return false;
        }
        let last = &*self.last;
        if next.is_stale() || last.is_stale() {
            return next.is_stale();
        }
        let alike = next.schema == last.schema
            && next.zero_threshold == last.zero_threshold
            && (!next.has_custom_buckets() || next.custom == last.custom);
        let fell = next.count < last.count
            || next.zero_count < last.zero_count
            || fell(&last.positive, &next.positive)
            || fell(&last.negative, &next.negative);
        alike && (is_gauge || !fell)
    }
}

/// The end of the range of chunks that `time` is in.
fn range_end(time: i64) -> i64 {
    (time / CHUNK_RANGE).saturating_mul(CHUNK_RANGE).saturating_add(CHUNK_RANGE)
}

/// When the chunk should end for all chunks up to `most` to be of one size, at this rate.
fn planned_end((first, last): (i64, i64), most: i64, ratio: f64) -> i64 {
    let whole = most.saturating_sub(first) as f64;
    let chunks = whole / (last.saturating_sub(first).saturating_add(1) as f64 * ratio);
    if chunks <= 1.0 { most } else { (first as f64 + whole / chunks.floor()) as i64 }
}

/// Whether a bucket of `last` is fewer in `next`, or is not there any more.
fn fell(last: &Buckets, next: &Buckets) -> bool {
    let mut next = indexed(next).peekable();
    for (index, count) in indexed(last) {
        while next.next_if(|(other, _)| *other < index).is_some() {}
        match next.next_if(|(other, _)| *other == index) {
            Some((_, now)) if count > now => return true,
            None if count != 0.0 => return true,
            _ => {}
        }
    }
    false
}

/// Each bucket's index and count.
pub(super) fn indexed(buckets: &Buckets) -> impl Iterator<Item = (i64, f64)> + '_ {
    let indices = buckets.spans.iter().scan(0i64, |next, span| {
        let first = *next + i64::from(span.offset);
        *next = first + i64::from(span.length);
        Some(first..*next)
    });
    indices.flatten().zip(buckets.counts.iter().copied())
}
