#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn functions_have_names_of_their_own() {
    let mut names: Vec<String> = scalar_functions().iter().map(|f| f.name().to_owned()).collect();
    names.extend(aggregate_functions().iter().map(|f| f.name().to_owned()));
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(names.iter().all(|name| name.starts_with("promql_")));
}

#[test]
fn range_functions_are_found_by_the_name_that_promql_has_for_them() {
    for function in RANGE_FUNCTIONS {
        assert_eq!(range_function(function.name).map(|f| f.name), Some(function.name));
        let promql = crate::syntax::functions::find(function.name);
        assert_eq!(promql.is_some(), function.name != INSTANT, "{}", function.name);
    }
}

#[test]
fn partial_sums_and_means_merge_in_any_order() {
    use compensated::{Mean, Sum};
    let values = [1e100, 1.0, -1e100, 3.0, 1e-3, -7.5];
    for cut in 0..=values.len() {
        let (left, right) = values.split_at(cut);
        let (mut a, mut b) = (Sum::default(), Sum::default());
        left.iter().for_each(|value| a.add(*value));
        right.iter().for_each(|value| b.add(*value));
        b.merge(a);
        assert!((b.total() - -3.499).abs() < 1e-12, "{cut}: {b:?}");
    }
    let huge = [1.5e308, 1e308, -5e307, 1e308];
    let mean = |values: &[f64]| {
        values.iter().copied().map(Mean::of).reduce(|mut a, b| {
            a.merge(b);
            a
        })
    };
    for cut in 1..huge.len() {
        let (left, right) = huge.split_at(cut);
        let (mut a, b) = (mean(left).unwrap(), mean(right).unwrap());
        a.merge(b);
        assert!((a.mean() / 7.5e307 - 1.0).abs() < 1e-12, "{cut}: {a:?}");
    }
}
