//! Native histograms as bytes that are stored and sent: small, and bit for bit.
//!
//! Version 1, frozen; log records, batches between nodes and the head's chunks hold it. Points of one series stand one
//! after the other, each told from the one before:
//!
//! ```text
//! point      zigzagged difference of timestamps, that of start timestamps, histogram
//! histogram  flags u8; with LAYOUT the layout; the numbers
//! flags      bits 0 and 1: the reset hint; 4: LAYOUT, else it is that of the one before; 8: WHOLE
//! layout     zigzagged schema, zero threshold, spans of positive buckets, of negative ones; count, custom bounds
//! spans      count; for each the zigzagged offset and the length
//! numbers    sum, then count, zero count, positive buckets, negative buckets: with WHOLE as varints, else as floats
//! ```
//! Counts, offsets and lengths are varints, floats eight bytes, little-endian. WHOLE numbers are zigzagged differences: with
//! LAYOUT those of a list of buckets to the bucket before, the first and all else to 0; without it each to the same number
//! of the histogram before, which must be whole as well.

use std::sync::Arc;

use super::{BucketSpan, Buckets, Histogram, HistogramPoint, MAX_BUCKETS, ResetHint};
use crate::varint::{put_varint, take_varint, unzigzag, zigzag};

/// The version of the encoding. Files and messages that hold it have versions of their own, which tell it.
pub const CODEC_VERSION: u8 = 1;

const RESET: u8 = 3;
const LAYOUT: u8 = 4;
const WHOLE: u8 = 8;

/// Floats hold whole numbers exactly up to this one.
const MAX_WHOLE: f64 = (1u64 << 53) as f64;

// === impl HistogramPoint ===

impl HistogramPoint {
    /// Appends an encoding that tells it from the point before.
    pub fn encode_after(&self, before: Option<&Self>, out: &mut Vec<u8>) {
        let (timestamp, start) = before.map_or((0, 0), |before| (before.timestamp, before.start));
        put_varint(zigzag(self.timestamp.wrapping_sub(timestamp)), out);
        put_varint(zigzag(self.start.wrapping_sub(start)), out);
        put(&self.histogram, before.map(|before| &*before.histogram), out);
    }

    /// Takes a point off `data` that was encoded after the same one; `None` where there is none.
    pub fn decode_after(before: Option<&Self>, data: &mut &[u8]) -> Option<Self> {
        let (timestamp, start) = before.map_or((0, 0), |before| (before.timestamp, before.start));
        let timestamp = timestamp.wrapping_add(unzigzag(varint(data)?));
        let start = start.wrapping_add(unzigzag(varint(data)?));
        let histogram = Arc::new(take(before.map(|before| &*before.histogram), data)?);
        Some(Self { timestamp, start, histogram })
    }
}

fn put(histogram: &Histogram, before: Option<&Histogram>, out: &mut Vec<u8>) {
    let whole = is_whole(histogram);
    let before = before.filter(|before| same_layout(before, histogram) && (!whole || is_whole(before)));
    let layout = if before.is_none() { LAYOUT } else { 0 };
    out.push(histogram.reset.code() | layout | if whole { WHOLE } else { 0 });
    if layout != 0 {
        put_varint(zigzag(histogram.schema.into()), out);
        put_float(histogram.zero_threshold, out);
        put_spans(&histogram.positive, out);
        put_spans(&histogram.negative, out);
        put_varint(histogram.custom.len() as u64, out);
        histogram.custom.iter().for_each(|bound| put_float(*bound, out));
    }
    put_float(histogram.sum, out);
    if !whole {
        numbers(histogram).for_each(|number| put_float(number, out));
        return;
    }
    match before {
        Some(before) => {
            for (own, old) in numbers(histogram).zip(numbers(before)) {
                put_varint(zigzag(own as i64 - old as i64), out);
            }
        }
        None => {
            put_varint(zigzag(histogram.count as i64), out);
            put_varint(zigzag(histogram.zero_count as i64), out);
            for buckets in [&histogram.positive, &histogram.negative] {
                let mut last = 0;
                for count in &buckets.counts {
                    put_varint(zigzag(*count as i64 - last), out);
                    last = *count as i64;
                }
            }
        }
    }
}

