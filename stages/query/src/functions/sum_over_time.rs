//! `sum_over_time(m[d])`: the sum of the window, compensated.

use super::compensated::Sum;
use super::window::{RangeFunction, Window};

/// `sum_over_time`
pub(crate) static SUM_OVER_TIME: RangeFunction =
    RangeFunction { name: "sum_over_time", keeps_name: false, for_counters: false, sees_stale: false, eval };

fn eval(window: Window<'_>) -> Option<f64> {
    let mut sum = Sum::default();
    for &value in window.values {
        sum.add(value);
    }
    (!window.values.is_empty()).then(|| sum.total())
}
