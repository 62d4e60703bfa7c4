//! Angles and hyperbolas, in radians.

use std::f64::consts::PI;

use super::{ElementFunction, of_floats};
use crate::functions::math;

/// `acos(v)`
pub(super) static ACOS: ElementFunction = of_floats("acos", |v, _| Some(v.acos()));

/// `acosh(v)`
pub(super) static ACOSH: ElementFunction = of_floats("acosh", |v, _| Some(math::acosh(v)));

/// `asin(v)`
pub(super) static ASIN: ElementFunction = of_floats("asin", |v, _| Some(v.asin()));

/// `asinh(v)`
pub(super) static ASINH: ElementFunction = of_floats("asinh", |v, _| Some(math::asinh(v)));

/// `atan(v)`
pub(super) static ATAN: ElementFunction = of_floats("atan", |v, _| Some(v.atan()));

/// `atanh(v)`
pub(super) static ATANH: ElementFunction = of_floats("atanh", |v, _| Some(v.atanh()));

/// `cos(v)`
pub(super) static COS: ElementFunction = of_floats("cos", |v, _| Some(v.cos()));

/// `cosh(v)`
pub(super) static COSH: ElementFunction = of_floats("cosh", |v, _| Some(v.cosh()));

/// `deg(v)`: radians as degrees.
pub(super) static DEG: ElementFunction = of_floats("deg", |v, _| Some(v * 180.0 / PI));

/// `rad(v)`: degrees as radians.
pub(super) static RAD: ElementFunction = of_floats("rad", |v, _| Some(v * PI / 180.0));

/// `sin(v)`
pub(super) static SIN: ElementFunction = of_floats("sin", |v, _| Some(v.sin()));

/// `sinh(v)`
pub(super) static SINH: ElementFunction = of_floats("sinh", |v, _| Some(v.sinh()));

/// `tan(v)`
pub(super) static TAN: ElementFunction = of_floats("tan", |v, _| Some(v.tan()));

/// `tanh(v)`
pub(super) static TANH: ElementFunction = of_floats("tanh", |v, _| Some(v.tanh()));
