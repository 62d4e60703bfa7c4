//! Tests of the numbers of the API.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn numbers_are_as_go_writes_them() {
    let check = |value: f64, expected: &str| {
        let mut out = Vec::new();
        number(value, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    };
    check(0.0, "0");
    check(-0.0, "-0");
    check(1.0, "1");
    check(0.1, "0.1");
    check(-1234.5, "-1234.5");
    check(1e-6, "0.000001");
    check(9.99e-7, "9.99e-07");
    check(-1e-7, "-1e-07");
    check(1e20, "100000000000000000000");
    check(123456789012345680000.0, "123456789012345680000");
    check(1e21, "1e+21");
    check(1.5e300, "1.5e+300");
    check(5e-324, "5e-324");
    check(f64::MAX, "1.7976931348623157e+308");
    check(f64::NAN, "NaN");
    check(f64::INFINITY, "+Inf");
    check(f64::NEG_INFINITY, "-Inf");
}

#[test]
fn times_are_seconds_with_milliseconds_where_there_are_any() {
    let check = |millis: i64, expected: &str| {
        let mut out = Vec::new();
        timestamp(millis, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    };
    check(0, "0");
    check(1_435_781_451_781, "1435781451.781");
    check(1_435_781_451_700, "1435781451.700");
    check(1_435_781_451_000, "1435781451");
    check(1, "0.001");
    check(-1, "-0.001");
    check(-1500, "-1.500");
    check(i64::MIN, "-9223372036854775.808");
}

#[test]
fn a_histogram_has_its_buckets_that_are_not_empty_each_with_the_rule_of_its_bounds() {
    let check = |text: &str, expected: &str| {
        let histogram = weir_promql::histogram::parse(text).unwrap();
        let mut out = Vec::new();
        histogram::point(1500, &histogram, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("[1.500,{expected}]"), "{text}");
    };
    check("{{}}", r#"{"count":"0","sum":"0"}"#);
}
