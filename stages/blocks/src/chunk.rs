//! Compressed samples of one series, in memory.
//!
//! Byte-aligned, so that it is fast, and made for what metrics are: regular timestamps, counters that grow by small
//! integers, gauges with few decimals, values that stay. One tag byte per sample, bits 7 and 6 for the timestamp, the
//! rest for the value:
//!
//! ```text
//! timestamp  0: delta as before   1: change of delta, i8   2: change of delta, i16   3: change of delta, varint
//! value      0: as before         1: decimal delta, varint           2: new scale byte, then decimal delta
//!            3..=38: XOR with the last value, of which only the bytes that are not zero
//!            40..=63: this and 1..=24 more samples at the same delta with the same value (timestamp code 0 only)
//! ```
//!
//! A decimal is `mantissa / 10^scale`, taken only where that gives the value back bit for bit; the delta is against the
//! mantissa nearest to the last value. Every `f64` survives: NaN payloads, `-0.0`, infinities. The first timestamp is
//! kept beside the bytes. Since when samples count, where that is known, stands behind them ([`Starts`]). The format lives in
//! memory only and has no version. Native histograms are in chunks of their own.

mod codec;
#[doc(hidden)]
pub mod fuzz;
mod histograms;
mod starts;

use std::ops::Range;

use weir_pipeline::HistogramPoint;

use codec::{Decoder, Hints, State};
pub use histograms::{HistogramPoints, OpenHistograms};
pub use starts::Starts;

/// How many samples a chunk takes before the next one begins.
pub const SAMPLES: u32 = 120;

/// A finished chunk: samples of one series with strictly rising timestamps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    min_ts: i64,
    max_ts: i64,
    count: u32,
    content: Content,
    data: Box<[u8]>,
}

/// What the samples of a chunk are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Floats,
    /// With starts behind them.
    FloatsSince,
    Histograms,
}

/// A chunk that still grows. Each series has one: the fields of the encoder's state are apart, so that none of its 64 bytes is
/// left empty.
#[derive(Clone, Debug, Default)]
pub struct Open {
    data: Vec<u8>,
    min_ts: i64,
    ts: i64,
    delta: i64,
    bits: u64,
    count: u32,
    scale: u8,
    hints: Hints,
}

/// The walk over the samples of a chunk.
#[derive(Clone, Debug)]
pub struct Samples<'a> {
    data: &'a [u8],
    left: u32,
    repeat: u32,
    decoder: Decoder,
}

// === impl Chunk ===

impl Chunk {
    /// A chunk of samples with strictly rising timestamps; `None` where there is none.
    pub fn of(samples: impl IntoIterator<Item = (i64, f64)>) -> Option<Self> {
        let mut open = Open::default();
        samples.into_iter().for_each(|(t, v)| open.push(t, v));
        open.seal()
    }

    /// A chunk of native histograms with strictly rising timestamps; `None` where there is none.
    pub fn of_histograms<'a>(points: impl IntoIterator<Item = &'a HistogramPoint>) -> Option<Self> {
        let mut open = OpenHistograms::default();
        points.into_iter().for_each(|point| open.push(point));
        open.seal()
    }

    /// Whether the samples are native histograms, else floats.
    pub fn has_histograms(&self) -> bool {
        self.content == Content::Histograms
    }

    /// The first timestamp.
    pub fn min_ts(&self) -> i64 {
        self.min_ts
    }

    /// The last timestamp.
    pub fn max_ts(&self) -> i64 {
        self.max_ts
    }

    /// How many samples there are, at least one.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// What the chunk takes in memory, in bytes.
    pub fn byte_size(&self) -> usize {
        size_of::<Self>() + self.data.len()
    }

    /// The floats, in order of time.
    pub fn iter(&self) -> Samples<'_> {
        let count = if self.has_histograms() { 0 } else { self.count };
        Samples::new(&self.data, count, self.min_ts)
    }

    /// The native histograms, in order of time.
    pub fn histograms(&self) -> HistogramPoints<'_> {
        HistogramPoints::new(&self.data, if self.has_histograms() { self.count } else { 0 })
    }

    /// Appends the floats within `start..=end`, and says which of the chunk's these are.
    pub fn decode_into(&self, start: i64, end: i64, timestamps: &mut Vec<i64>, values: &mut Vec<f64>) -> Range<usize> {
        if self.has_histograms() {
            return 0..0;
        }
        let from = timestamps.len().min(values.len());
        timestamps.resize(from + self.count(), 0);
        values.resize(from + self.count(), 0.0);
        let (Some(times), Some(floats)) = (timestamps.get_mut(from..), values.get_mut(from..)) else { return 0..0 };
        let read = codec::decode_all(&self.data, self.min_ts, times, floats);
        let times = times.get(..read).unwrap_or_default();
        let before = if start <= self.min_ts { 0 } else { times.partition_point(|t| *t < start) };
        let until = if self.max_ts <= end { read } else { times.partition_point(|t| *t <= end) };
        timestamps.truncate(from + until);
        values.truncate(from + until);
        if before > 0 {
            timestamps.drain(from..from + before.min(until));
            values.drain(from..from + before.min(until));
        }
        before.min(until)..until
    }
}

