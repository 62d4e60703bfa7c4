//! Tests of `batch`.

use proptest::prelude::*;

use super::*;
use crate::labels::LabelSet;

/// A series as plain values: labels, and (start, timestamp, bits of the value) of each sample.
type Plain = (LabelSet, Vec<(i64, i64, u64)>);

fn labels(i: usize) -> LabelSet {
    [("__name__", "up".to_owned()), ("instance", i.to_string())].into_iter().collect()
}

fn batch(series: &[Plain]) -> Batch {
    let mut out = Batch::builder(Tenant::default());
    for (labels, samples) in series {
        out.series(labels.as_labels());
        for &(start, timestamp, bits) in samples {
            out.sample_since(start, timestamp, f64::from_bits(bits));
        }
    }
    out.build()
}

fn plain(batch: &Batch) -> Vec<Plain> {
    let samples = |s: Series<'_>| {
        let row =
            |(i, (&t, v)): (usize, (&i64, &f64))| (s.start_timestamps.get(i).copied().unwrap_or(0), t, v.to_bits());
        s.timestamps.iter().zip(s.values).enumerate().map(row).collect()
    };
    batch.iter().map(|s| (s.labels.to_set(), samples(s))).collect()
}

#[test]
fn a_batch_splits_into_parts_in_which_every_series_is_once_and_in_order() {
    let series: Vec<Plain> = (0..7).map(|i| (labels(i), vec![(0, 1, 0), (i as i64, 2, 7)])).collect();
    let mut whole = Batch::builder(Tenant::new("t").unwrap());
    for (labels, samples) in &series {
        whole.series(labels.as_labels());
        samples.iter().for_each(|&(start, t, bits)| _ = whole.sample_since(start, t, f64::from_bits(bits)));
    }
    whole.metadata(Metadata { metric: "up".into(), ..Metadata::default() });
    let parts = whole.build().split(&[0, 2, 2, 0, 9, 2, 0], 3);
    let expect = [vec![0, 3, 6], vec![], vec![1, 2, 5]];
    for (part, expect) in parts.iter().zip(expect) {
        assert_eq!(plain(part), expect.iter().map(|&i| series[i].clone()).collect::<Vec<_>>());
        assert_eq!((part.tenant().as_str(), part.metadata().len()), ("t", 1));
    }
}

#[test]
fn samples_belong_to_the_series_begun_last() {
    let mut out = Batch::builder(Tenant::default());
    out.series(labels(0).as_labels()).sample(1, 1.0).sample(2, 2.0);
    out.series(labels(1).as_labels());
    out.series(labels(2).as_labels()).sample(3, 3.0);
    assert_eq!(out.sample_count(), 3);
    let batch = out.build();
    assert_eq!((batch.series_count(), batch.sample_count(), batch.is_empty()), (3, 3, false));
    let times: Vec<_> = batch.iter().map(|s| s.timestamps.to_vec()).collect();
    assert_eq!(times, [vec![1, 2], vec![], vec![3]]);
    assert_eq!(batch.series(2).labels, labels(2).as_labels());
    assert_eq!(batch.series(2).id, labels(2).as_labels().id());
}

#[test]
fn the_column_of_start_timestamps_begins_with_the_first_one() {
    let mut out = Batch::builder(Tenant::default());
    out.series(labels(0).as_labels()).sample(1, 1.0).sample_since(0, 2, 1.0);
    assert!(out.rows.start_timestamps.is_empty());
    out.series(labels(1).as_labels()).sample(3, 1.0).sample_since(7, 4, 1.0).sample(5, 1.0);
    let batch = out.build();
    assert_eq!(batch.series(0).start_timestamps, [0, 0]);
    assert_eq!(batch.series(1).start_timestamps, [0, 7, 0]);
}

#[test]
fn a_batch_without_start_timestamps_has_no_column_of_them() {
    let batch = batch(&[(labels(0), vec![(0, 1, 0), (0, 2, 0)])]);
    assert!(batch.series(0).start_timestamps.is_empty());
}

#[test]
fn a_filter_that_keeps_all_shares_the_buffers() {
    let batch = batch(&[(labels(0), vec![(0, 1, 0)]), (labels(1), vec![])]);
    assert!(Arc::ptr_eq(&batch.rows, &batch.filter(|_| true).rows));
    assert!(Arc::ptr_eq(&batch.rows, &batch.with_tenant(Tenant::default()).rows));
}

#[test]
fn a_filter_keeps_tenant_and_metadata() {
    let mut out = Batch::builder(Tenant::new("acme").unwrap_or_default());
    out.series(labels(0).as_labels()).sample(1, 1.0);
    out.metadata(Metadata { metric: "up".into(), ..Metadata::default() });
    let none = out.build().filter(|_| false);
    assert_eq!((none.tenant().as_str(), none.series_count(), none.metadata().len()), ("acme", 0, 1));
    assert!(none.is_empty());
}

