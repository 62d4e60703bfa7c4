//! The quantile of a classic histogram, and the fraction of its observations between two values.
//!
//! Source: `BucketQuantile` and `BucketFraction` of Prometheus' `promql/quantile.go`.

use weir_pipeline::is_stale;

/// A bucket: how many observations are at most `bound`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The upper bound, itself inside.
    pub bound: f64,
    /// How many.
    pub count: f64,
}

/// The least and the greatest bucket that had to be raised for counts not to decrease, and by how much at most.
pub type Raised = (f64, f64, f64);

/// Relative differences below this are taken for rounding.
const TOLERANCE: f64 = 1e-12;

/// The `quantile` of a histogram of at least one bucket. The buckets are changed: as in Prometheus, another quantile of the same
/// ones is that of what is left in them, where several had one bound.
pub fn bucket_quantile(quantile: f64, buckets: &mut [Bucket]) -> (f64, Option<Raised>) {
    if quantile.is_nan() {
        return (f64::NAN, None);
    }
    if !(0.0..=1.0).contains(&quantile) {
        return (if quantile < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY }, None);
    }
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return (f64::NAN, None);
    }
    let own = coalesce(buckets);
    let raised = make_monotonic(own);
    (interpolate(quantile, own), raised)
}

/// The share of all observations between two values, of a histogram of at least one bucket.
///
/// NaN without observations, without a bucket that is infinite, and where a value is NaN; 0 where `lower` is not below
/// `upper`.
pub fn bucket_fraction(lower: f64, upper: f64, buckets: &mut [Bucket]) -> f64 {
    buckets.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return f64::NAN;
    }
    let buckets = coalesce(buckets);
    let all = buckets.last().map_or(0.0, |last| last.count);
    if all == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank(upper, buckets, all) - rank(lower, buckets, all)) / all
}

/// How many observations are below a value. What has no end can't be divided: it counts for nothing above, whole below.
fn rank(value: f64, buckets: &[Bucket], all: f64) -> f64 {
    let starts_at_zero = buckets.first().is_some_and(|first| first.bound > 0.0);
    let (mut lower, mut below) = (if starts_at_zero { 0.0 } else { f64::NEG_INFINITY }, 0.0);
    for bucket in buckets {
        let rank = match bucket {
            _ if lower >= value => Some(below),
            Bucket { bound, count } if *bound > value && lower == f64::NEG_INFINITY => Some(*count),
            Bucket { bound, count } if *bound > value => {
                Some(below + (count - below) * (value - lower) / (bound - lower))
            }
            _ => None,
        };
        if let Some(rank) = rank {
            return if rank > all { all } else { rank };
        }
        (lower, below) = (bucket.bound, bucket.count);
    }
    all
}

/// Adds up buckets of one bound, at the front, which is returned. What is behind stays as it was.
fn coalesce(buckets: &mut [Bucket]) -> &mut [Bucket] {
    let mut kept = 0;
    for at in 1..buckets.len() {
        let Some(&own) = buckets.get(at) else { break };
        match buckets.get_mut(kept) {
            Some(last) if last.bound == own.bound => last.count += own.count,
            _ => {
                kept += 1;
                if let Some(next) = buckets.get_mut(kept) {
                    *next = own;
                }
            }
        }
    }
    let len = buckets.len().min(kept + 1);
    buckets.get_mut(..len).unwrap_or_default()
}

fn make_monotonic(buckets: &mut [Bucket]) -> Option<Raised> {
    let (first, rest) = buckets.split_first_mut()?;
    let mut before = first.count;
    let mut raised: Option<Raised> = None;
    for bucket in rest {
        if bucket.count == before {
            continue;
        }
        if almost_equal(before, bucket.count, TOLERANCE) {
            bucket.count = before;
        } else if bucket.count < before {
            let (least, greatest, diff) = raised.unwrap_or((f64::INFINITY, f64::NEG_INFINITY, 0.0));
            let diff = diff.max(before - bucket.count);
            raised = Some((least.min(bucket.bound), greatest.max(bucket.bound), diff));
            bucket.count = before;
        } else {
            before = bucket.count;
        }
    }
    raised
}

/// Linear within a bucket; the lowest begins at 0 where its bound is above.
fn interpolate(quantile: f64, buckets: &[Bucket]) -> f64 {
    let [finite @ .., last] = buckets else { return f64::NAN };
    let Some(highest) = finite.last().filter(|_| last.count != 0.0) else { return f64::NAN };
    let rank = quantile * last.count;
    let at = first_that(finite, |bucket| bucket.count >= rank);
    let Some(bucket) = finite.get(at) else { return highest.bound };
    match at.checked_sub(1).and_then(|below| finite.get(below)) {
        None if bucket.bound <= 0.0 => bucket.bound,
        None => bucket.bound * (rank / bucket.count),
        Some(below) => {
            let share = (rank - below.count) / (bucket.count - below.count);
            below.bound + (bucket.bound - below.bound) * share
        }
    }
}

/// The place of the first bucket that is so, as Go's `sort.Search` finds it: with a count that is NaN that may be another
/// one than looking through all gives.
fn first_that(buckets: &[Bucket], is_so: impl Fn(&Bucket) -> bool) -> usize {
    let (mut from, mut to) = (0, buckets.len());
    while from < to {
        let middle = from.midpoint(to);
        if buckets.get(middle).is_some_and(&is_so) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    from
}

/// Whether two numbers differ by less than their sum times `epsilon`, or both mark the end of a series, or both are any
/// other NaN.
pub fn almost_equal(a: f64, b: f64, epsilon: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let (sum, diff) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return diff < epsilon * f64::MIN_POSITIVE;
    }
    diff / sum.min(f64::MAX) < epsilon
}

#[cfg(test)]
mod tests;
