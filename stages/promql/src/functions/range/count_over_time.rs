//! `count_over_time(m[d])`: how many samples the window has.

use weir_pipeline::Value;

use super::{RangeFunction, Window};

/// `count_over_time`
pub(super) static COUNT_OVER_TIME: RangeFunction = RangeFunction {
    name: "count_over_time",
    keeps_name: false,
    for_counters: false,
    sees_stale: false,
    eval: |window, _| eval(window).map(Value::Float),
};

fn eval(window: &Window<'_>) -> Option<f64> {
    Some(window.values.len() as f64)
}
