//! `last_over_time(m[d])`: the last sample of the window.

use weir_pipeline::Value;

use super::{RangeFunction, Window};

/// `last_over_time`
pub(super) static LAST_OVER_TIME: RangeFunction =
    RangeFunction { keeps_name: true, ..RangeFunction::new("last_over_time", |window, _| last(window)) }
        .with_floats(|floats, places| floats.each(places, |values, _| values.last().copied()));

fn last(window: &Window<'_>) -> Option<Value> {
    let float = window.timestamps.last().zip(window.values.last());
    match (float, window.histograms.last()) {
        (Some((&time, _)), Some(histogram)) if histogram.timestamp >= time => Some(histogram.value()),
        (Some((_, &value)), _) => Some(Value::Float(value)),
        (None, histogram) => histogram.map(|h| h.value()),
    }
}
