//! Where Go's mathematics, which PromQL is defined by, says something else than Rust's.
//!
//! The same in both, special values included: `math.Mod` and `%` (the sign is the dividend's), `math.Pow` and
//! `f64::powf`, `math.Atan2` and `f64::atan2`, `math.Round` and `f64::round`. Results of `exp`, `ln`, `powf` and the
//! trigonometric functions may differ in the last bits: `log10(1000)` is 3 here, and 2.9999999999999996 in Go.
//!
//! Source: Go's package `math`.

/// From here on the square root of `x² ± 1` is `x`.
const LARGE: f64 = (1u64 << 28) as f64;

/// `math.Max`: `+Inf` beats NaN, NaN beats everything else, 0 beats -0.
pub fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        return f64::INFINITY;
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if a == b && a.is_sign_negative() || b > a { b } else { a }
}

/// `math.Min`: `-Inf` beats NaN, NaN beats everything else, -0 beats 0.
pub fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

/// `math.Acosh`, which does not overflow.
pub fn acosh(x: f64) -> f64 {
    if x > LARGE { x.ln() + std::f64::consts::LN_2 } else { x.acosh() }
}

/// `math.Asinh`, which does not overflow.
pub fn asinh(x: f64) -> f64 {
    if x.abs() > LARGE { (x.abs().ln() + std::f64::consts::LN_2).copysign(x) } else { x.asinh() }
}

#[cfg(test)]
mod tests;
