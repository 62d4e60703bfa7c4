//! `count_over_time(m[d])`: how many samples the window has.

use weir_pipeline::Value;

use super::{RangeFunction, Window};

/// `count_over_time`
pub(super) static COUNT_OVER_TIME: RangeFunction =
    RangeFunction::new("count_over_time", |window, _| (!window.is_empty()).then(|| Value::Float(count(window))))
        .with_floats(|floats, places| floats.each(places, |values, _| Some(values.len() as f64)));

fn count(window: &Window<'_>) -> f64 {
    (window.values.len() + window.histograms.len()) as f64
}
