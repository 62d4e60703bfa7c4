//! Native histograms: one sample that counts observations in many buckets.
//!
//! Shape: counts are absolute and floats, which hold whole counts up to 2⁵³ exactly. What arithmetic makes of histograms
//! is the query's.
//!
//! Source: `FloatHistogram` of Prometheus' `model/histogram`.

mod check;
mod codec;

use std::sync::Arc;

use crate::batch::is_stale;
use crate::query::Value;

pub use codec::CODEC_VERSION;

/// The schema of histograms whose bounds are listed one by one.
pub const CUSTOM_SCHEMA: i32 = -53;

/// The most buckets of one sign, and the most custom bounds.
const MAX_BUCKETS: usize = 1 << 16;

/// Whether a histogram may be below the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResetHint {
    /// Comparing tells.
    #[default]
    Unknown,
    /// It begins anew.
    Reset,
    /// It goes on from the one before.
    NotReset,
    /// It is no counter.
    Gauge,
}

/// Buckets that stand side by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BucketSpan {
    /// The index of the first bucket for the first span; for others the distance to the span before.
    pub offset: i32,
    /// How many buckets.
    pub length: u32,
}

/// The buckets of one sign.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// Which buckets there are.
    pub spans: Vec<BucketSpan>,
    /// The observations in each bucket of all spans.
    pub counts: Vec<f64>,
}

/// One native histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// What is known of resets.
    pub reset: ResetHint,
    /// -4 to 8: bucket `i` ends at `2^(i · 2^-schema)`. [`CUSTOM_SCHEMA`]: bucket `i` ends at `custom[i]`.
    pub schema: i32,
    /// How far from 0 the zero bucket reaches.
    pub zero_threshold: f64,
    /// The observations in the zero bucket.
    pub zero_count: f64,
    /// All observations.
    pub count: f64,
    /// The sum of all observations; [`STALE`](crate::STALE) marks the end of a series.
    pub sum: f64,
    /// The buckets above 0.
    pub positive: Buckets,
    /// The buckets below 0.
    pub negative: Buckets,
    /// The upper bounds of custom buckets, ascending, without `+Inf`.
    pub custom: Vec<f64>,
}

/// A native histogram of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramPoint {
    /// When, in milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Since when it counts; 0 is unknown.
    pub start: i64,
    /// What.
    pub histogram: Arc<Histogram>,
}

// === impl HistogramPoint ===

impl HistogramPoint {
    /// What it takes in memory, about, in bytes.
    pub fn byte_size(&self) -> usize {
        size_of::<Self>() + self.histogram.byte_size()
    }

    /// The histogram as a value, shared.
    pub fn value(&self) -> Value {
        Value::Histogram(self.histogram.clone())
    }
}

// === impl ResetHint ===

impl ResetHint {
    /// Its number in all encodings.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The hint of a number; `None` where there is none.
    pub fn of(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Unknown,
            1 => Self::Reset,
            2 => Self::NotReset,
            3 => Self::Gauge,
            _ => return None,
        })
    }
}

// === impl Buckets ===

impl Buckets {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend((self.spans.len() as u32).to_le_bytes());
        for span in &self.spans {
            out.extend(span.offset.to_le_bytes());
            out.extend(span.length.to_le_bytes());
        }
        encode_floats(&self.counts, out);
    }

    fn decode(data: &mut &[u8]) -> Option<Self> {
        let spans = u32::from_le_bytes(take(data)?) as usize;
        if spans > MAX_BUCKETS || spans > data.len() / 8 {
            return None;
        }
        let span = |data: &mut &[u8]| {
            let (offset, length) = (i32::from_le_bytes(take(data)?), u32::from_le_bytes(take(data)?));
            Some(BucketSpan { offset, length })
        };
        let spans = (0..spans).map(|_| span(data)).collect::<Option<Vec<_>>>()?;
        let counts = decode_floats(data)?;
        let length: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
        (length == counts.len() as u64).then_some(Self { spans, counts })
    }
}

// === impl Histogram ===

impl Histogram {
    /// Whether it marks the end of a series.
    pub fn is_stale(&self) -> bool {
        is_stale(self.sum)
    }

    /// Whether its bounds are listed one by one.
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_SCHEMA
    }

    /// What it takes in memory, about, in bytes.
    pub fn byte_size(&self) -> usize {
        let buckets = |b: &Buckets| b.spans.len() * size_of::<BucketSpan>() + b.counts.len() * 8;
        size_of::<Self>() + buckets(&self.positive) + buckets(&self.negative) + self.custom.len() * 8
    }

    /// Appends an encoding that keeps every bit. Between the operators of one process: not a format that is stored.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.reset.code());
        out.extend(self.schema.to_le_bytes());
        for number in [self.zero_threshold, self.zero_count, self.count, self.sum] {
            out.extend(number.to_bits().to_le_bytes());
        }
        self.positive.encode(out);
        self.negative.encode(out);
        encode_floats(&self.custom, out);
    }

    /// Takes an encoded histogram off `data`; `None` where there is none.
    pub fn decode(data: &mut &[u8]) -> Option<Self> {
        let [reset] = take(data)?;
        let (reset, schema) = (ResetHint::of(reset)?, i32::from_le_bytes(take(data)?));
        let mut float = || Some(f64::from_bits(u64::from_le_bytes(take(data)?)));
        let (zero_threshold, zero_count, count, sum) = (float()?, float()?, float()?, float()?);
        let (positive, negative) = (Buckets::decode(data)?, Buckets::decode(data)?);
        let custom = decode_floats(data)?;
        Some(Self { reset, schema, zero_threshold, zero_count, count, sum, positive, negative, custom })
    }
}

fn take<const N: usize>(data: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = data.split_first_chunk::<N>()?;
    *data = rest;
    Some(*taken)
}

fn encode_floats(floats: &[f64], out: &mut Vec<u8>) {
    out.extend((floats.len() as u32).to_le_bytes());
    floats.iter().for_each(|float| out.extend(float.to_bits().to_le_bytes()));
}

fn decode_floats(data: &mut &[u8]) -> Option<Vec<f64>> {
    let len = u32::from_le_bytes(take(data)?) as usize;
    if len > MAX_BUCKETS || len > data.len() / 8 {
        return None;
    }
    (0..len).map(|_| Some(f64::from_bits(u64::from_le_bytes(take(data)?)))).collect()
}

#[cfg(test)]
mod tests;
