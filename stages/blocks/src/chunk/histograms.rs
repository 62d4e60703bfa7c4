//! Native histograms of one series, in memory: points one after the other, each told from the one before.

use weir_pipeline::HistogramPoint;

use super::{Chunk, Content};

/// A chunk of native histograms that still grows.
#[derive(Clone, Debug, Default)]
pub struct OpenHistograms {
    data: Vec<u8>,
    min_ts: i64,
    count: u32,
    last: Option<HistogramPoint>,
}

/// The walk over the native histograms of a chunk.
#[derive(Clone, Debug)]
pub struct HistogramPoints<'a> {
    data: &'a [u8],
    left: u32,
    last: Option<HistogramPoint>,
}

// === impl OpenHistograms ===

impl OpenHistograms {
    /// How many points there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The last point; `None` while there is none.
    pub fn last(&self) -> Option<&HistogramPoint> {
        self.last.as_ref()
    }

    /// The first timestamp; meaningless while there is none.
    pub fn min_ts(&self) -> i64 {
        self.min_ts
    }

    /// What it takes in memory, in bytes.
    pub fn byte_size(&self) -> usize {
        self.data.capacity() + self.last.as_ref().map_or(0, |last| last.histogram.byte_size())
    }

    /// Adds a point. Its timestamp must be above the last one's.
    pub fn push(&mut self, point: &HistogramPoint) {
        if self.count == 0 {
            self.min_ts = point.timestamp;
        }
        point.encode_after(self.last.as_ref(), &mut self.data);
        self.last = Some(point.clone());
        self.count += 1;
    }

    /// A finished copy; `None` where there is no point.
    pub fn snapshot(&self) -> Option<Chunk> {
        self.clone().seal()
    }

    /// Takes the points out as a finished chunk; `None` where there is no point.
    pub fn seal(&mut self) -> Option<Chunk> {
        let open = std::mem::take(self);
        let max_ts = open.last?.timestamp;
        let (min_ts, count, data) = (open.min_ts, open.count, open.data.into_boxed_slice());
        Some(Chunk { min_ts, max_ts, count, content: Content::Histograms, data })
    }
}

// === impl HistogramPoints ===

impl<'a> HistogramPoints<'a> {
    /// Reads `count` points from `data`, which may be rubbish: then there are fewer.
    pub(super) fn new(data: &'a [u8], count: u32) -> Self {
        Self { data, left: count, last: None }
    }
}

impl Iterator for HistogramPoints<'_> {
    type Item = HistogramPoint;

    fn next(&mut self) -> Option<HistogramPoint> {
        self.left = self.left.checked_sub(1)?;
        let next = HistogramPoint::decode_after(self.last.as_ref(), &mut self.data);
        if next.is_none() {
            self.left = 0;
        }
        self.last.clone_from(&next);
        next
    }
}
