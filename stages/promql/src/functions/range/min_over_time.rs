//! `min_over_time(m[d])`: the least sample of the window; NaN only where all are.

use weir_pipeline::Value;

use super::{RangeFunction, Window};

/// `min_over_time`
pub(super) static MIN_OVER_TIME: RangeFunction = RangeFunction {
    name: "min_over_time",
    keeps_name: false,
    for_counters: false,
    sees_stale: false,
    eval: |window, _| eval(window).map(Value::Float),
};

fn eval(window: &Window<'_>) -> Option<f64> {
    window.values.iter().copied().reduce(|min, value| if value < min || min.is_nan() { value } else { min })
}
