//! Native histograms of both versions, which differ in one field: 2.0 has a start timestamp.
//!
//! Counts come as integers, of which buckets are told from the one before, or as floats. Either is kept as floats, which hold
//! whole counts up to 2⁵³ exactly. Schemas above 8, which senders may use, become 8.
//!
//! Source: `Histogram` in `prompb/types.proto` and in `prompb/io/prometheus/write/v2/types.proto`.

use std::sync::Arc;

use weir_pipeline::histogram::{BucketSpan, Buckets, ResetHint};
use weir_pipeline::varint::{unzigzag, zigzag};
use weir_pipeline::{Histogram, HistogramPoint};

use super::wire::{
    Cursor, FIXED64, LEN, Malformed, VARINT, key, put_bytes, put_double, put_integer, put_len, put_varint,
};

/// The most spans and buckets of one sign, and the most custom bounds.
const MOST: usize = 1 << 16;

/// The finest schema that is kept, and the finest that may come.
const FINEST: (i32, i32) = (8, 52);

/// `Histogram`, field by field.
mod field {
    pub(super) const COUNT_INT: u32 = 1;
    pub(super) const COUNT_FLOAT: u32 = 2;
    pub(super) const SUM: u32 = 3;
    pub(super) const SCHEMA: u32 = 4;
    pub(super) const ZERO_THRESHOLD: u32 = 5;
    pub(super) const ZERO_COUNT_INT: u32 = 6;
    pub(super) const ZERO_COUNT_FLOAT: u32 = 7;
    pub(super) const NEGATIVE: u32 = 8;
    pub(super) const POSITIVE: u32 = 11;
    pub(super) const RESET: u32 = 14;
    pub(super) const TIMESTAMP: u32 = 15;
    pub(super) const CUSTOM: u32 = 16;
    pub(super) const START: u32 = 17;
}

