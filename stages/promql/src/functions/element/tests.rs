#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::f64::consts::{FRAC_PI_4, LN_2, LN_10, PI};
use std::sync::Arc;

use weir_pipeline::histogram::{BucketSpan, Buckets, ResetHint};

use super::*;
use crate::functions::quantile::almost_equal;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn call(name: &str, value: &Value, args: &[f64]) -> Option<Value> {
    find(name).unwrap().eval(value, Call { time: 1500, args })
}

/// Of a float; signs of zero count.
#[track_caller]
fn check_with(name: &str, value: f64, args: &[f64], wanted: impl Into<Option<f64>>) {
    let (found, wanted) = (call(name, &Value::Float(value), args), wanted.into());
    let same = match (&found, wanted) {
        (None, None) => true,
        (Some(Value::Float(found)), Some(wanted)) if wanted == 0.0 => found.to_bits() == wanted.to_bits(),
        (Some(Value::Float(found)), Some(wanted)) => almost_equal(*found, wanted, 1e-14),
        _ => false,
    };
    assert!(same, "{name}({value}, {args:?}) is {found:?}, not {wanted:?}");
}

#[track_caller]
fn check(name: &str, cases: &[(f64, f64)]) {
    for &(value, wanted) in cases {
        check_with(name, value, &[], wanted);
    }
}

fn histogram() -> Value {
    Value::Histogram(Arc::new(Histogram { count: 4.0, sum: 6.0, ..Histogram::default() }))
}

