//! Native histograms of every shape, for tests.

use std::sync::Arc;

use crate::batch::STALE;
use crate::histogram::{BucketSpan, Buckets, CUSTOM_SCHEMA, Histogram, HistogramPoint, ResetHint};

/// Numbers that look like chance, and are the same for the same seed: SplitMix64.
struct Dice(u64);

// === impl Dice ===

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }
}

/// A histogram that makes sense, as [`Histogram::check`] says: of some schema, whole or not, rarely stale.
pub fn histogram(seed: u64) -> Histogram {
    // Neighbouring seeds share their layout, as histograms of one series do.
    let (mut layout, mut dice) = (Dice(seed / 4), Dice(seed ^ 0x5eed));
    if dice.below(16) == 0 {
        return Histogram { sum: STALE, ..Histogram::default() };
    }
    let custom = layout.below(3) == 0;
    let whole = layout.below(4) != 0;
    let mut number = |most: u64| match whole {
        true => dice.below(most) as f64,
        false => dice.below(most) as f64 / 7.0,
    };
    let mut buckets = |first: i32| {
        let spans: Vec<_> = (0..1 + layout.below(3))
            .map(|i| {
                let offset = if i == 0 { first } else { layout.below(3) as i32 };
                BucketSpan { offset, length: layout.below(4) as u32 }
            })
            .collect();
        let counts = spans.iter().map(|span| span.length).sum::<u32>();
        Buckets { counts: (0..counts).map(|_| number(1000)).collect(), spans }
    };
    let reset = [ResetHint::Unknown, ResetHint::Reset, ResetHint::NotReset, ResetHint::Gauge];
    let (positive, negative) = match custom {
        true => (buckets(0), Buckets::default()),
        false => (buckets(-3), buckets(2)),
    };
    let bounds =
        positive.spans.iter().map(|span| u64::from(span.offset.unsigned_abs()) + u64::from(span.length)).sum::<u64>();
    Histogram {
        reset: reset[(seed % 4) as usize],
        schema: if custom { CUSTOM_SCHEMA } else { (seed / 4 % 13) as i32 - 4 },
        zero_threshold: if custom { 0.0 } else { 0.001 },
        zero_count: if custom { 0.0 } else { number(10) },
        count: number(1 << 40),
        sum: number(1 << 20) - 512.5,
        positive,
        negative,
        custom: if custom { (0..bounds).map(|i| i as f64 / 3.0).collect() } else { Vec::new() },
    }
}

/// A point of a series: [`histogram`] of the same seed.
pub fn histogram_point(timestamp: i64, seed: u64) -> HistogramPoint {
    let start = if seed.is_multiple_of(3) { timestamp.saturating_sub(60_000) } else { 0 };
    HistogramPoint { timestamp, start, histogram: Arc::new(histogram(seed)) }
}

/// Every bit of points, to compare them by: NaN is not what it is.
pub fn histogram_bits(points: &[HistogramPoint]) -> Vec<(i64, i64, Vec<u8>)> {
    let bits = |point: &HistogramPoint| {
        let mut out = Vec::new();
        point.histogram.encode(&mut out);
        (point.timestamp, point.start, out)
    };
    points.iter().map(bits).collect()
}
