//! `rate(m[d])`, `increase(m[d])` and `delta(m[d])`: the change over a window, extrapolated to the whole of it.
//!
//! Source: `extrapolatedRate` of Prometheus' `promql/functions.go`.

use weir_pipeline::Value;

use super::{RangeFunction, Window};

/// `rate`
pub(super) static RATE: RangeFunction = RangeFunction {
    name: "rate",
    keeps_name: false,
    for_counters: true,
    sees_stale: false,
    eval: |window, _| extrapolated(window, true, true).map(Value::Float),
};

/// `increase`
pub(super) static INCREASE: RangeFunction = RangeFunction {
    name: "increase",
    keeps_name: false,
    for_counters: true,
    sees_stale: false,
    eval: |window, _| extrapolated(window, true, false).map(Value::Float),
};

/// `delta`
pub(super) static DELTA: RangeFunction = RangeFunction {
    name: "delta",
    keeps_name: false,
    for_counters: false,
    sees_stale: false,
    eval: |window, _| extrapolated(window, false, false).map(Value::Float),
};

fn extrapolated(window: &Window<'_>, counter: bool, per_second: bool) -> Option<f64> {
    let (&[first_t, .., last_t], &[first, .., last]) = (window.timestamps, window.values) else { return None };
    let mut change = last - first;
    if counter {
        // What the counter had counted before each of its resets.
        for pair in window.values.windows(2) {
            if let &[before, after] = pair
                && after < before
            {
                change += before;
            }
        }
    }
    let sampled = seconds(last_t - first_t);
    let between = sampled / (window.values.len() - 1) as f64;
    // A sample further from the window's edge than this means that the series begins or ends within the window.
    let near = between * 1.1;
    let mut to_start = seconds(first_t - window.start);
    if to_start >= near {
        to_start = between / 2.0;
    }
    if counter && change > 0.0 && first >= 0.0 {
        // A counter was never below zero: go back no further than where it would have been zero.
        let to_zero = sampled * (first / change);
        if to_zero < to_start {
            to_start = to_zero;
        }
    }
    let mut to_end = seconds(window.end - last_t);
    if to_end >= near {
        to_end = between / 2.0;
    }
    let mut factor = (sampled + to_start + to_end) / sampled;
    if per_second {
        factor /= seconds(window.end - window.start);
    }
    Some(change * factor)
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}
