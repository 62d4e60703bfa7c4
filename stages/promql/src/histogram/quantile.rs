//! What a native histogram tells of its observations: quantiles, fractions, mean and variance.
//!
//! Within a bucket observations are taken to be spread evenly: on a logarithmic scale, but in custom buckets and in the
//! zero bucket on a linear one.
//!
//! Source: `HistogramQuantile` and `HistogramFraction` of Prometheus' `promql/quantile.go`, `histogramVariance` of its
//! `promql/functions.go`.

use weir_pipeline::histogram::Histogram;

use super::bucket::{Bucket, buckets};
use super::log::{exp2, log2};
use crate::annotations::{Note, Notes};
use crate::functions::compensated::Sum;

/// The value that the share `q` of all observations is at most.
///
/// NaN without observations. Observations that are NaN stand above all others: a note says so, and where the quantile is
/// among them it is NaN.
pub fn quantile(q: f64, of: &Histogram, notes: &mut Notes) -> f64 {
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if of.count == 0.0 || q.is_nan() {
        return f64::NAN;
    }
    // From the near end, but from below where NaN may be above.
    let from_below = of.sum.is_nan() || q < 0.5;
    let rank = if from_below { q * of.count } else { (1.0 - q) * of.count };
    let mut all = buckets(of);
    let mut next = || if from_below { all.next() } else { all.next_back() };

    let (mut bucket, mut count) = (Bucket::default(), 0.0);
    while let Some(reached) = next() {
        bucket = reached;
        count += bucket.count;
        if bucket.count != 0.0 && count >= rank {
            break;
        }
    }
    if of.has_custom_buckets() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return bucket.lower;
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        bucket = one_sided(bucket, of);
    }
    // Rounding must not find more observations than there are.
    if count > of.count {
        count = of.count;
    }
    if count < rank {
        if of.sum.is_nan() {
            notes.push(Note::QuantileNanResult);
            return f64::NAN;
        }
        return bucket.upper;
    }
    let within = if from_below { rank - (count - bucket.count) } else { count - rank };
    if of.sum.is_nan() {
        // As in Prometheus it is the last bucket, then, that the rank is looked up in.
        while let Some(above) = next() {
            bucket = above;
            count += bucket.count;
        }
        if count < of.count {
            notes.push(Note::QuantileNanSkew);
        }
    }
    interpolate(bucket, within / bucket.count, of.has_custom_buckets())
}

/// The zero bucket of a histogram with buckets on one side only ends at 0 on the other.
fn one_sided(mut zero: Bucket, of: &Histogram) -> Bucket {
    match (of.negative.counts.is_empty(), of.positive.counts.is_empty()) {
        (true, false) => zero.lower = 0.0,
        (false, true) => zero.upper = 0.0,
        _ => {}
    }
    zero
}

/// The value at a share of a bucket.
fn interpolate(bucket: Bucket, share: f64, custom: bool) -> f64 {
    let Bucket { lower, upper, .. } = bucket;
    if custom || (lower <= 0.0 && upper >= 0.0) {
        return lower + (upper - lower) * share;
    }
    let (low, high) = (log2(lower), log2(upper));
    if lower > 0.0 { exp2(low + (high - low) * share) } else { -exp2(high + (low - high) * (1.0 - share)) }
}

/// A bound of [`fraction`], and once it is found how many observations are below.
struct Edge {
    value: f64,
    rank: Option<f64>,
}

// === impl Edge ===

impl Edge {
    fn new(value: f64) -> Self {
        Self { value, rank: None }
    }

    /// Looks for the value at the lower bound of a bucket, with `below` observations before it.
    fn at_lower(&mut self, bucket: &Bucket, below: f64) {
        if self.rank.is_none() && bucket.lower >= self.value {
            self.rank = Some(below);
        }
    }

    /// Looks for the value inside a bucket.
    fn inside(&mut self, bucket: &Bucket, below: f64, linear: bool) {
        if self.rank.is_some() || !(bucket.lower < self.value && bucket.upper > self.value) {
            return;
        }
        // A bucket without a lower end can't be divided: all of it is below.
        let endless = linear && bucket.lower == f64::NEG_INFINITY;
        let below = if endless { bucket.count } else { below + bucket.count * bucket.share_below(self.value, linear) };
        self.rank = Some(below);
    }

    fn found(&self, count: f64) -> f64 {
        match self.rank {
            Some(rank) if rank > count => count,
            Some(rank) => rank,
            None => count,
        }
    }
}

/// The share of all observations that lie between two values.
///
/// NaN without observations or where a value is NaN; 0 where `lower` is not below `upper`. Observations that are NaN lie
/// nowhere: a note says so.
pub fn fraction(lower: f64, upper: f64, of: &Histogram, notes: &mut Notes) -> f64 {
    if of.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let (mut from, mut to) = (Edge::new(lower), Edge::new(upper));
    let (mut count, mut below) = (0.0, 0.0);
    let mut all = buckets(of);
    for mut bucket in all.by_ref() {
        count += bucket.count;
        let zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if zero {
            bucket = one_sided(bucket, of);
        }
        let linear = zero || of.has_custom_buckets();
        for edge in [&mut from, &mut to] {
            edge.at_lower(&bucket, below);
            edge.inside(&bucket, below, linear);
        }
        if from.rank.is_some() && to.rank.is_some() {
            break;
        }
        below += bucket.count;
    }
    if of.sum.is_nan() {
        all.for_each(|bucket| count += bucket.count);
        if count < of.count {
            notes.push(Note::FractionNans);
        }
    } else {
        count = of.count;
    }
    (to.found(count) - from.found(count)) / of.count
}

/// The mean of all observations.
pub fn mean(of: &Histogram) -> f64 {
    of.sum / of.count
}

/// The variance of all observations, each taken to be in the middle of its bucket.
pub fn variance(of: &Histogram) -> f64 {
    let mean = mean(of);
    let mut total = Sum::default();
    for bucket in buckets(of).filter(|bucket| bucket.count != 0.0) {
        let middle = match bucket {
            _ if of.has_custom_buckets() => (bucket.upper + bucket.lower) / 2.0,
            Bucket { lower, upper, .. } if lower <= 0.0 && upper >= 0.0 => 0.0,
            Bucket { lower, upper, .. } if upper < 0.0 => -(upper * lower).sqrt(),
            Bucket { lower, upper, .. } => (upper * lower).sqrt(),
        };
        let delta = middle - mean;
        total.add(bucket.count * delta * delta);
    }
    (total.sum + total.lost) / of.count
}

/// The standard deviation of all observations.
pub fn stddev(of: &Histogram) -> f64 {
    variance(of).sqrt()
}
