//! `deriv(m[d])` and `predict_linear(m[d], t)`: the slope of the line nearest to the floats of a window, per second, and
//! the value of that line `t` seconds after the step.
//!
//! Source: `linearRegression` of Prometheus' `promql/functions.go`.

use weir_pipeline::Value;

use super::{RangeFunction, Window, seconds_between};
use crate::annotations::Notes;
use crate::functions::compensated::Sum;

/// `deriv`
pub(super) static DERIV: RangeFunction = RangeFunction::new("deriv", |window, notes| {
    // Times near the samples' own keep the sums small.
    let near = window.timestamps.first().copied().unwrap_or_default();
    line(window, near, notes).map(|(slope, _)| Value::Float(slope))
});

/// `predict_linear`
pub(super) static PREDICT_LINEAR: RangeFunction = RangeFunction {
    sees_step: true,
    ..RangeFunction::new("predict_linear", |window, notes| {
        let (slope, now) = line(window, window.step, notes)?;
        window.args.first().map(|after| Value::Float(slope * after + now))
    })
};

/// The slope, and the value at the time `origin`.
fn line(window: &Window<'_>, origin: i64, notes: &mut Notes) -> Option<(f64, f64)> {
    let (&[first, _, ..], values) = (window.floats(notes), window.values) else { return None };
    if values.iter().skip(1).all(|&value| value == first) {
        return Some(if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) });
    }
    let (mut sum_x, mut sum_y, mut sum_xy, mut sum_xx) =
        (Sum::default(), Sum::default(), Sum::default(), Sum::default());
    for (&time, &y) in window.timestamps.iter().zip(values) {
        let x = seconds_between(origin, time);
        sum_x.add(x);
        sum_y.add(y);
        sum_xy.add(x * y);
        sum_xx.add(x * x);
    }
    let n = values.len() as f64;
    let [x, y, xy, xx] = [sum_x, sum_y, sum_xy, sum_xx].map(|sum| sum.sum + sum.lost);
    let slope = (xy - x * y / n) / (xx - x * x / n);
    Some((slope, y / n - slope * x / n))
}
