//! The operators `</` and `>/`: a native histogram of the observations below or above a value.
//!
//! A bucket with the value inside is divided as quantiles divide it. The sum is then an estimate: each observation is
//! taken to be in the middle of what is left of its bucket.
//!
//! Source: `TrimBuckets` of Prometheus' `model/histogram/float_histogram.go`.

use weir_pipeline::histogram::Histogram;

use super::bucket::{Bucket, negative, positive, zero_bucket};
use super::compact;

/// What part is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    Below,
    Above,
}

/// How the observations of a bucket are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Linear,
    Positive,
    Negative,
}

/// What is left of a bucket.
#[derive(Clone, Copy, Debug)]
enum Left {
    All { middle: f64 },
    Part { count: f64, middle: f64 },
    Nothing,
}

/// What is left of a histogram.
#[derive(Debug, Default)]
struct Totals {
    count: f64,
    sum: f64,
    trimmed: bool,
}

/// Keeps the observations below `bound`.
pub fn trim_upper(histogram: &mut Histogram, bound: f64) {
    trim(histogram, bound, Keep::Below);
}

/// Keeps the observations above `bound`.
pub fn trim_lower(histogram: &mut Histogram, bound: f64) {
    trim(histogram, bound, Keep::Above);
}

fn trim(histogram: &mut Histogram, at: f64, keep: Keep) {
    let above: Vec<_> = positive(histogram).collect();
    let below: Vec<_> = negative(histogram).collect();
    let populated = |buckets: &[Bucket]| buckets.iter().any(|bucket| bucket.count != 0.0);
    let (has_below, has_above) = (populated(&below), populated(&above));
    let custom = histogram.has_custom_buckets();

    let mut totals = Totals::default();
    for (buckets, counts, sign) in [
        (above, &mut histogram.positive.counts, Scale::Positive),
        (below, &mut histogram.negative.counts, Scale::Negative),
    ] {
        for (bucket, count) in buckets.iter().zip(counts).filter(|(bucket, _)| bucket.count != 0.0) {
            totals.keep(count, left(bucket, at, keep, sign, custom));
        }
    }
    if histogram.zero_count > 0.0 {
        let mut zero = zero_bucket(histogram);
        match (has_below, has_above) {
            (true, false) => zero.upper = 0.0,
            (false, true) => zero.lower = 0.0,
            _ => {}
        }
        totals.keep(&mut histogram.zero_count, left_of_zero(&zero, at, keep));
    }
    // Nothing is taken away: the sum need not become an estimate.
    if totals.trimmed {
        (histogram.count, histogram.sum) = (totals.count, totals.sum);
        compact(histogram, 0);
    }
}

// === impl Totals ===

impl Totals {
    fn keep(&mut self, count: &mut f64, left: Left) {
        match left {
            Left::All { middle } => {
                self.count += *count;
                self.sum += middle * *count;
            }
            Left::Part { count: part, middle } => {
                self.count += part;
                self.sum += middle * part;
                self.trimmed |= *count != part;
                *count = part;
            }
            Left::Nothing => {
                *count = 0.0;
                self.trimmed = true;
            }
        }
    }
}

fn left(bucket: &Bucket, at: f64, keep: Keep, sign: Scale, custom: bool) -> Left {
    let Bucket { lower, upper, .. } = *bucket;
    let (all, part) = match keep {
        Keep::Below => (upper <= at, lower < at),
        Keep::Above => (lower >= at, upper > at),
    };
    let middle = |lower, upper| middle(lower, upper, if custom { Scale::Linear } else { sign });
    if all {
        return Left::All { middle: middle(lower, upper) };
    }
    if !part {
        return Left::Nothing;
    }
    if lower == f64::NEG_INFINITY || upper == f64::INFINITY {
        return left_of_endless(bucket, at, keep);
    }
    let below = bucket.count * bucket.share_below(at, custom);
    match keep {
        Keep::Below => Left::Part { count: below, middle: middle(lower, at) },
        Keep::Above => Left::Part { count: bucket.count - below, middle: middle(at, upper) },
    }
}

/// Of a bucket that has no end, with the value inside, nobody knows how its observations are spread. Only a custom bucket
/// that is the lowest is taken to begin at 0 where it ends above.
fn left_of_endless(bucket: &Bucket, at: f64, keep: Keep) -> Left {
    let Bucket { lower, upper, count, .. } = *bucket;
    let none = |end: f64| Left::Part { count: 0.0, middle: if end.is_infinite() { 0.0 } else { end } };
    let (count, middle) = match keep {
        _ if lower != f64::NEG_INFINITY => match keep {
            Keep::Above if at >= lower => (count, at),
            _ => return none(lower),
        },
        Keep::Below if at > 0.0 && upper > 0.0 && upper != f64::INFINITY => (count * at / upper, at / 2.0),
        Keep::Below if upper <= 0.0 => (count, at),
        Keep::Above if at <= lower => (count, 0.0),
        Keep::Above if at >= 0.0 && upper > at && upper != f64::INFINITY => {
            (count * (1.0 - at / upper), (at + upper) / 2.0)
        }
        _ => return none(upper),
    };
    Left::Part { count, middle }
}

/// The zero bucket is divided on a linear scale.
fn left_of_zero(zero: &Bucket, at: f64, keep: Keep) -> Left {
    let Bucket { lower, upper, count, .. } = *zero;
    let all = Left::Part { count, middle: (lower + upper) / 2.0 };
    let nothing = Left::Part { count: 0.0, middle: 0.0 };
    let (share, middle) = match keep {
        Keep::Below if at <= lower => return nothing,
        Keep::Below if at >= upper => return all,
        Keep::Below => ((at - lower) / (upper - lower), (lower + at) / 2.0),
        Keep::Above if at <= lower => return all,
        Keep::Above if at >= upper => return nothing,
        Keep::Above => ((upper - at) / (upper - lower), (at + upper) / 2.0),
    };
    Left::Part { count: count * share, middle }
}

/// Where the observations between two bounds are on average.
fn middle(lower: f64, upper: f64, scale: Scale) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => return 0.0,
        (true, false) => return if upper > 0.0 { upper / 2.0 } else { upper },
        (false, true) => return lower,
        (false, false) => {}
    }
    match scale {
        Scale::Linear => (lower + upper) / 2.0,
        Scale::Positive => (lower * upper).abs().sqrt(),
        Scale::Negative => -(lower * upper).abs().sqrt(),
    }
}