/// The buckets of one sign as they come, in three fields one after the other.
#[derive(Default)]
struct Side {
    spans: Vec<BucketSpan>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// What comes of a message: a histogram, or what is wrong with it.
pub(crate) type Read = Result<HistogramPoint, String>;

/// Reads a message.
pub(super) fn read(mut cursor: Cursor<'_>) -> Result<Read, Malformed> {
    let (mut out, mut timestamp, mut start) = (Histogram::default(), 0, 0);
    let (mut count, mut zero, mut is_float) = (0, 0, false);
    let (mut positive, mut negative) = (Side::default(), Side::default());
    let mut reset = 0;
    while let Some(key) = cursor.key()? {
        match (key >> 3, key & 7) {
            (field::COUNT_INT, VARINT) => (count, is_float) = (cursor.varint()?, false),
            (field::COUNT_FLOAT, FIXED64) => (out.count, is_float) = (cursor.double()?, true),
            (field::SUM, FIXED64) => out.sum = cursor.double()?,
            (field::SCHEMA, VARINT) => out.schema = i32::try_from(signed(&mut cursor)?).unwrap_or(i32::MAX),
            (field::ZERO_THRESHOLD, FIXED64) => out.zero_threshold = cursor.double()?,
            (field::ZERO_COUNT_INT, VARINT) => zero = cursor.varint()?,
            (field::ZERO_COUNT_FLOAT, FIXED64) => out.zero_count = cursor.double()?,
            (at @ (field::NEGATIVE | 9 | 10), _) => negative.read(at - field::NEGATIVE, key, &mut cursor)?,
            (at @ (field::POSITIVE | 12 | 13), _) => positive.read(at - field::POSITIVE, key, &mut cursor)?,
            (field::RESET, VARINT) => reset = cursor.varint()?,
            (field::TIMESTAMP, VARINT) => timestamp = cursor.varint()? as i64,
            (field::CUSTOM, _) => doubles(key, &mut cursor, &mut out.custom)?,
            (field::START, VARINT) => start = cursor.varint()? as i64,
            _ => cursor.skip(key, 0x3_fffe)?,
        }
    }
    // A hint of the future says nothing here.
    out.reset = u8::try_from(reset).ok().and_then(ResetHint::of).unwrap_or_default();
    if !is_float {
        (out.count, out.zero_count) = (count as f64, zero as f64);
    }
    let made = positive.take(is_float).and_then(|positive| Ok((positive, negative.take(is_float)?)));
    let whole = made.and_then(|((positive, above), (negative, below))| {
        (out.positive, out.negative) = (positive, negative);
        if !is_float {
            check_count(above.checked_add(below).and_then(|sum| sum.checked_add(zero)), count, out.sum)?;
        }
        sound(out)
    });
    Ok(whole.map(|histogram| HistogramPoint { timestamp, start, histogram: Arc::new(histogram) }))
}

/// The observations in all buckets of an integer histogram are those that it counts; those of NaN are in none.
pub(crate) fn check_count(found: Option<u64>, count: u64, sum: f64) -> Result<(), String> {
    match found {
        Some(found) if found == count || sum.is_nan() && found < count => Ok(()),
        found => {
            let found = found.map_or("more than 2⁶⁴".to_owned(), |found| found.to_string());
            Err(format!("expected buckets with the `{count}` observations counted, got `{found}`"))
        }
    }
}

/// The histogram, where it makes sense.
pub(crate) fn sound(mut histogram: Histogram) -> Result<Histogram, String> {
    if histogram.schema > FINEST.0 && histogram.schema <= FINEST.1 && histogram.is_whole() {
        let by = histogram.schema - FINEST.0;
        histogram.positive = coarser(&histogram.positive, by);
        histogram.negative = coarser(&histogram.negative, by);
        histogram.schema = FINEST.0;
    }
    histogram.check()?;
    Ok(histogram)
}

/// The same observations in buckets each of which takes the place of `2^by`.
fn coarser(buckets: &Buckets, by: i32) -> Buckets {
    let mut out = Buckets::default();
    let (mut index, mut counts, mut last) = (0i64, buckets.counts.iter(), None);
    for span in &buckets.spans {
        index += i64::from(span.offset);
        for count in counts.by_ref().take(span.length as usize) {
            // Bucket i ends where bucket ⌈i / 2^by⌉ of the coarser schema does, or before.
            let place = ((index - 1) >> by) + 1;
            index += 1;
            match (last, out.counts.last_mut(), out.spans.last_mut()) {
                (Some(last), Some(total), _) if last == place => *total += count,
                (Some(last), _, Some(span)) if place == last + 1 => {
                    span.length += 1;
                    out.counts.push(*count);
                }
                (before, ..) => {
                    let offset = before.map_or(place, |before: i64| place - before - 1);
                    out.spans.push(BucketSpan { offset: i32::try_from(offset).unwrap_or(i32::MAX), length: 1 });
                    out.counts.push(*count);
                }
            }
            last = Some(place);
        }
    }
    out
}

// === impl Side ===

impl Side {
    /// Reads the field that is so many after that of spans.
    fn read(&mut self, nth: u32, key: u32, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        match (nth, key & 7) {
            (0, LEN) => {
                let span = read_span(cursor.message()?)?;
                room(cursor, self.spans.len())?;
                self.spans.push(span);
                Ok(())
            }
            (1, LEN) => {
                let mut packed = cursor.message()?;
                while !packed.is_empty() {
                    room(&packed, self.deltas.len())?;
                    self.deltas.push(signed(&mut packed)?);
                }
                Ok(())
            }
            (1, VARINT) => {
                room(cursor, self.deltas.len())?;
                self.deltas.push(signed(cursor)?);
                Ok(())
            }
            (2, _) => doubles(key, cursor, &mut self.counts),
            _ => cursor.skip(key, u32::MAX),
        }
    }

