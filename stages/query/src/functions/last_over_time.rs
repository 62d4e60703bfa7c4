//! `last_over_time(m[d])`: the last sample of the window.

use super::window::{RangeFunction, Window};

/// `last_over_time`
pub(crate) static LAST_OVER_TIME: RangeFunction =
    RangeFunction { name: "last_over_time", keeps_name: true, for_counters: false, sees_stale: false, eval };

fn eval(window: Window<'_>) -> Option<f64> {
    window.values.last().copied()
}
