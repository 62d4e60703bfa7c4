//! `avg_over_time(m[d])`: the mean of the window, from a compensated sum.

use super::compensated::Mean;
use super::window::{RangeFunction, Window};

/// `avg_over_time`
pub(crate) static AVG_OVER_TIME: RangeFunction =
    RangeFunction { name: "avg_over_time", keeps_name: false, for_counters: false, sees_stale: false, eval };

fn eval(window: Window<'_>) -> Option<f64> {
    let (&first, rest) = window.values.split_first()?;
    let mut mean = Mean::of(first);
    for &value in rest {
        mean.add(value);
    }
    Some(mean.mean())
}
