#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

fn check(quantile: f64, buckets: &[(f64, f64)], wanted: f64, raised: Option<Raised>) {
    let mut buckets: Vec<_> = buckets.iter().map(|&(bound, count)| Bucket { bound, count }).collect();
    let (found, found_raised) = bucket_quantile(quantile, &mut buckets);
    assert!(almost_equal(found, wanted, 1e-12), "got {found}, wanted {wanted}");
    assert_eq!(found_raised, raised);
}

const INF: f64 = f64::INFINITY;

#[test]
fn a_quantile_lies_within_its_bucket() {
    check(0.5, &[(1.0, 10.0), (2.0, 20.0), (INF, 20.0)], 1.0, None);
    check(0.75, &[(1.0, 10.0), (2.0, 20.0), (INF, 20.0)], 1.5, None);
    check(0.0, &[(1.0, 10.0), (INF, 10.0)], 0.0, None);
    check(1.0, &[(1.0, 10.0), (INF, 20.0)], 1.0, None);
    check(0.5, &[(-1.0, 10.0), (INF, 10.0)], -1.0, None);
    check(0.5, &[(INF, 20.0), (2.0, 20.0), (1.0, 10.0)], 1.0, None);
}

#[test]
fn a_histogram_needs_two_buckets_one_of_them_infinite_and_an_observation() {
    check(0.5, &[(1.0, 10.0), (2.0, 20.0)], f64::NAN, None);
    check(0.5, &[(INF, 20.0)], f64::NAN, None);
    check(0.5, &[(1.0, 0.0), (INF, 0.0)], f64::NAN, None);
}

#[test]
fn a_quantile_outside_0_to_1_is_infinite() {
    check(-0.1, &[(INF, 20.0)], -INF, None);
    check(1.1, &[(INF, 20.0)], INF, None);
    check(f64::NAN, &[(INF, 20.0)], f64::NAN, None);
}

#[test]
fn buckets_of_one_bound_are_added() {
    check(0.5, &[(1.0, 5.0), (1.0, 5.0), (2.0, 20.0), (INF, 20.0)], 1.0, None);
}

#[test]
fn counts_that_decrease_are_raised_and_small_differences_ignored() {
    check(0.5, &[(1.0, 10.0), (2.0, 8.0), (4.0, 9.5), (INF, 20.0)], 1.0, Some((2.0, 4.0, 2.0)));
    check(0.5, &[(1.0, 10.0), (2.0, 10.0 - 1e-13), (INF, 20.0)], 1.0, None);
}

#[test]
fn a_fraction_is_the_share_between_two_values() {
    let check = |lower, upper, buckets: &[(f64, f64)], wanted: f64| {
        let mut buckets: Vec<_> = buckets.iter().map(|&(bound, count)| Bucket { bound, count }).collect();
        let found = bucket_fraction(lower, upper, &mut buckets);
        assert!(
            found == wanted || found.is_nan() && wanted.is_nan(),
            "{lower} to {upper}: got {found}, wanted {wanted}"
        );
    };
    let buckets = [(INF, 20.0), (2.0, 15.0), (1.0, 10.0)];
    check(-INF, INF, &buckets, 1.0);
    check(0.0, 0.5, &buckets, 0.25);
    check(1.0, 2.0, &buckets, 0.25);
    check(0.5, 7.0, &buckets, 0.5);
    check(2.0, 1.0, &buckets, 0.0);
    check(f64::NAN, 1.0, &buckets, f64::NAN);
    check(-INF, -2.0, &[(-1.0, 5.0), (INF, 10.0)], 0.5);
    check(0.0, 1.0, &[(1.0, 5.0)], f64::NAN);
    check(0.0, 1.0, &[], f64::NAN);
}