    /// The buckets, and of integers how many observations they have.
    fn take(self, is_float: bool) -> Result<(Buckets, u64), String> {
        let Self { spans, deltas, counts } = self;
        if is_float {
            return Ok((Buckets { spans, counts }, 0));
        }
        let (mut counts, mut count, mut total) = (Vec::with_capacity(deltas.len()), 0i64, 0u64);
        for delta in deltas {
            let next = count.checked_add(delta).and_then(|next| u64::try_from(next).ok());
            let next =
                next.ok_or_else(|| format!("expected counts from 0 to 2⁶³, got `{count}` and `{delta}` more"))?;
            total = total.checked_add(next).ok_or("expected fewer than 2⁶⁴ observations")?;
            count = next.cast_signed();
            counts.push(next as f64);
        }
        Ok((Buckets { spans, counts }, total))
    }
}

fn read_span(mut cursor: Cursor<'_>) -> Result<BucketSpan, Malformed> {
    const OFFSET: u32 = key(1, VARINT);
    const LENGTH: u32 = key(2, VARINT);
    let mut span = BucketSpan::default();
    while let Some(key) = cursor.key()? {
        match key {
            OFFSET => span.offset = i32::try_from(signed(&mut cursor)?).unwrap_or(i32::MAX),
            LENGTH => span.length = u32::try_from(cursor.varint()?).unwrap_or(u32::MAX),
            _ => cursor.skip(key, 0b110)?,
        }
    }
    Ok(span)
}

/// Doubles of a repeated field, packed or not.
fn doubles(key: u32, cursor: &mut Cursor<'_>, out: &mut Vec<f64>) -> Result<(), Malformed> {
    match key & 7 {
        LEN => {
            let mut packed = cursor.message()?;
            while !packed.is_empty() {
                room(&packed, out.len())?;
                out.push(packed.double()?);
            }
        }
        FIXED64 => {
            room(cursor, out.len())?;
            out.push(cursor.double()?);
        }
        _ => cursor.skip(key, u32::MAX)?,
    }
    Ok(())
}

fn room(cursor: &Cursor<'_>, count: usize) -> Result<(), Malformed> {
    if count < MOST {
        Ok(())
    } else {
        Err(Malformed { at: cursor.pos(), what: "a histogram of more than 65536 buckets" })
    }
}

fn signed(cursor: &mut Cursor<'_>) -> Result<i64, Malformed> {
    cursor.varint().map(unzigzag)
}

// === writing ===

/// Appends a point as field `number` of a series.
pub(super) fn put(number: u32, point: &HistogramPoint, with_start: bool, out: &mut Vec<u8>) {
    let mut message = Vec::with_capacity(64 + point.histogram.byte_size());
    put_message(point, with_start, &mut message);
    put_bytes(number, &message, out);
}

fn put_message(point: &HistogramPoint, with_start: bool, out: &mut Vec<u8>) {
    let histogram = &*point.histogram;
    let whole = whole_counts(histogram);
    match whole {
        Some((count, zero)) => {
            put_integer(field::COUNT_INT, count, out);
            put_integer(field::ZERO_COUNT_INT, zero, out);
        }
        None => {
            put_double(field::COUNT_FLOAT, histogram.count, out);
            put_double(field::ZERO_COUNT_FLOAT, histogram.zero_count, out);
        }
    }
    put_double(field::SUM, histogram.sum, out);
    put_integer(field::SCHEMA, zigzag(histogram.schema.into()), out);
    put_double(field::ZERO_THRESHOLD, histogram.zero_threshold, out);
    for (first, buckets) in [(field::NEGATIVE, &histogram.negative), (field::POSITIVE, &histogram.positive)] {
        put_buckets(first, buckets, whole.is_some(), out);
    }
    put_integer(field::RESET, histogram.reset.code().into(), out);
    put_integer(field::TIMESTAMP, point.timestamp as u64, out);
    put_doubles(field::CUSTOM, &histogram.custom, out);
    if with_start && point.start != 0 {
        put_integer(field::START, point.start as u64, out);
    }
}

fn put_buckets(first: u32, buckets: &Buckets, whole: bool, out: &mut Vec<u8>) {
    let mut message = Vec::new();
    for span in &buckets.spans {
        message.clear();
        put_integer(1, zigzag(span.offset.into()), &mut message);
        put_integer(2, span.length.into(), &mut message);
        put_bytes(first, &message, out);
    }
    if !whole {
        return put_doubles(first + 2, &buckets.counts, out);
    }
    message.clear();
    let mut last = 0;
    for count in &buckets.counts {
        put_varint(zigzag(*count as i64 - last), &mut message);
        last = *count as i64;
    }
    if !message.is_empty() {
        put_bytes(first + 1, &message, out);
    }
}

fn put_doubles(number: u32, doubles: &[f64], out: &mut Vec<u8>) {
    if !doubles.is_empty() {
        put_len(number, doubles.len() * 8, out);
        doubles.iter().for_each(|double| out.extend(double.to_bits().to_le_bytes()));
    }
}

/// Count and zero count, where all counts are whole and the integer form says the same.
fn whole_counts(histogram: &Histogram) -> Option<(u64, u64)> {
    let whole = |count: f64| {
        let is_whole = count.is_sign_positive() && count <= (1u64 << 53) as f64 && count.trunc() == count;
        is_whole.then_some(count as u64)
    };
    let (count, zero) = (whole(histogram.count)?, whole(histogram.zero_count)?);
    let buckets = histogram.positive.counts.iter().chain(&histogram.negative.counts);
    let found = buckets.map(|count| whole(*count)).sum::<Option<u64>>()?.checked_add(zero);
    check_count(found, count, histogram.sum).is_ok().then_some((count, zero))
}

#[cfg(test)]
mod tests;
