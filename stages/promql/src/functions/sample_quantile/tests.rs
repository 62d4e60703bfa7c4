#![allow(missing_docs)]

use super::*;

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

fn check(quantile: f64, values: &[f64], wanted: f64) {
    let found = sample_quantile(quantile, &mut values.to_vec());
    assert!(found == wanted || found.is_nan() && wanted.is_nan(), "got {found}, wanted {wanted}");
}

#[test]
fn a_quantile_lies_between_the_two_nearest_values() {
    check(0.5, &[4.0, 1.0, 3.0, 2.0], 2.5);
    check(0.0, &[4.0, 1.0, 3.0, 2.0], 1.0);
    check(1.0, &[4.0, 1.0, 3.0, 2.0], 4.0);
    check(0.8, &[0.0, 1.0, 2.0], 1.6);
    check(0.3, &[7.0], 7.0);
}

#[test]
fn nan_is_the_least_value() {
    check(0.0, &[1.0, NAN], NAN);
    check(1.0, &[NAN, 1.0, NAN], 1.0);
    check(0.5, &[2.0, NAN, 1.0], 1.0);
}

#[test]
fn a_quantile_of_nothing_is_nan_and_outside_0_to_1_infinite() {
    check(0.5, &[], NAN);
    check(NAN, &[1.0], NAN);
    check(-0.1, &[1.0], -INF);
    check(1.1, &[1.0], INF);
}
