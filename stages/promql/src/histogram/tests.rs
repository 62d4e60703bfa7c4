#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod laws;

use weir_pipeline::histogram::{BucketSpan, Buckets, CUSTOM_SCHEMA, Histogram, ResetHint};

use super::*;
use crate::annotations::{Note, Notes};
use crate::functions::quantile::almost_equal;

const INF: f64 = f64::INFINITY;

/// Buckets from an index on, without a gap.
fn side(offset: i32, counts: &[f64]) -> Buckets {
    Buckets { spans: vec![BucketSpan { offset, length: counts.len() as u32 }], counts: counts.to_vec() }
}

fn exponential(schema: i32, zero: (f64, f64), positive: Buckets, negative: Buckets) -> Histogram {
    let count = zero.1 + positive.counts.iter().chain(&negative.counts).sum::<f64>();
    let (zero_threshold, zero_count) = zero;
    Histogram { schema, zero_threshold, zero_count, count, sum: 10.0, positive, negative, ..Histogram::default() }
}

fn positive(schema: i32, offset: i32, counts: &[f64]) -> Histogram {
    exponential(schema, (0.0, 0.0), side(offset, counts), Buckets::default())
}

fn custom(bounds: &[f64], counts: &[f64]) -> Histogram {
    Histogram { custom: bounds.to_vec(), ..positive(CUSTOM_SCHEMA, 0, counts) }
}

fn nonempty(of: &Histogram) -> Vec<(f64, f64, f64)> {
    buckets(of).filter(|bucket| bucket.count != 0.0).map(|bucket| (bucket.lower, bucket.upper, bucket.count)).collect()
}

#[test]
fn the_coarser_schema_wins() {
    // (1, 1.41], (1.41, 2], (2, 2.83], (2.83, 4] and (1, 2], (2, 4].
    let (fine, coarse) = (positive(1, 1, &[1.0, 2.0, 3.0, 4.0]), positive(0, 1, &[10.0, 20.0]));
    for (mut one, two) in [(fine.clone(), &coarse), (coarse.clone(), &fine)] {
        assert_eq!(add(&mut one, two), Ok(Combined::default()));
        assert_eq!(nonempty(&one), [(1.0, 2.0, 13.0), (2.0, 4.0, 27.0)]);
        assert_eq!((one.schema, one.count, one.sum), (0, 40.0, 20.0));
    }
}

#[test]
fn the_wider_zero_bucket_wins_and_takes_in_what_it_reaches_into() {
    // 1.5 is inside (1, 2]: the zero bucket grows to 2.
    let mut one = positive(0, 0, &[1.0, 2.0, 4.0]);
    let two = exponential(0, (1.5, 5.0), side(2, &[7.0]), Buckets::default());
    add(&mut one, &two).unwrap();
    assert_eq!((one.zero_threshold, one.zero_count), (2.0, 8.0));
    assert_eq!(nonempty(&one), [(-2.0, 2.0, 8.0), (2.0, 4.0, 11.0)]);
    // An empty bucket is no reason to grow.
    let mut one = positive(0, 0, &[1.0, 0.0, 4.0]);
    add(&mut one, &two).unwrap();
    assert_eq!((one.zero_threshold, one.zero_count), (1.5, 6.0));
}

#[test]
fn custom_bounds_that_both_have_are_left() {
    let mut one = custom(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]);
    let combined = add(&mut one, &custom(&[1.0, 3.0, 5.0], &[10.0, 20.0, 30.0, 40.0])).unwrap();
    assert!(combined.reconciled_bounds);
    assert_eq!(one.custom, [1.0, 3.0]);
    assert_eq!(one.positive, side(0, &[11.0, 25.0, 74.0]));
    let mut one = custom(&[1.0], &[1.0, 1.0]);
    add(&mut one, &custom(&[2.0], &[1.0, 1.0])).unwrap();
    assert_eq!(nonempty(&one), [(-INF, INF, 4.0)]);
    assert_eq!(add(&mut one, &positive(0, 0, &[1.0])), Err(Incompatible));
}