#[test]
fn element_functions_are_found_by_the_name_that_promql_has_for_them() {
    assert!(ELEMENT_FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
    for function in ELEMENT_FUNCTIONS {
        assert_eq!(find(function.name).map(|f| f.name), Some(function.name));
        let promql = crate::syntax::functions::find(function.name);
        assert_eq!(promql.is_some(), function.name != "-", "{}", function.name);
    }
    assert!(find("rate").is_none());
}

#[test]
fn magnitudes_and_signs() {
    check("abs", &[(-1.5, 1.5), (-0.0, 0.0), (-INF, INF), (NAN, NAN)]);
    check("sgn", &[(-INF, -1.0), (INF, 1.0), (NAN, NAN), (-50.0, -1.0), (0.0, 0.0), (-0.0, -0.0), (100.0, 1.0)]);
    check("sqrt", &[(10.0, 3.1622776601683795), (20.0, 4.47213595499958), (-1.0, NAN)]);
}

#[test]
fn exponents_and_logarithms() {
    check("exp", &[(0.0, 1.0), (1.0, std::f64::consts::E), (-INF, 0.0), (INF, INF)]);
    check("ln", &[(10.0, LN_10), (20.0, 2.995732273553991), (0.0, -INF), (-10.0, NAN)]);
    check("log2", &[(10.0, 3.3219280948873626), (20.0, 4.321928094887363), (0.0, -INF)]);
    check("log10", &[(10.0, 1.0), (20.0, 1.301029995663981), (1000.0, 3.0), (-1.0, NAN)]);
}

#[test]
fn rounding_goes_to_multiples_and_ties_go_up() {
    check("ceil", &[(1.2, 2.0), (-1.2, -1.0), (-0.5, -0.0), (INF, INF)]);
    check("floor", &[(0.4, 0.0), (0.8, 0.0), (-0.1, -1.0), (NAN, NAN)]);
    check("round", &[(2.5, 3.0), (2.0, 2.0), (-2.5, -2.0), (-2.0, -2.0), (-0.0, 0.0), (INF, INF), (NAN, NAN)]);
    check_with("round", 5.25, &[0.1], 5.3);
    check_with("round", -5.25, &[0.1], -5.2);
    check_with("round", 2.5, &[5.0], 5.0);
    check_with("round", 1.5, &[0.0], NAN);
}

#[test]
fn clamping_ignores_nan_where_the_limit_is_infinite_and_answers_nothing_where_limits_cross() {
    check_with("clamp", -50.0, &[-25.0, 75.0], -25.0);
    check_with("clamp", 100.0, &[-25.0, 75.0], 75.0);
    check_with("clamp", 0.0, &[5.0, -5.0], None);
    check_with("clamp", 0.0, &[NAN, 100.0], NAN);
    check_with("clamp_max", 100.0, &[75.0], 75.0);
    check_with("clamp_max", NAN, &[75.0], NAN);
    check_with("clamp_max", NAN, &[-INF], -INF);
    check_with("clamp_max", 1.0, &[NAN], NAN);
    check_with("clamp_min", -50.0, &[-25.0], -25.0);
    check_with("clamp_min", NAN, &[INF], INF);
    check_with("clamp_min", 0.0, &[], None);
}

#[test]
fn angles() {
    check("sin", &[(10.0, -0.5440211108893699), (NAN, NAN), (INF, NAN)]);
    check("cos", &[(10.0, -0.8390715290764524), (0.0, 1.0)]);
    check("tan", &[(10.0, 0.6483608274590867)]);
    check("asin", &[(1.0, PI / 2.0), (1.1, NAN)]);
    check("acos", &[(-1.0, PI), (-1.1, NAN)]);
    check("atan", &[(1.0, FRAC_PI_4), (10.0, 1.4711276743037345), (-INF, -PI / 2.0)]);
    check("deg", &[(PI, 180.0), (-PI / 2.0, -90.0)]);
    check("rad", &[(180.0, PI), (10.0, 0.17453292519943295)]);
}

#[test]
fn hyperbolas() {
    check("sinh", &[(10.0, 11013.232874703393), (-INF, -INF)]);
    check("cosh", &[(10.0, 11013.232920103324), (0.0, 1.0)]);
    check("tanh", &[(10.0, 0.9999999958776927), (-INF, -1.0)]);
    check("asinh", &[(10.0, 2.99822295029797), (-0.0, -0.0)]);
    check("acosh", &[(10.0, 2.993222846126381), (1.0, 0.0), (0.9, NAN), (2.0f64.powi(1000), 1001.0 * LN_2)]);
    check("atanh", &[(10.0 - 10.1, -0.10033534773107522), (1.0, INF), (-1.0, -INF), (2.0, NAN), (-0.0, -0.0)]);
}

#[test]
fn parts_of_dates() {
    check("year", &[(0.0, 1970.0), (1136239445.0, 2006.0), (1230767999.0, 2008.0), (1230768000.0, 2009.0)]);
    check("month", &[(1136239445.0, 1.0), (1456790399.0, 2.0), (1456790400.0, 3.0)]);
    check("day_of_month", &[(1136239445.0, 2.0), (1456790399.0, 29.0), (1456790400.0, 1.0)]);
    check("day_of_year", &[(1136239445.0, 2.0), (1483191420.0, 366.0), (1672493820.0, 365.0)]);
    check("day_of_week", &[(1136239445.0, 1.0), (0.0, 4.0)]);
    check("days_in_month", &[(1454284800.0, 29.0), (1485907200.0, 28.0)]);
    check("hour", &[(1136239445.0, 22.0), (-0.5, 0.0), (-1.0, 23.0)]);
    check("minute", &[(1136239445.0, 4.0)]);
    check("year", &[(NAN, 292277026596.0), (INF, 292277026596.0), (-1e300, 292277026596.0)]);
}

#[test]
fn a_computed_value_is_as_old_as_the_step() {
    check("timestamp", &[(NAN, 1.5)]);
    assert_eq!(call("timestamp", &histogram(), &[]), Some(Value::Float(1.5)));
    assert_eq!(call("start_timestamp", &Value::Float(1.0), &[]), None);
    assert_eq!(call("start_timestamp", &histogram(), &[]), None);
}

#[test]
fn functions_of_floats_drop_histograms_and_the_other_way_round() {
    for function in ELEMENT_FUNCTIONS.iter().filter(|function| function.name != "start_timestamp") {
        let takes_histograms = function.name.starts_with("histogram_") || ["-", "timestamp"].contains(&function.name);
        let of_histogram = function.eval(&histogram(), Call { time: 0, args: &[0.0, 1.0] });
        assert_eq!(of_histogram.is_some(), takes_histograms, "{}", function.name);
        let of_float = function.eval(&Value::Float(1.0), Call { time: 0, args: &[0.0, 1.0] });
        assert_eq!(of_float.is_some(), !function.name.starts_with("histogram_"), "{}", function.name);
        assert_eq!(function.drops == Drops::Name, function.name.starts_with("histogram_"), "{}", function.name);
    }
}

#[test]
fn counts_and_sums_of_histograms_are_floats() {
    assert_eq!(call("histogram_count", &histogram(), &[]), Some(Value::Float(4.0)));
    assert_eq!(call("histogram_sum", &histogram(), &[]), Some(Value::Float(6.0)));
    assert_eq!(call("histogram_avg", &histogram(), &[]), Some(Value::Float(1.5)));
    assert!(
        matches!(call("histogram_avg", &Value::Histogram(Arc::default()), &[]), Some(Value::Float(v)) if v.is_nan())
    );
}

#[test]
fn unary_minus_flips_the_sign_of_zero() {
    check("-", &[(0.0, -0.0), (1.0, -1.0), (INF, -INF), (NAN, NAN)]);
}

#[test]
fn unary_minus_makes_a_gauge_of_a_histogram() {
    let wanted =
        Histogram { reset: ResetHint::Gauge, count: -4.0, sum: -6.0, zero_count: -0.0, ..Histogram::default() };
    assert_eq!(call("-", &histogram(), &[]), Some(Value::Histogram(Arc::new(wanted))));
}

#[test]
fn deviations_of_histograms_take_observations_for_the_middle_of_their_bucket() {
    let spans = vec![BucketSpan { offset: 0, length: 3 }];
    let positive = Buckets { spans, counts: vec![1.0, 2.0, 1.0] };
    let value = Value::Histogram(Arc::new(Histogram { count: 4.0, sum: 5.0, positive, ..Histogram::default() }));
    let check = |name, wanted| {
        let found = call(name, &value, &[]).and_then(|value| value.float()).unwrap();
        assert!(almost_equal(found, wanted, 1e-12), "{name} is {found}");
    };
    check("histogram_stddev", 0.842629429717281);
    check("histogram_stdvar", 0.7100243558256704);
}
