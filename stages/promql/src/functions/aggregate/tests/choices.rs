//! Aggregations that keep values or elements.

use std::sync::Arc;

use weir_pipeline::{LabelSet, Value};

use super::*;
use crate::annotations::{Note, Notes};
use crate::functions::aggregate::parameter::Parameters;

#[track_caller]
fn check_quantile(q: f64, values: &[f64], wanted: f64) {
    let found = quantile::quantile(q, &mut values.to_vec());
    assert!(almost_equal(found, wanted, 1e-14), "{q} of {values:?} is {found}, not {wanted}");
}

#[test]
fn a_quantile_lies_between_values_and_nan_is_below_all() {
    check_quantile(0.8, &[0.0, 1.0], 0.8);
    check_quantile(0.8, &[2.0, 0.0, 1.0], 1.6);
    check_quantile(0.8, &[4.0, 1.0, 0.0], 2.8);
    check_quantile(0.8, &[0.0, NAN, 1.0], 0.6);
    check_quantile(0.2, &[0.0, 1.0, NAN], NAN);
    check_quantile(1.0, &[1.0, 3.0, 2.0], 3.0);
    check_quantile(0.0, &[1.0, 3.0, 2.0], 1.0);
    check_quantile(0.5, &[7.0], 7.0);
    check_quantile(0.5, &[], NAN);
    check_quantile(NAN, &[1.0], NAN);
    check_quantile(-0.1, &[1.0], -INF);
    check_quantile(1.1, &[1.0], INF);
}

/// The items that stay, the best first; items are the places of values.
#[track_caller]
fn check_top(best: Best, k: usize, values: &[f64], wanted: &[usize]) {
    let mut top = Top::new(best, k);
    let gone = values.iter().enumerate().filter_map(|(i, value)| top.push(*value, i)).count();
    assert_eq!(gone + top.len(), values.len());
    let found: Vec<_> = top.into_sorted().into_iter().map(|(_, item)| item).collect();
    assert_eq!(found, wanted, "{k} of {values:?}");
}

#[test]
fn the_greatest_or_least_stay_and_nan_is_neither() {
    let values = [100.0, 200.0, NAN, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0];
    check_top(Best::Greatest, 3, &values, &[8, 7, 6]);
    check_top(Best::Least, 3, &values, &[0, 1, 3]);
    check_top(Best::Greatest, 20, &values, &[8, 7, 6, 5, 4, 3, 1, 0, 2]);
    check_top(Best::Least, 20, &values, &[0, 1, 3, 4, 5, 6, 7, 8, 2]);
    check_top(Best::Greatest, 1, &[NAN, NAN, 1.0], &[2]);
    check_top(Best::Greatest, 1, &[NAN, NAN], &[0]);
    check_top(Best::Least, 1, &[1.0, NAN, -INF], &[2]);
    check_top(Best::Least, 0, &[1.0], &[]);
}

#[test]
fn of_equal_values_those_stay_that_stay_in_prometheus() {
    check_top(Best::Greatest, 1, &[1.0, 1.0, 1.0], &[0]);
    check_top(Best::Greatest, 2, &[1.0, 1.0, 1.0], &[0, 1]);
    // The top of the heap goes, which is the first of the equal ones.
    check_top(Best::Greatest, 2, &[1.0, 1.0, 2.0], &[2, 1]);
    check_top(Best::Greatest, 3, &[1.0, 1.0, 1.0, 2.0, 3.0], &[4, 3, 2]);
    check_top(Best::Least, 3, &[5.0, 5.0, 5.0, 2.0], &[3, 1, 2]);
}

proptest! {
    #[test]
    fn the_best_stay_whatever_the_order(values in prop::collection::vec(-50i32..50, 0..60), k in 0usize..30) {
        for best in [Best::Greatest, Best::Least] {
            let mut top = Top::new(best, k);
            for value in &values {
                top.push(f64::from(*value), ());
            }
            let found: Vec<_> = top.into_sorted().into_iter().map(|(value, ())| value as i32).collect();
            let mut wanted = values.clone();
            wanted.sort_unstable();
            if best == Best::Greatest {
                wanted.reverse();
            }
            wanted.truncate(k);
            assert_eq!(found, wanted);
        }
    }
}

#[track_caller]
fn check_offset(pairs: &[(&str, &str)], hash: u64) {
    let labels: LabelSet = pairs.iter().copied().collect();
    assert_eq!(limit_ratio::offset(labels.as_labels()), hash as f64 / u64::MAX as f64);
}