#[test]
fn a_gauge_makes_a_gauge_and_contradicting_resets_are_told() {
    use ResetHint::{Gauge, NotReset, Reset, Unknown};
    for (one, two, both, collision) in [
        (Unknown, Reset, Unknown, false),
        (Reset, Unknown, Unknown, false),
        (Reset, Reset, Reset, false),
        (Reset, NotReset, Unknown, true),
        (Reset, Gauge, Gauge, false),
        (Gauge, NotReset, Gauge, false),
    ] {
        let mut sum = Histogram { reset: one, ..Histogram::default() };
        let combined = add(&mut sum, &Histogram { reset: two, ..Histogram::default() }).unwrap();
        assert_eq!((sum.reset, combined.reset_collision), (both, collision));
    }
    let mut one = positive(0, 0, &[1.0]);
    scale(&mut one, -1.0);
    assert_eq!((one.reset, one.count), (Gauge, -1.0));
}

#[test]
fn division_by_zero_leaves_no_buckets() {
    let mut one = exponential(0, (0.1, 0.0), side(0, &[1.0, 2.0]), side(0, &[1.0]));
    divide(&mut one, 0.0);
    assert_eq!((one.count, one.sum), (INF, INF));
    assert!(one.zero_count.is_nan());
    assert_eq!((one.positive, one.negative), Default::default());
}

#[test]
fn compaction_keeps_few_empty_buckets() {
    let check = |max_empty, wanted: &[(i32, u32)]| {
        let mut one = positive(0, 2, &[0.0, 1.0, 0.0, 0.0, 2.0, 0.0, 3.0, 0.0]);
        compact(&mut one, max_empty);
        let spans: Vec<_> = one.positive.spans.iter().map(|span| (span.offset, span.length)).collect();
        assert_eq!(spans, wanted);
    };
    check(0, &[(3, 1), (2, 1), (1, 1)]);
    check(1, &[(3, 1), (2, 3)]);
    check(2, &[(3, 6)]);
}

#[test]
fn equality_is_that_of_bits_and_of_buckets() {
    let nan = Histogram { sum: f64::NAN, ..positive(0, 0, &[1.0, 2.0]) };
    assert!(equals(&nan, &Histogram { reset: ResetHint::Gauge, ..nan.clone() }));
    let spans = |spans: &[(i32, u32)]| {
        let spans = spans.iter().map(|&(offset, length)| BucketSpan { offset, length }).collect();
        Histogram { positive: Buckets { spans, counts: vec![1.0, 2.0] }, ..nan.clone() }
    };
    assert!(equals(&spans(&[(1, 1), (5, 1)]), &spans(&[(1, 1), (2, 0), (3, 1), (4, 0)])));
    assert!(!equals(&spans(&[(1, 1), (0, 1)]), &spans(&[(1, 2)])));
    assert!(!equals(&positive(0, 0, &[0.0]), &positive(0, 0, &[-0.0])));
}

#[test]
fn a_reset_is_a_count_that_is_less() {
    let before = positive(1, 1, &[1.0, 2.0, 3.0, 4.0]);
    assert!(!detect_reset(&before, &before));
    assert!(!detect_reset(&positive(0, 1, &[3.0, 7.0]), &before));
    assert!(detect_reset(&positive(0, 1, &[2.0, 8.0]), &before));
    assert!(detect_reset(&positive(2, 1, &[10.0]), &before));
    assert!(detect_reset(&positive(1, 1, &[10.0]), &before));
    assert!(!detect_reset(&Histogram { reset: ResetHint::NotReset, ..positive(1, 1, &[1.0]) }, &before));
    let (fewer, more) = (custom(&[1.0, 2.0], &[1.0, 2.0, 3.0]), custom(&[2.0, 3.0], &[3.0, 3.0, 0.0]));
    assert!(!detect_reset(&more, &fewer));
    assert!(detect_reset(&fewer, &custom(&[2.0, 3.0], &[4.0, 1.0, 0.0])));
}

fn check_quantile(q: f64, of: &Histogram, wanted: f64, notes_wanted: &[Note]) {
    let mut notes = Notes::default();
    let found = quantile(q, of, &mut notes);
    assert!(almost_equal(found, wanted, 1e-15), "{q}: got {found}, wanted {wanted}");
    assert_eq!(notes.drain().collect::<Vec<_>>(), notes_wanted);
}

