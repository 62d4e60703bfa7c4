//! Native histograms as PromQL reckons with them: a histogram in, a histogram or a number out.
//!
//! Shape: free functions on [`Histogram`], whose counts may be anything that arithmetic makes of counts: fractions,
//! negative, NaN. A histogram that is not valid gives some answer, never a panic.
//!
//! Source: Prometheus' `model/histogram` and `promql/quantile.go`, whose answers these are to the last bit.

mod bounds;
mod bucket;
pub mod classic;
mod combine;
mod compensated;
mod layout;
mod log;
mod quantile;
mod reset;
mod stats;
mod text;
mod trim;
mod validate;

pub use bucket::{Bucket, buckets};
pub use combine::{add, sub};
pub use compensated::{CompensatedMean, CompensatedSum};
pub use quantile::{fraction, mean, quantile, stddev, variance};
pub use reset::detect_reset;
pub use stats::drop_buckets;
pub use text::Text;
pub use trim::{trim_lower, trim_upper};
pub use validate::validate;

use weir_pipeline::histogram::{Buckets, Histogram, ResetHint};

use layout::Layout;

/// What adding or subtracting had to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Combined {
    /// One said that it was reset, the other that it was not.
    pub reset_collision: bool,
    /// The custom buckets had other bounds: those that both had are left.
    pub reconciled_bounds: bool,
}

/// Exponential and custom buckets, which nothing brings together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incompatible;

/// Multiplies all counts and the sum. Times something negative a histogram is a gauge.
pub fn scale(histogram: &mut Histogram, factor: f64) {
    each(histogram, |number| *number *= factor);
    if factor < 0.0 {
        histogram.reset = ResetHint::Gauge;
    }
}

/// Divides all counts and the sum. By zero, no buckets are left; by something negative, a gauge.
pub fn divide(histogram: &mut Histogram, by: f64) {
    if by == 0.0 {
        (histogram.positive, histogram.negative) = Default::default();
    }
    each(histogram, |number| *number /= by);
    if by < 0.0 {
        histogram.reset = ResetHint::Gauge;
    }
}

fn each(histogram: &mut Histogram, change: impl Fn(&mut f64)) {
    let Histogram { zero_count, count, sum, positive, negative, .. } = histogram;
    [zero_count, count, sum].into_iter().for_each(&change);
    positive.counts.iter_mut().chain(&mut negative.counts).for_each(&change);
}

/// Leaves out empty buckets, but for at most `max_empty` between two others: so many are put in where they are missing.
pub fn compact(histogram: &mut Histogram, max_empty: usize) {
    for side in [&mut histogram.positive, &mut histogram.negative] {
        (*side, _) = Layout::take(side, None).compact(max_empty).into_buckets();
    }
}

/// Merges buckets until the schema is `to`. Whether it can be: not from or to custom buckets, nor to finer ones.
pub fn reduce_schema(histogram: &mut Histogram, to: i32) -> bool {
    if to == histogram.schema {
        return true;
    }
    if histogram.has_custom_buckets() || to == weir_pipeline::histogram::CUSTOM_SCHEMA || to > histogram.schema {
        return false;
    }
    let by = histogram.schema.abs_diff(to);
    for side in [&mut histogram.positive, &mut histogram.negative] {
        (*side, _) = Layout::take(side, None).reduced(by).into_buckets();
    }
    histogram.schema = to;
    true
}

/// Whether two histograms are the same to the last bit, NaN included: their buckets too, even the empty ones. What their
/// hints say of resets does not matter.
pub fn equals(one: &Histogram, two: &Histogram) -> bool {
    let custom = !one.has_custom_buckets() || one.custom == two.custom;
    let numbers = |of: &Histogram| [of.count, of.sum, of.zero_count].map(f64::to_bits);
    one.schema == two.schema
        && custom
        && one.zero_threshold == two.zero_threshold
        && numbers(one) == numbers(two)
        && same_buckets(&one.positive, &two.positive)
        && same_buckets(&one.negative, &two.negative)
}

fn same_buckets(one: &Buckets, two: &Buckets) -> bool {
    let bits = |of: &Buckets| of.counts.iter().map(|count| count.to_bits()).collect::<Vec<_>>();
    spans(one).eq(spans(two)) && bits(one) == bits(two)
}

/// The spans that are not empty, each with its distance to the one before.
fn spans(of: &Buckets) -> impl Iterator<Item = (i64, u32)> + '_ {
    let mut distance = 0_i64;
    of.spans.iter().filter_map(move |span| {
        distance = distance.saturating_add(i64::from(span.offset));
        (span.length > 0).then(|| (std::mem::take(&mut distance), span.length))
    })
}

#[cfg(test)]
mod tests;
