//! Tests of `decimal`.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

#[test]
fn a_decimal_has_the_smallest_scale() {
    let check = |value: f64, mantissa: i64, scale: u8| {
        assert_eq!(Decimal::of(value), Some(Decimal { mantissa, scale }), "{value}");
    };
    check(0.0, 0, 0);
    check(1.0, 1, 0);
    check(-3.0, -3, 0);
    check(0.1, 1, 1);
    check(1234.56, 123_456, 2);
    check(1e-22, 1, 22);
    check(9_007_199_254_740_992.0, MAX_MANTISSA, 0);
    check(1.7e-5, 17, 6);
}

#[test]
fn what_no_decimal_holds_bit_for_bit_stays_a_double() {
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    for value in [f64::NAN, stale, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, 5e-324, std::f64::consts::PI * 1e-9] {
        assert_eq!(Decimal::of(value), None, "{value}");
    }
}

#[test]
fn a_run_of_decimals_has_one_scale() {
    let run = Run::of(&[1.0, 2.5, 3.25, f64::NAN, 100.0]);
    let scales: Vec<Option<u8>> = run.decimals.iter().map(|d| d.map(|d| d.scale)).collect();
    assert_eq!(scales, [Some(2), Some(2), Some(2), None, Some(2)]);
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (any::<i32>(), 0u8..9).prop_map(|(n, scale)| f64::from(n) / POWERS[usize::from(scale)]),
        any::<i64>().prop_map(|n| n as f64),
    ]
}

proptest! {
    #[test]
    fn what_is_a_decimal_reads_back_bit_for_bit(values in prop::collection::vec(any_value(), 0..50)) {
        for (value, decimal) in values.iter().zip(Run::of(&values).decimals) {
            if let Some(decimal) = decimal {
                prop_assert_eq!(decimal.value().to_bits(), value.to_bits());
                prop_assert!(decimal.mantissa.abs() <= MAX_MANTISSA && decimal.scale <= MAX_SCALE);
            }
        }
    }

    #[test]
    fn every_short_decimal_is_found(n in -1_000_000_000i64..1_000_000_000, scale in 0u8..=15) {
        let value = n as f64 / POWERS[usize::from(scale)];
        prop_assert!(n == 0 || Decimal::of(value).is_some());
    }
}
