//! Native histograms in the encoding of Prometheus' chunks of float histograms.
//!
//! Shape: a chunk has histograms of one layout, none of which is below the one before, or those of a gauge: what its reader
//! takes for granted of all but the first. After a marker of staleness come only such.
//!
//! Source: `tsdb/chunkenc/float_histogram.go`, `tsdb/chunkenc/histogram_meta.go` and `tsdb/chunkenc/varbit.go` of
//! Prometheus 3.14.

use weir_pipeline::histogram::{Buckets, ResetHint};
use weir_pipeline::{Histogram, HistogramPoint};

use super::CHUNK_SAMPLES;
use super::bits::{Bits, Window};

/// The flags of a chunk of a gauge.
const GAUGE: u8 = 0b1100_0000;

/// Custom bounds up to here are told in thousandths, where they are whole ones.
const MOST_THOUSANDTHS: f64 = 33_554_430.0;

/// Histograms in order of time, as each chunk has them.
pub(super) fn chunks(points: &[HistogramPoint]) -> impl Iterator<Item = &[HistogramPoint]> {
    points.chunk_by(|a, b| goes_on(&a.histogram, &b.histogram)).flat_map(|run| run.chunks(CHUNK_SAMPLES))
}

/// Whether a chunk that ends with one histogram may go on with another.
fn goes_on(before: &Histogram, after: &Histogram) -> bool {
    if before.is_stale() || after.is_stale() {
        return after.is_stale();
    }
    let are_gauges = (before.reset == ResetHint::Gauge, after.reset == ResetHint::Gauge);
    if are_gauges.0 != are_gauges.1 || !is_same_layout(before, after) {
        return false;
    }
    match after.reset {
        ResetHint::Gauge | ResetHint::NotReset => true,
        ResetHint::Reset => false,
        ResetHint::Unknown => counts(before).zip(counts(after)).all(|(before, after)| before <= after),
    }
}

fn is_same_layout(a: &Histogram, b: &Histogram) -> bool {
    let is_same = |a: &Buckets, b: &Buckets| a.spans == b.spans && a.counts.len() == b.counts.len();
    a.schema == b.schema
        && a.zero_threshold == b.zero_threshold
        && is_same(&a.positive, &b.positive)
        && is_same(&a.negative, &b.negative)
        && a.custom == b.custom
}

/// All counts: of observations, of the zero bucket, of the buckets.
fn counts(histogram: &Histogram) -> impl Iterator<Item = f64> {
    [histogram.count, histogram.zero_count].into_iter().chain(buckets(histogram))
}

fn buckets(histogram: &Histogram) -> impl Iterator<Item = f64> {
    histogram.positive.counts.iter().chain(&histogram.negative.counts).copied()
}

/// The data of a chunk: one of those that [`chunks`] makes.
pub(super) fn histogram_chunk(points: &[HistogramPoint]) -> Vec<u8> {
    let mut out = Bits::default();
    let count = points.len().min(usize::from(u16::MAX));
    (count as u16).to_be_bytes().iter().for_each(|byte| out.byte(*byte));
    let is_gauge = points.first().is_some_and(|point| point.histogram.reset == ResetHint::Gauge);
    out.byte(if is_gauge { GAUGE } else { 0 });
    let (mut last_time, mut last_delta) = (0i64, 0i64);
    // Each number before, and its window.
    let mut numbers: Vec<(u64, Option<Window>)> = Vec::new();
    for (i, point) in points.iter().take(count).enumerate() {
        let ended = Histogram { sum: point.histogram.sum, ..Histogram::default() };
        // The buckets of a marker are not read.
        let histogram = if point.histogram.is_stale() { &ended } else { &*point.histogram };
        let now = [histogram.count, histogram.zero_count, histogram.sum].into_iter().chain(buckets(histogram));
        if i == 0 {
            layout(histogram, &mut out);
            out.varbit_signed(point.timestamp);
            for number in now {
                out.bits(number.to_bits(), 64);
                numbers.push((number.to_bits(), None));
            }
        } else {
            let delta = point.timestamp.wrapping_sub(last_time);
            out.varbit_signed(delta.wrapping_sub(last_delta));
            for (number, (before, window)) in now.zip(&mut numbers) {
                out.value(number.to_bits() ^ *before, window);
                *before = number.to_bits();
            }
            last_delta = delta;
        }
        last_time = point.timestamp;
    }
    out.finish()
}

fn layout(histogram: &Histogram, out: &mut Bits) {
    threshold(histogram.zero_threshold, out);
    out.varbit_signed(histogram.schema.into());
    for buckets in [&histogram.positive, &histogram.negative] {
        out.varbit(buckets.spans.len() as u64);
        for span in &buckets.spans {
            out.varbit(span.length.into());
            out.varbit_signed(span.offset.into());
        }
    }
    if histogram.has_custom_buckets() {
        out.varbit(histogram.custom.len() as u64);
        histogram.custom.iter().for_each(|bound| custom(*bound, out));
    }
}

/// A power of two from 2⁻²⁴³ to 2¹⁰ is a byte from 1 to 254, and 0 is 0; of all else the bits stand behind 255.
fn threshold(threshold: f64, out: &mut Bits) {
    let bits = threshold.to_bits();
    // The exponent of a power of two, which has no other bits.
    let power = (bits & ((1 << 52) - 1) == 0).then_some((bits >> 52) as i64 - 1023);
    match power {
        _ if threshold == 0.0 => out.byte(0),
        Some(power @ -243..=10) => out.byte((power + 244) as u8),
        _ => {
            out.byte(255);
            out.bits(bits, 64);
        }
    }
}

/// Thousandths and one more, or a 0 and the bits.
fn custom(bound: f64, out: &mut Bits) {
    let thousandths = bound * 1000.0;
    let whole = thousandths.round();
    if (0.0..=MOST_THOUSANDTHS).contains(&thousandths) && whole / 1000.0 == bound {
        return out.varbit(whole as u64 + 1);
    }
    out.varbit(0);
    out.bits(bound.to_bits(), 64);
}
