#![allow(clippy::unwrap_used, missing_docs)]

mod choices;
mod histograms;

use proptest::prelude::*;

use super::*;
use crate::functions::quantile::almost_equal;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn fold<F: Fold>(values: &[f64]) -> Option<F::State> {
    let (first, rest) = values.split_first()?;
    let mut state = F::of(*first);
    rest.iter().for_each(|value| F::add(&mut state, *value));
    Some(state)
}

#[track_caller]
fn check<F: Fold>(values: &[f64], wanted: f64) {
    let found = F::result(fold::<F>(values).unwrap());
    assert!(almost_equal(found, wanted, 1e-14), "{} of {values:?} is {found}, not {wanted}", F::NAME);
    // And from states of one value each, the last first.
    let mut states = values.iter().rev().map(|value| F::of(*value));
    let mut merged = states.next().unwrap();
    states.for_each(|state| F::merge(&mut merged, state));
    let found = F::result(merged);
    assert!(almost_equal(found, wanted, 1e-14), "{} of {values:?} merges to {found}, not {wanted}", F::NAME);
}

#[test]
fn sums_are_compensated() {
    check::<Sum>(&[2.0, 8.0, 1e100, -1e100], 10.0);
    check::<Sum>(&[INF, 2.0], INF);
    check::<Sum>(&[2.0, -INF], -INF);
    check::<Sum>(&[INF, -INF], NAN);
    check::<Sum>(&[NAN, 2.0], NAN);
}

#[test]
fn means_are_compensated_and_do_not_overflow() {
    let big = 9.988_465_674_311_58e307;
    check::<Avg>(&[2.0, 8.0, 1e100, -1e100], 2.5);
    check::<Avg>(&[52.0; 12], 52.0);
    check::<Avg>(&[big; 4], big);
    check::<Avg>(&[-big; 4], -big);
    check::<Avg>(&[INF, 2.0], INF);
    check::<Avg>(&[INF, INF, 1.0], INF);
    check::<Avg>(&[INF, -INF], NAN);
    check::<Avg>(&[2.0, NAN], NAN);
}

#[test]
fn extremes_are_nan_only_where_all_values_are() {
    check::<Max>(&[NAN, 1.0, 2.0], 2.0);
    check::<Max>(&[1.0, NAN, -INF], 1.0);
    check::<Max>(&[NAN, NAN], NAN);
    check::<Min>(&[NAN, 1.0, 2.0], 1.0);
    check::<Min>(&[1.0, NAN, INF], 1.0);
    check::<Min>(&[NAN], NAN);
}

#[test]
fn counts_and_groups_do_not_look_at_values() {
    check::<Count>(&[NAN, 1.0, INF], 3.0);
    check::<Group>(&[NAN, 1.0, INF], 1.0);
}

#[test]
fn variances_are_those_of_all_values_and_nan_where_one_is_not_finite() {
    check::<Stdvar>(&[1.0, 2.0], 0.25);
    check::<Stddev>(&[1.0, 2.0], 0.5);
    check::<Stdvar>(&[100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0], 52500.0);
    check::<Stddev>(&[100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0], 229.12878474779);
    check::<Stdvar>(&[3.0], 0.0);
    for values in [&[NAN][..], &[INF], &[1.0, 2.0, NAN], &[NAN, 1.0, 2.0], &[1.0, INF], &[-INF, 1.0, 2.0]] {
        check::<Stdvar>(values, NAN);
        check::<Stddev>(values, NAN);
    }
}

fn saved<F: Fold>(state: F::State) -> F::State {
    let numbers: Vec<_> = (0..F::STATE.len()).map(|i| F::save(state, i)).collect();
    F::load(|i| numbers[i])
}

/// Cut into two states, of which each travels as numbers.
fn check_merge<F: Fold>(values: &[f64], cut: usize) {
    let (left, right) = values.split_at(cut.min(values.len()));
    let states = (fold::<F>(left).map(saved::<F>), fold::<F>(right).map(saved::<F>));
    let merged = match states {
        (Some(mut left), Some(right)) => {
            F::merge(&mut left, right);
            left
        }
        (left, right) => left.or(right).unwrap(),
    };
    let (found, wanted) = (F::result(merged), F::result(fold::<F>(values).unwrap()));
    assert!(almost_equal(found, wanted, 1e-9), "{}: {found}, not {wanted}", F::NAME);
}

proptest! {
    #[test]
    fn partial_states_merge_to_the_whole(
        values in prop::collection::vec(prop_oneof![9 => -1e6..1e6, 1 => prop::num::f64::ANY], 1..20),
        cut in 0usize..20,
    ) {
        check_merge::<Sum>(&values, cut);
        check_merge::<Avg>(&values, cut);
        check_merge::<Count>(&values, cut);
        check_merge::<Group>(&values, cut);
        check_merge::<Min>(&values, cut);
        check_merge::<Max>(&values, cut);
    }

    #[test]
    fn partial_variances_merge_to_the_whole(
        values in prop::collection::vec(prop_oneof![9 => 1e3..1e6, 1 => Just(INF)], 1..20),
        cut in 0usize..20,
    ) {
        check_merge::<Stdvar>(&values, cut);
        check_merge::<Stddev>(&values, cut);
    }
}
