//! `max_over_time(m[d])`: the greatest sample of the window; NaN only where all are.

use weir_pipeline::Value;

use super::{RangeFunction, Window};

/// `max_over_time`
pub(super) static MAX_OVER_TIME: RangeFunction = RangeFunction {
    name: "max_over_time",
    keeps_name: false,
    for_counters: false,
    sees_stale: false,
    eval: |window, _| eval(window).map(Value::Float),
};

fn eval(window: &Window<'_>) -> Option<f64> {
    window.values.iter().copied().reduce(|max, value| if value > max || max.is_nan() { value } else { max })
}
