//! The buckets of a native histogram one by one, with their bounds.
//!
//! Source: the bucket iterators of Prometheus' `model/histogram`.

use weir_pipeline::histogram::{Buckets, Histogram};

use super::bounds::bound;
use super::layout::cells;
use super::log::log2;

/// One bucket: how many observations lie between two bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bucket {
    /// The lower bound.
    pub lower: f64,
    /// The upper bound.
    pub upper: f64,
    /// Whether the lower bound is inside.
    pub lower_inclusive: bool,
    /// Whether the upper bound is inside.
    pub upper_inclusive: bool,
    /// How many.
    pub count: f64,
}

// === impl Bucket ===

impl Bucket {
    /// Which share of the bucket's width lies below `value`, which is inside and the bounds finite.
    pub(super) fn share_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let (lower, upper, value_log) = (log2(self.lower), log2(self.upper), log2(value));
        if value > 0.0 { (value_log - lower) / (upper - lower) } else { 1.0 - (value_log - upper) / (lower - upper) }
    }

    /// Cuts off what is inside the zero bucket.
    fn outside(mut self, threshold: f64) -> Self {
        if self.upper < 0.0 && self.upper > -threshold {
            self.upper = -threshold;
        } else if self.lower > 0.0 && self.lower < threshold {
            self.lower = threshold;
        }
        self
    }
}

/// All buckets, ascending, the zero bucket among them unless it is empty. Where others overlap with it they end at it.
pub fn buckets(of: &Histogram) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
    let zero = (of.zero_count > 0.0).then(|| zero_bucket(of));
    let outside = move |bucket: Bucket| bucket.outside(of.zero_threshold);
    negative(of).rev().map(outside).chain(zero).chain(positive(of).map(outside))
}

/// The zero bucket.
pub(super) fn zero_bucket(of: &Histogram) -> Bucket {
    let (lower, upper) = (-of.zero_threshold, of.zero_threshold);
    Bucket { lower, upper, lower_inclusive: true, upper_inclusive: true, count: of.zero_count }
}

/// The buckets above 0, upwards.
pub(super) fn positive(of: &Histogram) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
    side(of, &of.positive, |near, far| (near, far))
}

/// The buckets below 0, downwards.
pub(super) fn negative(of: &Histogram) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
    side(of, &of.negative, |near, far| (-far, -near))
}

fn side<'a>(
    of: &'a Histogram,
    buckets: &'a Buckets,
    bounds: impl Fn(f64, f64) -> (f64, f64) + 'a,
) -> impl DoubleEndedIterator<Item = Bucket> + 'a {
    cells(buckets).map(move |(index, count)| {
        let (lower, upper) = bounds(bound(of, index - 1), bound(of, index));
        let (lower_inclusive, upper_inclusive) =
            if of.has_custom_buckets() { (index == 0, true) } else { (lower < 0.0, upper > 0.0) };
        Bucket { lower, upper, lower_inclusive, upper_inclusive, count }
    })
}
