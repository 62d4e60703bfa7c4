#![allow(clippy::unwrap_used, missing_docs)]

use super::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

#[track_caller]
fn check(found: f64, wanted: f64) {
    let same = found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan();
    assert!(same, "found {found}, wanted {wanted}");
}

#[test]
fn the_greater_of_two_is_nan_where_one_is_unless_the_other_is_infinite() {
    check(max(1.0, 2.0), 2.0);
    check(max(2.0, 1.0), 2.0);
    check(max(NAN, 1.0), NAN);
    check(max(1.0, NAN), NAN);
    check(max(NAN, INF), INF);
    check(max(-INF, NAN), NAN);
    check(max(-0.0, 0.0), 0.0);
    check(max(0.0, -0.0), 0.0);
    check(max(-0.0, -0.0), -0.0);
    check(min(1.0, 2.0), 1.0);
    check(min(NAN, 1.0), NAN);
    check(min(NAN, -INF), -INF);
    check(min(INF, NAN), NAN);
    check(min(-0.0, 0.0), -0.0);
    check(min(0.0, -0.0), -0.0);
    check(min(0.0, 0.0), 0.0);
}

#[test]
fn inverse_hyperbolic_functions_take_the_largest_numbers() {
    check(acosh(1e308), 709.889355822726);
    check(asinh(1e308), 709.889355822726);
    check(asinh(-1e308), -709.889355822726);
    check(acosh(INF), INF);
    check(asinh(-INF), -INF);
    check(acosh(0.5), NAN);
    check(asinh(-0.0), -0.0);
}

#[test]
fn remainders_and_powers_are_those_of_go() {
    check(-4.0 % 2.0, -0.0);
    check(5.0 % -3.0, 2.0);
    check(INF % 2.0, NAN);
    check(2.0 % INF, 2.0);
    check(2.0 % 0.0, NAN);
    check(f64::powf(1.0, NAN), 1.0);
    check(f64::powf(NAN, 0.0), 1.0);
    check(f64::powf(-0.0, -3.0), -INF);
    check(f64::powf(-1.0, INF), 1.0);
    check(f64::powf(-2.0, 0.5), NAN);
    check(f64::atan2(-0.0, -1.0), -std::f64::consts::PI);
    check(f64::atan2(INF, -INF), 3.0 * std::f64::consts::FRAC_PI_4);
    check((-2.5f64).round(), -3.0);
}