// === impl Open ===

impl Open {
    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many samples there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The last sample; meaningless while there is none.
    pub fn last(&self) -> (i64, f64) {
        (self.ts, f64::from_bits(self.bits))
    }

    /// The first timestamp; meaningless while there is none.
    pub fn min_ts(&self) -> i64 {
        self.min_ts
    }

    /// What the bytes take in memory.
    pub fn byte_size(&self) -> usize {
        self.data.capacity()
    }

    /// Adds a sample. Its timestamp must be above the last one's.
    pub fn push(&mut self, ts: i64, value: f64) {
        if self.count == 0 {
            self.min_ts = ts;
            self.ts = ts;
            self.data.reserve(16);
        }
        let mut state = State { ts: self.ts, delta: self.delta, bits: self.bits, scale: self.scale };
        codec::encode(&mut state, &mut self.hints, ts, value, &mut self.data);
        State { ts: self.ts, delta: self.delta, bits: self.bits, scale: self.scale } = state;
        self.count += 1;
    }

    /// The samples, in order of time.
    pub fn iter(&self) -> Samples<'_> {
        Samples::new(&self.data, self.count, self.min_ts)
    }

    /// A finished copy; `None` where there is no sample.
    pub fn snapshot(&self) -> Option<Chunk> {
        let (max_ts, _) = self.last();
        let (min_ts, count, content) = (self.min_ts, self.count, Content::Floats);
        (count > 0).then(|| Chunk { min_ts, max_ts, count, content, data: self.data.as_slice().into() })
    }

    /// Takes the samples out as a finished chunk; `None` where there is no sample.
    pub fn seal(&mut self) -> Option<Chunk> {
        let open = std::mem::take(self);
        let (max_ts, _) = open.last();
        let (min_ts, count, content) = (open.min_ts, open.count, Content::Floats);
        (count > 0).then(|| Chunk { min_ts, max_ts, count, content, data: open.data.into_boxed_slice() })
    }
}

// === impl Samples ===

impl<'a> Samples<'a> {
    /// Reads `count` samples from `data`, which may be rubbish: then there are fewer.
    pub(crate) fn new(data: &'a [u8], count: u32, min_ts: i64) -> Self {
        Self { data, left: count, repeat: 0, decoder: Decoder::new(min_ts) }
    }
}

impl Iterator for Samples<'_> {
    type Item = (i64, f64);

    #[inline]
    fn next(&mut self) -> Option<(i64, f64)> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        if self.repeat > 0 {
            self.repeat -= 1;
            self.decoder.repeat();
        } else if let Some((repeat, rest)) = self.decoder.decode(self.data) {
            self.repeat = repeat;
            self.data = rest;
        } else {
            self.left = 0;
            return None;
        }
        Some(self.decoder.sample())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left as usize))
    }
}

#[cfg(test)]
mod tests;
