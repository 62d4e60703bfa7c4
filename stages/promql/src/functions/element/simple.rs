//! Magnitude, sign, exponents and logarithms.

use super::{ElementFunction, of_floats};

/// `abs(v)`
pub(super) static ABS: ElementFunction = of_floats("abs", |v, _| Some(v.abs()));

/// `exp(v)`
pub(super) static EXP: ElementFunction = of_floats("exp", |v, _| Some(v.exp()));

/// `ln(v)`
pub(super) static LN: ElementFunction = of_floats("ln", |v, _| Some(v.ln()));

/// `log10(v)`
pub(super) static LOG10: ElementFunction = of_floats("log10", |v, _| Some(v.log10()));

/// `log2(v)`
pub(super) static LOG2: ElementFunction = of_floats("log2", |v, _| Some(v.log2()));

/// `sgn(v)`: 0, -0 and NaN stay.
pub(super) static SGN: ElementFunction =
    of_floats("sgn", |v, _| Some(if v == 0.0 || v.is_nan() { v } else { v.signum() }));

/// `sqrt(v)`
pub(super) static SQRT: ElementFunction = of_floats("sqrt", |v, _| Some(v.sqrt()));
