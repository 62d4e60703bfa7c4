//! The quantile of numbers.
//!
//! Source: `quantile` of Prometheus' `promql/quantile.go`.

use std::cmp::Ordering;

/// The `quantile` of `values`, on a line between the two that are nearest; NaN is the least of values. Without values it is
/// NaN, below 0 and above 1 it is infinite. Leaves `values` in another order.
pub fn sample_quantile(quantile: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&quantile) {
        return if quantile < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let rank = quantile * (values.len() - 1) as f64;
    let lower = (rank.floor() as usize).min(values.len() - 1);
    let (_, &mut below, rest) = values.select_nth_unstable_by(lower, order);
    let above = rest.iter().copied().min_by(order).unwrap_or(below);
    let weight = rank - rank.floor();
    below * (1.0 - weight) + above * weight
}

fn order(a: &f64, b: &f64) -> Ordering {
    b.is_nan().cmp(&a.is_nan()).then_with(|| a.partial_cmp(b).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests;
