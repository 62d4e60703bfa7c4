//! `ts_of_first_over_time(m[d])`, `ts_of_last_…`, `ts_of_max_…` and `ts_of_min_…`: when that sample was, in seconds since
//! the Unix epoch. Of samples that are all greatest, or all least, the last counts.

use weir_pipeline::Value;

use super::{RangeFunction, Window};
use crate::annotations::Notes;

/// `ts_of_first_over_time`
pub(super) static TS_OF_FIRST_OVER_TIME: RangeFunction = RangeFunction::new("ts_of_first_over_time", |window, _| {
    let histogram = window.histograms.first().map(|h| h.timestamp);
    window.timestamps.first().copied().into_iter().chain(histogram).min().map(seconds)
});

/// `ts_of_last_over_time`
pub(super) static TS_OF_LAST_OVER_TIME: RangeFunction = RangeFunction::new("ts_of_last_over_time", |window, _| {
    let (float, histogram) = (window.timestamps.last().copied(), window.histograms.last().map(|h| h.timestamp));
    // As in Prometheus, where there is only one of both the other was at 0.
    float.or(histogram).map(|_| seconds(float.unwrap_or(0).max(histogram.unwrap_or(0))))
});

/// `ts_of_max_over_time`
pub(super) static TS_OF_MAX_OVER_TIME: RangeFunction =
    RangeFunction::new("ts_of_max_over_time", |window, notes| time_of(window, notes, |value, max| value >= max));

/// `ts_of_min_over_time`
pub(super) static TS_OF_MIN_OVER_TIME: RangeFunction =
    RangeFunction::new("ts_of_min_over_time", |window, notes| time_of(window, notes, |value, min| value <= min));

/// When the float was that beats all before it.
fn time_of(window: &Window<'_>, notes: &mut Notes, beats: fn(f64, f64) -> bool) -> Option<Value> {
    let samples = window.timestamps.iter().zip(window.floats(notes));
    let best = samples.reduce(|best, sample| if beats(*sample.1, *best.1) || best.1.is_nan() { sample } else { best });
    best.map(|(&time, _)| seconds(time))
}

fn seconds(time: i64) -> Value {
    Value::Float(time as f64 / 1000.0)
}
