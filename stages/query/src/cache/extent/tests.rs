#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

fn matrix(series: &[(&str, &[i64])]) -> Matrix {
    let points = |times: &[i64]| Points::from(times.iter().map(|time| (*time, *time as f64)).collect::<Vec<_>>());
    series.iter().map(|(name, times)| ([("a", *name)].into_iter().collect(), points(times))).collect()
}

#[test]
fn parts_of_a_result_are_joined_by_their_labels() {
    let earlier = matrix(&[("b", &[1, 2]), ("c", &[1])]);
    let later = matrix(&[("a", &[3]), ("b", &[3, 4]), ("d", &[4])]);
    let all = matrix(&[("a", &[3]), ("b", &[1, 2, 3, 4]), ("c", &[1]), ("d", &[4])]);
    assert_eq!(join(earlier.clone(), later.clone()), all);
    assert_eq!(join(Vec::new(), later.clone()), later);
    assert_eq!(join(earlier.clone(), Vec::new()), earlier);
}

#[test]
fn a_part_of_a_result_has_only_series_with_points_there() {
    let all = matrix(&[("a", &[3]), ("b", &[1, 2, 3, 4]), ("c", &[1]), ("d", &[4])]);
    let steps = |first, last| Steps { first, last, step: 1 };
    assert_eq!(within(&all, steps(2, 3)), matrix(&[("a", &[3]), ("b", &[2, 3])]));
    assert_eq!(within(&all, steps(0, 9)), all);
    assert!(within(&all, steps(5, 9)).is_empty());
}
