//! `first_over_time(m[d])`: the first sample of the window.

use weir_pipeline::Value;

use super::{RangeFunction, Window};

/// `first_over_time`
pub(super) static FIRST_OVER_TIME: RangeFunction =
    RangeFunction { keeps_name: true, ..RangeFunction::new("first_over_time", |window, _| first(window)) }
        .with_floats(|floats, places| floats.each(places, |values, _| values.first().copied()));

fn first(window: &Window<'_>) -> Option<Value> {
    let float = window.timestamps.first().zip(window.values.first());
    match (float, window.histograms.first()) {
        (Some((&time, _)), Some(histogram)) if histogram.timestamp <= time => Some(histogram.value()),
        (Some((_, &value)), _) => Some(Value::Float(value)),
        (None, histogram) => histogram.map(|h| h.value()),
    }
}
