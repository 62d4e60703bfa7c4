//! Rounding.

use super::{Call, ElementFunction, of_floats};

/// `ceil(v)`
pub(super) static CEIL: ElementFunction = of_floats("ceil", |v, _| Some(v.ceil()));

/// `floor(v)`
pub(super) static FLOOR: ElementFunction = of_floats("floor", |v, _| Some(v.floor()));

/// `round(v)`, `round(v, to)`: to multiples of `to`, ties upwards.
pub(super) static ROUND: ElementFunction = of_floats("round", round);

fn round(value: f64, call: Call<'_>) -> Option<f64> {
    // The inverse of 0.1 is exact, as 0.1 is not.
    let inverse = 1.0 / call.args.first().unwrap_or(&1.0);
    Some((value * inverse + 0.5).floor() / inverse)
}
