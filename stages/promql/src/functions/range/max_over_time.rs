//! `max_over_time(m[d])`: the greatest float of the window; NaN only where all are.

use weir_pipeline::Value;

use super::RangeFunction;

/// `max_over_time`
pub(super) static MAX_OVER_TIME: RangeFunction =
    RangeFunction::new("max_over_time", |window, notes| max(window.floats(notes)).map(Value::Float))
        .with_floats(|floats, places| floats.extreme(places, |value, max| value > max));

fn max(floats: &[f64]) -> Option<f64> {
    floats.iter().copied().reduce(|max, value| if value > max || max.is_nan() { value } else { max })
}