#[test]
fn a_series_can_be_given_other_labels_with_all_its_samples() {
    let from = batch(&[(labels(0), vec![(5, 1, 0), (0, 2, STALE_BITS)])]);
    let mut out = Batch::builder(Tenant::default());
    out.push_series(labels(9).as_labels(), from.series(0));
    assert_eq!(plain(&out.build()), [(labels(9), vec![(5, 1, 0), (0, 2, STALE_BITS)])]);
}

#[test]
fn room_that_is_made_changes_nothing() {
    let mut out = Batch::builder(Tenant::default());
    out.series(labels(0).as_labels()).sample(1, 1.0);
    out.reserve(10, 20, 300);
    assert!(out.rows.label_ends.capacity() > 10 && out.rows.values.capacity() > 20 && out.rows.labels.capacity() > 300);
    out.series(labels(1).as_labels()).sample(2, 2.0);
    let bits = |value: f64| value.to_bits();
    let expect = [(labels(0), vec![(0, 1, bits(1.0))]), (labels(1), vec![(0, 2, bits(2.0))])];
    assert_eq!(plain(&out.build()), expect);
}

#[test]
fn a_series_may_repeat_parts_of_the_encoding_of_the_one_before() {
    let mut out = Batch::builder(Tenant::default());
    out.series(labels(0).as_labels()).series_with(|encoded| encoded.extend_from_within(..));
    let batch = out.build();
    assert_eq!((batch.series(1).labels, batch.series(1).id), (labels(0).as_labels(), labels(0).as_labels().id()));
}

#[test]
fn only_the_marker_is_stale() {
    assert!(is_stale(STALE) && STALE.is_nan());
    assert!(!is_stale(f64::NAN) && !is_stale(f64::from_bits(STALE_BITS + 1)) && !is_stale(0.0));
}

#[test]
fn a_clone_belongs_to_whom_it_is_given() {
    let batch = batch(&[(labels(0), vec![(0, 1, 0)])]);
    let other = batch.with_tenant(Tenant::new("acme").unwrap_or_default());
    assert_eq!((batch.tenant(), other.tenant().as_str()), (&Tenant::default(), "acme"));
    assert_eq!(plain(&batch), plain(&other));
    assert_eq!(format!("{other:?}"), "Batch(acme, 1 series, 1 samples)");
}

#[test]
fn the_size_grows_with_what_is_in_it() {
    let empty = batch(&[]);
    let one = batch(&[(labels(0), vec![(0, 1, 0)])]);
    let started = batch(&[(labels(0), vec![(9, 1, 0)])]);
    assert_eq!(empty.byte_size(), 0);
    assert_eq!(one.byte_size(), labels(0).as_labels().encoded().len() + 24 + 16);
    assert_eq!(started.byte_size(), one.byte_size() + 8);
}

fn series() -> impl Strategy<Value = Vec<Plain>> {
    let sample = (prop_oneof![3 => Just(0i64), 1 => any::<i64>()], any::<i64>(), any::<u64>());
    prop::collection::vec((0..5usize, prop::collection::vec(sample, 0..4)), 0..8)
        .prop_map(|all| all.into_iter().map(|(i, samples)| (labels(i), samples)).collect())
}

#[test]
fn what_is_made_of_a_batch_is_made_once_for_its_clones_while_somebody_has_it() {
    let batch = crate::testing::batch("up 1 1");
    let clone = batch.clone();
    let made = batch.shared(|batch| batch.sample_count());
    assert_eq!(*clone.shared::<usize>(|_| panic!("it is made again")), 1);
    // Of another tenant's something else is made, and another type is something else.
    assert_eq!(*batch.with_tenant("other".parse().unwrap()).shared(|_| 7), 7);
    assert_eq!(*clone.shared(|_| "text"), "text");
    drop(made);
    assert_eq!(*clone.shared(|_| 2), 2);
}

proptest! {
    #[test]
    fn what_is_built_reads_back_bit_for_bit(series in series()) {
        let batch = batch(&series);
        prop_assert_eq!(batch.sample_count(), series.iter().map(|(_, s)| s.len()).sum::<usize>());
        prop_assert_eq!(plain(&batch), series);
    }

    #[test]
    fn a_filter_keeps_exactly_what_it_says(series in series(), kept in prop::collection::vec(any::<bool>(), 8)) {
        let mut next = kept.iter();
        let filtered = batch(&series).filter(|_| next.next().copied().unwrap_or(false));
        let expected: Vec<_> = series.into_iter().zip(&kept).filter(|(_, keep)| **keep).map(|(s, _)| s).collect();
        prop_assert_eq!(plain(&filtered), expected);
    }
}
