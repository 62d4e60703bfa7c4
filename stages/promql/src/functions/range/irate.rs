//! `irate(m[d])`: the change per second between the last two samples of a window.

use weir_pipeline::Value;

use super::{RangeFunction, Window};

/// `irate`
pub(super) static IRATE: RangeFunction = RangeFunction {
    name: "irate",
    keeps_name: false,
    for_counters: false,
    sees_stale: false,
    eval: |window, _| irate(window).map(Value::Float),
};

fn irate(window: &Window<'_>) -> Option<f64> {
    let (&[.., before_t, last_t], &[.., before, last]) = (window.timestamps, window.values) else { return None };
    // After a reset the counter has counted all that it shows.
    let change = if last < before { last } else { last - before };
    Some(change / ((last_t - before_t) as f64 / 1000.0))
}