#[test]
fn a_quantile_lies_on_a_logarithmic_scale_or_a_linear_one() {
    // Half of (1, 4] is (1, 2].
    check_quantile(0.5, &positive(-1, 1, &[2.0]), 2.0, &[]);
    check_quantile(
        0.25,
        &exponential(-1, (0.0, 0.0), Buckets::default(), side(1, &[2.0])),
        -2.828_427_124_746_190_3,
        &[],
    );
    check_quantile(0.5, &exponential(0, (0.5, 2.0), Buckets::default(), Buckets::default()), 0.0, &[]);
    check_quantile(0.25, &exponential(0, (0.5, 2.0), side(1, &[2.0]), Buckets::default()), 0.25, &[]);
    check_quantile(0.5, &custom(&[10.0], &[2.0]), 5.0, &[]);
    check_quantile(0.5, &custom(&[-10.0], &[2.0]), -10.0, &[]);
    check_quantile(1.0, &custom(&[10.0], &[2.0, 1.0]), 10.0, &[]);
    check_quantile(-0.1, &positive(0, 1, &[1.0]), -INF, &[]);
    check_quantile(1.1, &positive(0, 1, &[1.0]), INF, &[]);
    check_quantile(0.5, &Histogram::default(), f64::NAN, &[]);
}

#[test]
fn observations_that_are_nan_are_above_all_others() {
    let nan = Histogram { sum: f64::NAN, count: 4.0, ..positive(-1, 1, &[2.0]) };
    check_quantile(0.25, &nan, 2.0, &[Note::QuantileNanSkew]);
    check_quantile(0.9, &nan, f64::NAN, &[Note::QuantileNanResult]);
    let mut notes = Notes::default();
    assert_eq!(fraction(-INF, INF, &nan, &mut notes), 0.5);
    assert_eq!(notes.drain().collect::<Vec<_>>(), [Note::FractionNans]);
}

#[test]
fn a_fraction_is_the_share_between_two_values() {
    let check = |lower, upper, of: &Histogram, wanted: f64| {
        let found = fraction(lower, upper, of, &mut Notes::default());
        assert!(
            found == wanted || found.is_nan() && wanted.is_nan(),
            "{lower} to {upper}: got {found}, wanted {wanted}"
        );
    };
    let one = exponential(-1, (0.5, 4.0), side(1, &[4.0]), side(1, &[4.0]));
    check(-INF, INF, &one, 1.0);
    check(-INF, 0.0, &one, 0.5);
    check(1.0, 2.0, &one, 2.0 / 12.0);
    check(-2.0, -1.0, &one, 2.0 / 12.0);
    check(2.0, 1.0, &one, 0.0);
    check(f64::NAN, 1.0, &one, f64::NAN);
    check(-INF, 2.5, &custom(&[5.0], &[2.0, 2.0]), 0.25);
    check(-INF, 7.0, &custom(&[5.0], &[2.0, 2.0]), 0.5);
}

#[test]
fn the_variance_takes_observations_for_the_middle_of_their_bucket() {
    // (1, 4] has its middle at 2.
    let one = Histogram { sum: 4.0, ..positive(-1, 1, &[2.0]) };
    assert_eq!((mean(&one), variance(&one)), (2.0, 0.0));
    let one = Histogram { sum: 8.0, ..positive(-1, 1, &[2.0]) };
    assert_eq!((mean(&one), variance(&one), stddev(&one)), (4.0, 4.0, 2.0));
}

#[test]
fn trimming_divides_the_bucket_with_the_value() {
    let mut one = positive(-1, 1, &[2.0, 6.0]);
    trim_upper(&mut one, 2.0);
    assert_eq!(nonempty(&one), [(1.0, 4.0, 1.0)]);
    assert_eq!((one.count, one.sum), (1.0, 2_f64.sqrt()));
    let mut one = positive(-1, 1, &[2.0, 6.0]);
    trim_lower(&mut one, 4.0);
    assert_eq!((one.count, one.sum), (6.0, 48.0));
    let mut one = positive(-1, 1, &[2.0, 6.0]);
    trim_upper(&mut one, INF);
    assert_eq!((one.count, one.sum), (8.0, 10.0));
    let mut one = custom(&[5.0, 10.0], &[5.0, 4.0, 3.0]);
    trim_upper(&mut one, 2.0);
    assert_eq!((one.count, one.sum), (2.0, 2.0));
    let mut one = custom(&[5.0, 10.0], &[5.0, 4.0, 3.0]);
    trim_lower(&mut one, 12.0);
    assert_eq!((one.count, one.sum), (3.0, 36.0));
}

