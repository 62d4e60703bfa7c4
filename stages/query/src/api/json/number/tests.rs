//! Tests of the numbers of the API.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

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

proptest! {
    #[test]
    fn a_number_is_written_alike_whichever_way_is_taken(bits: u64, small in -1_000_000_i32..1_000_000, places in 0..6_i32) {
        for value in [f64::from_bits(bits), f64::from(small) / 10_f64.powi(places), f64::from(small)] {
            if !value.is_finite() {
                continue;
            }
            let (mut fast, mut slow) = (Vec::new(), Vec::new());
            number(value, &mut fast);
            far(value, &mut slow);
            prop_assert_eq!(String::from_utf8(fast).unwrap(), String::from_utf8(slow).unwrap());
        }
    }
}
