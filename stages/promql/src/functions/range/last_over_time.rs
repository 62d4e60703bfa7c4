//! `last_over_time(m[d])`: the last sample of the window.

use weir_pipeline::Value;

use super::{RangeFunction, Window};

/// `last_over_time`
pub(super) static LAST_OVER_TIME: RangeFunction = RangeFunction {
    name: "last_over_time",
    keeps_name: true,
    for_counters: false,
    sees_stale: false,
    eval: |window, _| eval(window).map(Value::Float),
};

fn eval(window: &Window<'_>) -> Option<f64> {
    window.values.last().copied()
}
