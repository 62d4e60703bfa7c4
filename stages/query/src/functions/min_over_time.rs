//! `min_over_time(m[d])`: the least sample of the window; NaN only where all are.

use super::window::{RangeFunction, Window};

/// `min_over_time`
pub(crate) static MIN_OVER_TIME: RangeFunction =
    RangeFunction { name: "min_over_time", keeps_name: false, for_counters: false, sees_stale: false, eval };

fn eval(window: Window<'_>) -> Option<f64> {
    window.values.iter().copied().reduce(|min, value| if value < min || min.is_nan() { value } else { min })
}
