//! `quantile(q, v)`. It keeps the values of a group; histograms go with a note, as where
//! [`OfHistograms::Ignored`](super::OfHistograms::Ignored).
//!
//! Source: `quantile` of Prometheus' `promql/quantile.go`.

use std::cmp::Ordering;

/// The name, as in PromQL.
pub const NAME: &str = "quantile";

/// The quantile of values, which it sorts: between two of them linear, NaN is below all. Infinite where `quantile` is not
/// between 0 and 1, and NaN where there is no value.
pub fn quantile(quantile: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&quantile) {
        return if quantile < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    values.sort_unstable_by(|&a, &b| nan_first(a, b));
    let last = values.len() - 1;
    let rank = quantile * last as f64;
    let weight = rank - rank.floor();
    // The rank is between 0 and the last.
    let lower = rank.floor() as usize;
    let at = |i: usize| values.get(i.min(last)).copied().unwrap_or(f64::NAN);
    at(lower) * (1.0 - weight) + at(lower + 1) * weight
}

fn nan_first(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}
