//! `avg_over_time(m[d])`: the mean of the window, from a compensated sum.

use weir_pipeline::Value;

use super::{RangeFunction, Window};
use crate::functions::compensated::Mean;

/// `avg_over_time`
pub(super) static AVG_OVER_TIME: RangeFunction = RangeFunction {
    name: "avg_over_time",
    keeps_name: false,
    for_counters: false,
    sees_stale: false,
    eval: |window, _| eval(window).map(Value::Float),
};

fn eval(window: &Window<'_>) -> Option<f64> {
    let (&first, rest) = window.values.split_first()?;
    let mut mean = Mean::of(first);
    for &value in rest {
        mean.add(value);
    }
    Some(mean.mean())
}
