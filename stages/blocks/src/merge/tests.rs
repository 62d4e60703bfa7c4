#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use weir_pipeline::STALE;

use weir_pipeline::HistogramPoint;
use weir_pipeline::testing::{histogram_bits, histogram_point};

use super::{beats_float, drop_beaten, merge, merge_histograms, merge_since, winner};

type Run = (Vec<i64>, Vec<f64>);

fn union(runs: &[&Run]) -> (Run, u64) {
    let borrowed: Vec<_> = runs.iter().map(|(t, v)| (t.as_slice(), v.as_slice())).collect();
    let mut out = Run::default();
    let conflicts = merge(&borrowed, &mut out.0, &mut out.1);
    (out, conflicts)
}

fn bits(run: &Run) -> Vec<(i64, u64)> {
    run.0.iter().copied().zip(run.1.iter().map(|v| v.to_bits())).collect()
}

fn run() -> impl Strategy<Value = Run> {
    let value = prop_oneof![Just(f64::NAN), Just(STALE), Just(0.0), Just(-0.0), -3.0..3.0, any::<f64>()];
    prop::collection::btree_map(0i64..40, value, 0..30).prop_map(|map: BTreeMap<i64, f64>| map.into_iter().unzip())
}

fn check(a: f64, b: f64, expect: f64) {
    assert_eq!(winner(a, b).to_bits(), expect.to_bits(), "{a} {b}");
    assert_eq!(winner(b, a).to_bits(), expect.to_bits(), "{b} {a}");
}

#[test]
fn a_number_beats_nan_and_greater_bits_win() {
    check(1.0, f64::NAN, 1.0);
    check(1.0, STALE, 1.0);
    check(f64::NAN, STALE, f64::NAN);
    check(1.0, 2.0, 2.0);
    check(0.0, -0.0, -0.0);
    check(-1.0, 1.0, -1.0);
    check(-1.0, -2.0, -2.0);
    check(f64::INFINITY, 5.0, f64::INFINITY);
}

#[test]
fn what_was_in_the_output_is_left_alone() {
    let (mut ts, mut v) = (vec![5], vec![1.0]);
    let runs: [(&[i64], &[f64]); 3] = [(&[5], &[2.0]), (&[5], &[3.0]), (&[6], &[4.0])];
    assert_eq!(merge(&runs, &mut ts, &mut v), 1);
    assert_eq!((ts, v), (vec![5, 5, 6], vec![1.0, 3.0, 4.0]));
}

#[test]
fn of_one_value_the_start_that_is_known_stays_and_of_two_the_earlier() {
    let check = |a: (f64, i64), b: (f64, i64)| {
        assert!(beats_float(a, b) && !beats_float(b, a) && !beats_float(a, a), "{a:?} {b:?}");
    };
    check((1.0, 5), (1.0, 0));
    check((1.0, -5), (1.0, 0));
    check((1.0, 5), (1.0, 6));
    // The start of another value says nothing of this one.
    check((2.0, 0), (1.0, 5));
    check((1.0, 0), (f64::NAN, 5));
}

/// A run with starts.
type Since = (Run, Vec<i64>);

fn since() -> impl Strategy<Value = Since> {
    (run(), prop::collection::vec(0i64..3, 30)).prop_map(|(run, mut starts)| {
        starts.truncate(run.0.len());
        if starts.iter().all(|start| *start == 0) {
            starts.clear();
        }
        (run, starts)
    })
}

fn union_since(runs: &[&Since]) -> (Since, u64) {
    let borrowed: Vec<_> = runs.iter().map(|((t, v), starts)| (&t[..], &v[..], &starts[..])).collect();
    let mut out = Since::default();
    let conflicts = merge_since(&borrowed, (&mut out.0.0, &mut out.0.1, &mut out.1));
    (out, conflicts)
}

fn bits_since((run, starts): &Since) -> (Vec<(i64, u64)>, Vec<i64>) {
    (bits(run), starts.clone())
}

/// The union of histograms, every bit of it, and how many lost a conflict.
fn histograms(lists: &[&[HistogramPoint]]) -> (Vec<HistogramPoint>, u64) {
    let mut all = lists.concat();
    let conflicts = merge_histograms(&mut all);
    (all, conflicts)
}

fn points() -> impl Strategy<Value = Vec<HistogramPoint>> {
    let points = prop::collection::btree_map(0i64..20, 0u64..64, 0..15);
    points.prop_map(|points| points.into_iter().map(|(t, seed)| histogram_point(t, seed)).collect())
}

