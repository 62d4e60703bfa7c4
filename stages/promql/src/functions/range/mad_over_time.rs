//! `mad_over_time(m[d])`: the median of how far the floats of a window are from their median; NaN where any is.

use weir_pipeline::Value;

use super::RangeFunction;
use crate::functions::sample_quantile::sample_quantile;

/// `mad_over_time`
pub(super) static MAD_OVER_TIME: RangeFunction =
    RangeFunction::new("mad_over_time", |window, notes| deviation(window.floats(notes)).map(Value::Float));

fn deviation(floats: &[f64]) -> Option<f64> {
    if floats.iter().any(|value| value.is_nan()) {
        return Some(f64::NAN);
    }
    let mut values = floats.to_vec();
    let median = sample_quantile(0.5, &mut values);
    values.iter_mut().for_each(|value| *value = (*value - median).abs());
    (!floats.is_empty()).then(|| sample_quantile(0.5, &mut values))
}
