//! `min_over_time(m[d])`: the least float of the window; NaN only where all are.

use weir_pipeline::Value;

use super::RangeFunction;

/// `min_over_time`
pub(super) static MIN_OVER_TIME: RangeFunction =
    RangeFunction::new("min_over_time", |window, notes| min(window.floats(notes)).map(Value::Float))
        .with_floats(|floats, places| floats.extreme(places, |value, min| value < min));

fn min(floats: &[f64]) -> Option<f64> {
    floats.iter().copied().reduce(|min, value| if value < min || min.is_nan() { value } else { min })
}