proptest! {
    #[test]
    fn merging_histograms_is_commutative_associative_and_idempotent(a in points(), b in points(), c in points()) {
        let bits = |lists: &[&[HistogramPoint]]| histogram_bits(&histograms(lists).0);
        prop_assert_eq!(bits(&[&a, &b]), bits(&[&b, &a]));
        prop_assert_eq!(bits(&[&histograms(&[&a, &b]).0, &c]), bits(&[&a, &histograms(&[&b, &c]).0]));
        prop_assert_eq!(bits(&[&a, &a]), histogram_bits(&a));
        prop_assert_eq!(histograms(&[&a, &a]).1, 0);
        prop_assert!(histograms(&[&a, &b, &c]).0.is_sorted_by(|a, b| a.timestamp < b.timestamp));
    }

    #[test]
    fn floats_at_the_time_of_a_histogram_go(floats in run(), points in points()) {
        let (mut timestamps, mut values) = floats.clone();
        let mut starts: Vec<i64> = timestamps.iter().map(|ts| ts * 2 + 1).collect();
        let gone = drop_beaten((&mut timestamps, &mut values, &mut starts), &points);
        prop_assert_eq!(&starts, &timestamps.iter().map(|ts| ts * 2 + 1).collect::<Vec<_>>());
        let is_beaten = |ts: i64| points.iter().any(|point| point.timestamp == ts);
        let expect: Vec<_> = bits(&floats).into_iter().filter(|(ts, _)| !is_beaten(*ts)).collect();
        prop_assert_eq!(gone as usize, floats.0.len() - expect.len());
        prop_assert_eq!(bits(&(timestamps, values)), expect);
    }

    #[test]
    fn merging_floats_with_starts_is_commutative_associative_and_idempotent(a in since(), b in since(), c in since()) {
        let expect = union_since(&[&a, &b, &c]);
        prop_assert_eq!(bits_since(&union_since(&[&c, &a, &b]).0), bits_since(&expect.0));
        prop_assert_eq!(bits_since(&union_since(&[&union_since(&[&a, &b]).0, &c]).0), bits_since(&expect.0));
        prop_assert_eq!(bits_since(&union_since(&[&expect.0, &a, &b]).0), bits_since(&expect.0));
        let (twice, conflicts) = union_since(&[&a, &a]);
        prop_assert_eq!((bits_since(&twice), conflicts), (bits_since(&a), 0));
        // Values are merged as they are without.
        let bare = union(&[&a.0, &b.0, &c.0]);
        prop_assert_eq!((bits(&expect.0.0), expect.1), (bits(&bare.0), bare.1));
        prop_assert!(expect.0.1.is_empty() || expect.0.1.len() == expect.0.0.0.len());
    }

    #[test]
    fn merging_is_commutative(a in run(), b in run(), c in run()) {
        let expect = union(&[&a, &b]);
        prop_assert_eq!(bits(&union(&[&b, &a]).0), bits(&expect.0));
        prop_assert_eq!(bits(&union(&[&c, &b, &a]).0), bits(&union(&[&a, &b, &c]).0));
        prop_assert_eq!(union(&[&b, &a]).1, expect.1);
    }

    #[test]
    fn merging_is_associative(a in run(), b in run(), c in run()) {
        let left = union(&[&union(&[&a, &b]).0, &c]).0;
        let right = union(&[&a, &union(&[&b, &c]).0]).0;
        prop_assert_eq!(bits(&left), bits(&right));
        prop_assert_eq!(bits(&left), bits(&union(&[&a, &b, &c]).0));
    }

    #[test]
    fn merging_is_idempotent(a in run(), b in run()) {
        prop_assert_eq!(bits(&union(&[&a, &a]).0), bits(&a));
        prop_assert_eq!(union(&[&a, &a, &a]).1, 0);
        let once = union(&[&a, &b]).0;
        prop_assert_eq!(bits(&union(&[&once, &a, &b]).0), bits(&once));
    }

    #[test]
    fn the_union_has_every_timestamp_once_in_order(a in run(), b in run(), c in run()) {
        let all = union(&[&a, &b, &c]).0;
        let mut expect: Vec<i64> = [a.0, b.0, c.0].concat();
        expect.sort_unstable();
        expect.dedup();
        prop_assert_eq!(all.0, expect);
    }
}