fn take(before: Option<&Histogram>, data: &mut &[u8]) -> Option<Histogram> {
    let (&flags, rest) = data.split_first()?;
    *data = rest;
    if flags & !(RESET | LAYOUT | WHOLE) != 0 {
        return None;
    }
    let whole = flags & WHOLE != 0;
    let told = if flags & LAYOUT == 0 { Some(before.filter(|before| !whole || is_whole(before))?) } else { None };
    let mut histogram = match told {
        Some(before) => before.clone(),
        None => take_layout(data)?,
    };
    histogram.reset = ResetHint::of(flags & RESET)?;
    histogram.sum = float(data)?;
    let mut last = 0;
    let mut number = |old: &mut f64, restart: bool| {
        if !whole {
            *old = float(data)?;
            return Some(());
        }
        let base = if told.is_some() {
            *old as i64
        } else if restart {
            0
        } else {
            last
        };
        last = base.checked_add(unzigzag(varint(data)?)).filter(|n| (0..=MAX_WHOLE as i64).contains(n))?;
        *old = last as f64;
        Some(())
    };
    number(&mut histogram.count, true)?;
    number(&mut histogram.zero_count, true)?;
    for buckets in [&mut histogram.positive, &mut histogram.negative] {
        for (i, count) in buckets.counts.iter_mut().enumerate() {
            number(count, i == 0)?;
        }
    }
    Some(histogram)
}

/// The layout, with room for the counts of all buckets.
fn take_layout(data: &mut &[u8]) -> Option<Histogram> {
    let schema = i32::try_from(unzigzag(varint(data)?)).ok()?;
    let zero_threshold = float(data)?;
    let (positive, negative) = (take_spans(data)?, take_spans(data)?);
    let bounds = usize::try_from(varint(data)?).ok()?;
    if bounds > MAX_BUCKETS || bounds > data.len() / 8 {
        return None;
    }
    let custom = (0..bounds).map(|_| float(data)).collect::<Option<Vec<_>>>()?;
    // Each number takes a byte at least.
    if positive.counts.len() + negative.counts.len() > data.len() {
        return None;
    }
    Some(Histogram { schema, zero_threshold, positive, negative, custom, ..Histogram::default() })
}

fn put_spans(buckets: &Buckets, out: &mut Vec<u8>) {
    put_varint(buckets.spans.len() as u64, out);
    for span in &buckets.spans {
        put_varint(zigzag(span.offset.into()), out);
        put_varint(span.length.into(), out);
    }
}

fn take_spans(data: &mut &[u8]) -> Option<Buckets> {
    let spans = usize::try_from(varint(data)?).ok()?;
    if spans > MAX_BUCKETS || spans > data.len() / 2 {
        return None;
    }
    let span = |data: &mut &[u8]| {
        let offset = i32::try_from(unzigzag(varint(data)?)).ok()?;
        Some(BucketSpan { offset, length: u32::try_from(varint(data)?).ok()? })
    };
    let spans = (0..spans).map(|_| span(data)).collect::<Option<Vec<_>>>()?;
    let length: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    if length > MAX_BUCKETS as u64 || length > data.len() as u64 {
        return None;
    }
    Some(Buckets { spans, counts: vec![0.0; length as usize] })
}

/// All counts: of observations, of the zero bucket, of the buckets.
fn numbers(histogram: &Histogram) -> impl Iterator<Item = f64> {
    let buckets = histogram.positive.counts.iter().chain(&histogram.negative.counts).copied();
    [histogram.count, histogram.zero_count].into_iter().chain(buckets)
}

/// Whether all counts are numbers that an integer holds bit for bit.
fn is_whole(histogram: &Histogram) -> bool {
    let is_whole = |number: f64| number.is_sign_positive() && number <= MAX_WHOLE && number.trunc() == number;
    numbers(histogram).all(is_whole)
}

fn same_layout(a: &Histogram, b: &Histogram) -> bool {
    a.schema == b.schema
        && a.zero_threshold.to_bits() == b.zero_threshold.to_bits()
        && a.positive.spans == b.positive.spans
        && a.negative.spans == b.negative.spans
        && a.positive.counts.len() == b.positive.counts.len()
        && a.negative.counts.len() == b.negative.counts.len()
        && a.custom.len() == b.custom.len()
        && a.custom.iter().zip(&b.custom).all(|(a, b)| a.to_bits() == b.to_bits())
}

fn put_float(float: f64, out: &mut Vec<u8>) {
    out.extend(float.to_bits().to_le_bytes());
}

fn float(data: &mut &[u8]) -> Option<f64> {
    super::take(data).map(|bytes| f64::from_bits(u64::from_le_bytes(bytes)))
}

fn varint(data: &mut &[u8]) -> Option<u64> {
    let (n, rest) = take_varint(data)?;
    *data = rest;
    Some(n)
}
