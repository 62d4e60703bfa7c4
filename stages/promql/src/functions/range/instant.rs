//! The instant selector: the last sample of the lookback window, unless it marks the end of the series.

use weir_pipeline::{Value, is_stale};

use super::{RangeFunction, Window};

/// An instant selector.
pub(super) static INSTANT: RangeFunction = RangeFunction {
    name: "instant",
    keeps_name: true,
    for_counters: false,
    sees_stale: true,
    eval: |window, _| instant(window).map(Value::Float),
};

fn instant(window: &Window<'_>) -> Option<f64> {
    window.values.last().copied().filter(|&value| !is_stale(value))
}
