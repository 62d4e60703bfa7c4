//! `present_over_time(m[d])`: 1 where the window has a sample.

use weir_pipeline::Value;

use super::RangeFunction;

/// `present_over_time`
pub(super) static PRESENT_OVER_TIME: RangeFunction =
    RangeFunction::new("present_over_time", |window, _| (!window.is_empty()).then_some(Value::Float(1.0)))
        .with_floats(|floats, places| floats.each(places, |_, _| Some(1.0)));
