//! Classic histograms made native: their bounds become custom buckets.
//!
//! Source: Prometheus' `util/convertnhcb`.

use weir_pipeline::histogram::{BucketSpan, Buckets, CUSTOM_SCHEMA, Histogram};

use super::compact;

/// Empty buckets in a row that stay where all counts are whole: such histograms are stored as integers, and so compacted.
const STORED_EMPTY: usize = 2;

/// The native histogram of classic buckets: their upper bounds, `+Inf` or not among them, and how many observations are
/// at most that. Of buckets with one bound the first counts. Without a count the greatest bucket tells.
///
/// `None` where a bound is NaN, a count negative or below that of a lesser bound, or the count not that of `+Inf`.
pub fn from_classic(buckets: &[(f64, f64)], count: Option<f64>, sum: Option<f64>) -> Option<Histogram> {
    if buckets.iter().any(|(bound, count)| bound.is_nan() || *count < 0.0) || count.is_some_and(|count| count < 0.0) {
        return None;
    }
    let mut sorted = buckets.to_vec();
    sorted.sort_by(|(one, _), (two, _)| one.partial_cmp(two).unwrap_or(std::cmp::Ordering::Equal));
    sorted.dedup_by(|(later, _), (kept, _)| later == kept);
    let decreases = sorted.iter().zip(sorted.iter().skip(1)).any(|((_, less), (_, more))| more < less);
    if decreases { None } else { convert(sorted, count, sum.unwrap_or(0.0)) }
}

fn convert(mut cumulative: Vec<(f64, f64)>, count: Option<f64>, sum: f64) -> Option<Histogram> {
    let count = count.or(cumulative.last().map(|(_, count)| *count)).unwrap_or(0.0);
    if cumulative.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
        cumulative.push((f64::INFINITY, count));
    }
    let all = cumulative.last().map(|(_, count)| *count);
    if all != Some(count) {
        return None;
    }
    let whole = cumulative.iter().all(|(_, count)| count.fract() == 0.0);
    let mut before = 0.0;
    let counts: Vec<_> = cumulative.iter().map(|(_, count)| count - std::mem::replace(&mut before, *count)).collect();
    let spans = vec![BucketSpan { offset: 0, length: u32::try_from(counts.len()).ok()? }];
    let custom = cumulative.iter().map(|(bound, _)| *bound).filter(|bound| *bound != f64::INFINITY).collect();
    let positive = Buckets { spans, counts };
    let mut histogram = Histogram { schema: CUSTOM_SCHEMA, count, sum, positive, custom, ..Histogram::default() };
    compact(&mut histogram, if whole { STORED_EMPTY } else { 0 });
    Some(histogram)
}