#[test]
fn buckets_end_where_floats_end_and_at_the_zero_bucket() {
    let last = |schema, offset| buckets(&positive(schema, offset, &[1.0, 1.0])).map(|b| b.upper).collect::<Vec<_>>();
    assert_eq!(last(0, 1024), [f64::MAX, INF]);
    assert_eq!(last(-2, 256), [f64::MAX, INF]);
    assert_eq!(last(8, 1024 << 8), [f64::MAX, INF]);
    let one = exponential(0, (1.5, 1.0), side(1, &[1.0]), side(1, &[1.0]));
    assert_eq!(nonempty(&one), [(-2.0, -1.5, 1.0), (-1.5, 1.5, 1.0), (1.5, 2.0, 1.0)]);
}

#[test]
fn what_rounding_takes_is_given_back() {
    let mut sum = CompensatedSum::new(positive(0, 1, &[1e16]));
    for _ in 0..10 {
        sum.add(&positive(0, 1, &[1.0])).unwrap();
    }
    assert_eq!(sum.total().positive.counts, [1e16 + 10.0]);
    assert_eq!(sum.total().count, 1e16 + 10.0);
}

#[test]
fn a_mean_of_large_histograms_does_not_overflow() {
    let large = positive(0, 1, &[1.6e308]);
    let mut mean = CompensatedMean::new(large.clone());
    mean.add(&large).unwrap();
    mean.add(&large).unwrap();
    assert!(almost_equal(mean.mean().positive.counts[0], 1.6e308, 1e-15));
    let mut mean = CompensatedMean::new(Histogram { reset: ResetHint::Reset, ..positive(0, 1, &[1.0]) });
    mean.add(&Histogram { reset: ResetHint::NotReset, ..positive(0, 2, &[2.0]) }).unwrap();
    assert_eq!(mean.mean().positive.counts, [0.5, 1.0]);
    assert!(mean.resets_collide());
}

#[test]
fn what_may_not_be_stored_says_why() {
    assert_eq!(validate(&positive(0, 1, &[1.0])), Ok(()));
    let check = |of: Histogram, wanted: &str| {
        let error = validate(&of).unwrap_err();
        assert!(error.contains(wanted), "{error}");
    };
    check(positive(0, 1, &[-1.0, 1.0]), "positive side: bucket number 1 has observation count of -1");
    check(positive(9, 1, &[1.0]), "got schema 9");
    check(custom(&[2.0, 1.0], &[1.0]), "previous bound is 2.000000 and current is 1.000000");
    check(custom(&[1.0], &[1.0, 1.0, 1.0]), "only 1 custom bounds defined");
    check(Histogram { zero_count: 1.0, ..custom(&[1.0], &[1.0]) }, "custom buckets: must have zero count of 0");
}

#[test]
fn classic_buckets_become_custom_ones() {
    use classic::from_classic;
    let native = from_classic(&[(1.0, 2.0), (INF, 5.0), (2.0, 4.0)], Some(5.0), Some(7.0)).unwrap();
    assert_eq!(native, Histogram { sum: 7.0, ..custom(&[1.0, 2.0], &[2.0, 2.0, 1.0]) });
    let native = from_classic(&[(1.0, 2.0), (2.0, 2.0), (3.0, 4.0)], None, None).unwrap();
    assert_eq!(native.positive, side(0, &[2.0, 0.0, 2.0]));
    let native = from_classic(&[(1.0, 0.5), (2.0, 0.5), (3.0, 4.0)], None, None).unwrap();
    assert_eq!(native.positive.spans.len(), 2);
    assert_eq!(from_classic(&[(1.0, 3.0), (2.0, 2.0)], None, None), None);
    assert_eq!(from_classic(&[(1.0, 3.0), (INF, 3.0)], Some(4.0), None), None);
    assert_eq!(from_classic(&[(f64::NAN, 3.0)], None, None), None);
}
