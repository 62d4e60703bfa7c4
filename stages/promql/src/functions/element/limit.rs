//! `clamp` and its halves. Nothing is left where the greatest is below the least.

use super::{Call, ElementFunction, of_floats};
use crate::functions::math;

/// `clamp(v, min, max)`
pub(super) static CLAMP: ElementFunction = of_floats("clamp", |value, call| match *call.args {
    [min, max] => clamp(value, min, max),
    _ => None,
});

/// `clamp_max(v, max)`
pub(super) static CLAMP_MAX: ElementFunction =
    of_floats("clamp_max", |value, call: Call<'_>| clamp(value, f64::NEG_INFINITY, *call.args.first()?));

/// `clamp_min(v, min)`
pub(super) static CLAMP_MIN: ElementFunction =
    of_floats("clamp_min", |value, call: Call<'_>| clamp(value, *call.args.first()?, f64::INFINITY));

fn clamp(value: f64, min: f64, max: f64) -> Option<f64> {
    let empty = max < min;
    (!empty).then(|| math::max(min, math::min(max, value)))
}
