//! `sum_over_time(m[d])`: the sum of the window, compensated.

use weir_pipeline::Value;

use super::{RangeFunction, Window};
use crate::functions::compensated::Sum;

/// `sum_over_time`
pub(super) static SUM_OVER_TIME: RangeFunction = RangeFunction {
    name: "sum_over_time",
    keeps_name: false,
    for_counters: false,
    sees_stale: false,
    eval: |window, _| eval(window).map(Value::Float),
};

fn eval(window: &Window<'_>) -> Option<f64> {
    let mut sum = Sum::default();
    for &value in window.values {
        sum.add(value);
    }
    (!window.values.is_empty()).then(|| sum.total())
}
