#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

fn check(runs: &[&[(i64, f64)]], wanted: &[(i64, f64)]) {
    let mut pending = Pending { sorted: true, ..Pending::default() };
    for run in runs {
        let (timestamps, values): (Vec<_>, Vec<_>) = run.iter().copied().unzip();
        pending.add(Row { timestamps: &timestamps, values: &values, ..Row::default() }).unwrap();
    }
    pending.settle();
    let found: Vec<_> = pending.timestamps.into_iter().zip(pending.values).collect();
    assert_eq!(format!("{found:?}"), format!("{wanted:?}"));
}

#[test]
fn runs_become_one_in_order_of_time() {
    check(&[&[(1, 1.0), (3, 3.0)], &[(2, 2.0), (4, 4.0)]], &[(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]);
    check(&[&[(5, 5.0)], &[], &[(1, 1.0)]], &[(1, 1.0), (5, 5.0)]);
    check(&[&[(1, 1.0)], &[(2, 2.0)]], &[(1, 1.0), (2, 2.0)]);
}

#[test]
fn one_time_keeps_one_value_whatever_the_order() {
    for values in [[1.0, 2.0, f64::NAN], [f64::NAN, 2.0, 1.0], [2.0, f64::NAN, 1.0]] {
        let runs = values.map(|value| [(7, value)]);
        check(&[&runs[0], &runs[1], &runs[2]], &[(7, 2.0)]);
    }
}

#[test]
fn of_one_value_the_start_that_is_known_stays_and_of_two_the_earlier() {
    for starts in [[0, 5, 7], [7, 5, 0], [5, 0, 7]] {
        let mut pending = Pending { sorted: true, ..Pending::default() };
        for start in starts {
            pending
                .add(Row { timestamps: &[1, 2], values: &[1.0, 2.0], starts: &[0, start], ..Row::default() })
                .unwrap();
        }
        pending.settle();
        assert_eq!((pending.timestamps, pending.values, pending.starts), (vec![1, 2], vec![1.0, 2.0], vec![0, 5]));
    }
}
