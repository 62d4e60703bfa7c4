//! `double_exponential_smoothing(m[d], sf, tf)`: the last float of a window, smoothed together with its trend. The lower
//! the factor `sf`, the more old floats count; the higher `tf`, the more the trend does.

use weir_pipeline::Value;

use super::{RangeFunction, Window};
use crate::annotations::Notes;

/// `double_exponential_smoothing`
pub(super) static DOUBLE_EXPONENTIAL_SMOOTHING: RangeFunction =
    RangeFunction { check, ..RangeFunction::new("double_exponential_smoothing", smooth) };

fn check(args: &[f64]) -> Result<(), String> {
    for (value, name, short) in args.iter().zip([("smoothing", "sf"), ("trend", "tf")]).map(|(v, (n, s))| (*v, n, s)) {
        if value <= 0.0 || value >= 1.0 {
            let got = if value.is_finite() { format!("{value:.6}") } else { crate::annotations::go_float(value) };
            return Err(format!("invalid {name} factor. Expected: 0 < {short} < 1, got: {got}"));
        }
    }
    Ok(())
}

fn smooth(window: &Window<'_>, notes: &mut Notes) -> Option<Value> {
    let &[smoothing, trend_factor, ..] = window.args else { return None };
    let &[first, second, ref rest @ ..] = window.floats(notes) else { return None };
    let smoothed = |last: f64, trend: f64, value: f64| smoothing * value + (1.0 - smoothing) * (last + trend);
    let mut trend = second - first;
    let (mut before, mut last) = (first, smoothed(first, trend, second));
    for &value in rest {
        trend = trend_factor * (last - before) + (1.0 - trend_factor) * trend;
        (before, last) = (last, smoothed(last, trend, value));
    }
    Some(Value::Float(last))
}
