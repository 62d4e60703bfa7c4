//! `stddev_over_time(m[d])` and `stdvar_over_time(m[d])`: how far the floats of a window are from their mean, as a
//! population, by Welford's method.

use weir_pipeline::Value;

use super::RangeFunction;
use crate::functions::compensated::Sum;

/// `stddev_over_time`
pub(super) static STDDEV_OVER_TIME: RangeFunction = RangeFunction::new("stddev_over_time", |window, notes| {
    variance(window.floats(notes)).map(|variance| Value::Float(variance.sqrt()))
});

/// `stdvar_over_time`
pub(super) static STDVAR_OVER_TIME: RangeFunction =
    RangeFunction::new("stdvar_over_time", |window, notes| variance(window.floats(notes)).map(Value::Float));

fn variance(floats: &[f64]) -> Option<f64> {
    let (mut count, mut mean, mut squares) = (0.0, Sum::default(), Sum::default());
    for &value in floats {
        count += 1.0;
        let delta = value - (mean.sum + mean.lost);
        mean.add(delta / count);
        squares.add(delta * (value - (mean.sum + mean.lost)));
    }
    (!floats.is_empty()).then(|| (squares.sum + squares.lost) / count)
}