#[test]
fn a_part_of_the_series_is_the_same_part_as_in_prometheus() {
    check_offset(&[], 17241709254077376921);
    check_offset(&[("__name__", "http_requests"), ("instance", "0"), ("job", "api-server")], 4889116533856773149);
    check_offset(&[("a", &"x".repeat(254))], 15390423940348798586);
    check_offset(&[("a", &"x".repeat(255))], 7843869350762009678);
    check_offset(&[("a", &"x".repeat(70_000))], 15393689491150625258);
}

#[test]
fn a_ratio_and_its_negative_complement_share_the_series() {
    for offset in [0.0, 0.25, 0.3, 0.5, 0.999, 1.0] {
        for ratio in [0.25, 0.5, 1.0] {
            let both = (limit_ratio::keeps(ratio, offset), limit_ratio::keeps(ratio - 1.0, offset));
            assert!(ratio == 1.0 || both.0 != both.1, "{ratio} {offset}");
        }
        assert!(limit_ratio::keeps(-1.0, offset));
        assert!(!limit_ratio::keeps(0.0, offset));
    }
    assert!(limit_ratio::keeps(0.4, 0.3));
    assert!(!limit_ratio::keeps(-0.6, 0.3));
}

#[test]
fn values_are_written_without_exponents() {
    let check = |value, wanted| assert_eq!(count_values::label_value(&Value::Float(value)), wanted);
    check(6.0, "6");
    check(-0.0, "-0");
    check(0.1, "0.1");
    check(1e21, "1000000000000000000000");
    check(1e-7, "0.0000001");
    check(INF, "+Inf");
    check(-INF, "-Inf");
    check(NAN, "NaN");
    assert_eq!(count_values::label_value(&Value::Histogram(Arc::default())), "{count:0, sum:0}");
    assert_eq!(count_values::check_label("").unwrap_err(), "invalid label name \"\"");
    assert_eq!(count_values::check_label("é"), Ok(()));
}

#[test]
fn a_number_of_series_fits_into_64_bits() {
    let check = |steps: &[f64], wanted: Result<bool, &str>| {
        assert_eq!(Parameters::of(steps.iter().copied()).check_counts(), wanted.map_err(str::to_owned));
    };
    check(&[1.0, 2.0], Ok(true));
    check(&[0.9, -INF], Ok(false));
    check(&[-1.0, 1.0], Ok(true));
    check(&[NAN], Err("Parameter value is NaN"));
    check(&[0.0, NAN], Err("Parameter value is NaN"));
    check(&[1.0, -INF], Err("Scalar value -Inf underflows int64"));
    check(&[1e30], Err("Scalar value 1e+30 overflows int64"));
    assert_eq!([2.9, 0.9, -3.0, 1e6].map(parameter::count), [2, 0, 0, 1_000_000]);
}

#[test]
fn a_ratio_is_capped_with_a_note() {
    let check = |steps: &[f64], wanted: Result<bool, &str>, notes: &[Note]| {
        let mut found = Notes::default();
        let parameters = Parameters::of(steps.iter().copied());
        assert_eq!(parameters.check_ratios(&mut found), wanted.map_err(str::to_owned));
        assert_eq!(found.drain().collect::<Vec<_>>(), notes);
    };
    check(&[0.0, -0.0], Ok(false), &[]);
    check(&[0.5, -0.5], Ok(true), &[]);
    check(&[NAN], Err("Ratio value is NaN"), &[]);
    check(&[2.0, -3.0], Ok(true), &[Note::InvalidRatio(2.0, 1.0), Note::InvalidRatio(-3.0, -1.0)]);
    assert_eq!([0.0, 0.5, 7.0, -7.0].map(parameter::ratio), [None, Some(0.5), Some(1.0), Some(-1.0)]);
}

#[test]
fn a_quantile_outside_0_to_1_is_noted() {
    let mut notes = Notes::default();
    Parameters::of([0.0, 1.0]).check_quantiles(&mut notes);
    assert!(notes.is_empty());
    Parameters::of([-1.0, 2.0, 1.5]).check_quantiles(&mut notes);
    assert_eq!(notes.drain().collect::<Vec<_>>(), [Note::InvalidQuantile(2.0), Note::InvalidQuantile(-1.0)]);
}
