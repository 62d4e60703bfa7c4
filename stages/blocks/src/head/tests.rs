#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use weir_pipeline::{Batch, LabelSet, MatchOp, Matcher, SeriesId, Tenant};

use super::{Head, Snapshot, shard::Found};
use crate::merge::merge;

fn tenant() -> Tenant {
    Tenant::default()
}

fn batch<'a>(series: impl IntoIterator<Item = (&'a [(&'a str, &'a str)], &'a [(i64, f64)])>) -> Batch {
    let mut batch = Batch::builder(tenant());
    for (labels, samples) in series {
        let labels: LabelSet = labels.iter().copied().collect();
        batch.series(labels.as_labels());
        samples.iter().for_each(|(t, v)| {
            batch.sample(*t, *v);
        });
    }
    batch.build()
}

fn append(head: &Head, batch: &Batch) {
    let places = head.resolve(batch);
    assert_eq!(places.collisions().count(), 0);
    head.insert(batch, &places);
}

fn samples(snapshot: &Snapshot) -> Vec<(i64, u64)> {
    let runs: Vec<(Vec<i64>, Vec<f64>)> = snapshot.pieces.iter().map(|piece| piece.chunk().iter().unzip()).collect();
    let runs: Vec<_> = runs.iter().map(|(t, v)| (t.as_slice(), v.as_slice())).collect();
    let (mut t, mut v) = (Vec::new(), Vec::new());
    merge(&runs, &mut t, &mut v);
    t.into_iter().zip(v.into_iter().map(f64::to_bits)).collect()
}

fn all(head: &Head) -> BTreeMap<String, Vec<(i64, u64)>> {
    let found = head.select(&tenant(), &[], i64::MIN, i64::MAX);
    found.iter().map(|s| (weir_pipeline::Labels::from_canonical(&s.labels).to_string(), samples(s))).collect()
}

fn bits(samples: &[(i64, f64)]) -> Vec<(i64, u64)> {
    samples.iter().map(|(t, v)| (*t, v.to_bits())).collect()
}

#[test]
fn samples_come_back_in_order_whatever_order_they_came_in() {
    let head = Head::default();
    let up: &[(&str, &str)] = &[("__name__", "up")];
    append(&head, &batch([(up, &[(30, 3.0), (10, 1.0)][..]), (up, &[(20, 2.0), (40, 4.0)])]));
    append(&head, &batch([(up, &[(5, 0.5), (40, 4.0), (10, 1.0)][..])]));
    assert_eq!(all(&head)["up"], bits(&[(5, 0.5), (10, 1.0), (20, 2.0), (30, 3.0), (40, 4.0)]));
    assert_eq!(head.usage().conflicts, 0);
}

#[test]
fn of_two_values_at_one_time_one_stays_and_the_other_is_counted() {
    let check = |first: f64, second: f64, expect: f64| {
        let head = Head::default();
        let up: &[(&str, &str)] = &[("__name__", "up")];
        append(&head, &batch([(up, &[(10, first)][..])]));
        append(&head, &batch([(up, &[(10, second)][..])]));
        assert_eq!(all(&head)["up"], bits(&[(10, expect)]));
    };
    check(1.0, f64::NAN, 1.0);
    check(f64::NAN, 1.0, 1.0);
    check(1.0, 2.0, 2.0);
    check(2.0, 1.0, 2.0);
    let head = Head::default();
    append(&head, &batch([(&[("__name__", "up")][..], &[(10, 2.0), (10, 1.0), (10, 2.0)][..])]));
    assert_eq!(head.usage().conflicts, 1);
}

/// Appends one sample of one series.
fn append_since(head: &Head, (ts, value, start): (i64, f64, i64)) {
    let mut out = Batch::builder(tenant());
    out.series(LabelSet::from_iter([("__name__", "m")]).as_labels()).sample_since(start, ts, value);
    append(head, &out.build());
}

/// The samples of the series, each with its start.
fn since(pieces: &[std::sync::Arc<super::Piece>]) -> Vec<(i64, u64, i64)> {
    let runs: Vec<_> = pieces
        .iter()
        .map(|piece| {
            let mut run = crate::store::Run::default();
            piece.chunk().decode_since((i64::MIN, i64::MAX), run.floats_mut());
            run
        })
        .collect();
    let (run, _) = crate::store::Run::unite(&runs);
    let floats = run.timestamps.iter().zip(&run.values).zip(crate::starts::each(&run.starts));
    floats.map(|((t, v), start)| (*t, v.to_bits(), start)).collect()
}

fn all_since(head: &Head) -> Vec<(i64, u64, i64)> {
    since(&head.select(&tenant(), &[], i64::MIN, i64::MAX)[0].pieces)
}

#[test]
fn of_a_sample_that_comes_again_the_start_that_is_known_is_kept_and_of_two_the_earlier() {
    for starts in [[0, 5, 7], [7, 0, 5], [5, 5, 0], [7, 5, 0]] {
        let head = Head::default();
        // The last sample of the series, and one before it.
        for start in starts {
            append_since(&head, (20, 1.0, start));
            append_since(&head, (10, 1.0, start));
        }
        let one = 1f64.to_bits();
        assert_eq!(all_since(&head), [(10, one, 5), (20, one, 5)], "{starts:?}");
        assert_eq!(head.usage().conflicts, 0);
    }
}

#[test]
fn what_starts_take_is_counted_and_returns_to_nothing() {
    let head = Head::default();
    let bytes = |start: i64| {
        (0..50).for_each(|n| append_since(&head, (n, 1.0, start)));
        let bytes = head.usage().chunk_bytes;
        for _ in 0..3 {
            head.frozen(&tenant(), head.epoch());
            head.hide(&tenant(), head.freeze());
            head.release();
            assert_eq!(head.usage().chunk_bytes, 0);
        }
        bytes
    };
    let (bare, since) = (bytes(0), bytes(7));
    assert!(since > bare && since < bare + 150, "{bare} {since}");
}

#[test]
fn late_samples_of_earlier_batches_may_turn_out_to_be_duplicates() {
    let head = Head::default();
    let up: &[(&str, &str)] = &[("__name__", "up")];
    append(&head, &batch([(up, &[(100, 0.0)][..])]));
    append(&head, &batch([(up, &[(10, 1.0); 63][..])]));
    // The first of these finishes a run of late samples, of which one stays.
    append(&head, &batch([(up, &[(10, 1.0), (10, 1.0)][..])]));
    assert_eq!(head.usage().samples, 3);
    assert_eq!(all(&head)["up"], bits(&[(10, 1.0), (100, 0.0)]));
}

#[test]
fn a_forged_id_does_not_mix_two_series() {
    let head = Head::default();
    let labels: LabelSet = [("a", "1")].into_iter().collect();
    let other: LabelSet = [("a", "2")].into_iter().collect();
    head.with_tenant(&tenant(), |tenant, shared| {
        let id = SeriesId([7; 16]);
        let mut found: Vec<Option<Found>> = Vec::new();
        let one = batch([(&[("a", "1")][..], &[(1, 1.0)][..])]);
        tenant.each_shard(&[0], &one, |locked, _| {
            for labels in [&labels, &other, &labels] {
                found.push(locked.find_or_create(id, labels.as_labels(), shared).ok());
            }
        });
        assert!(found[0].is_some() && found[0] == found[2] && found[1].is_none());
    });
    assert_eq!(head.usage().series, 1);
}

#[test]
fn a_frozen_epoch_gets_nothing_more_and_is_hidden_at_once() {
    let head = Head::default();
    let up: &[(&str, &str)] = &[("__name__", "up")];
    append(&head, &batch([(up, &[(10, 1.0), (20, 2.0), (15, 1.5)][..])]));
    let epoch = head.freeze();
    append(&head, &batch([(up, &[(30, 3.0), (12, 1.2)][..])]));
    let frozen = head.frozen(&tenant(), epoch);
    assert_eq!(samples(&frozen[0]), bits(&[(10, 1.0), (15, 1.5), (20, 2.0)]));
    assert_eq!(all(&head)["up"].len(), 5);
    head.hide(&tenant(), epoch);
    assert_eq!(all(&head)["up"], bits(&[(12, 1.2), (30, 3.0)]));
    head.release();
    assert_eq!(all(&head)["up"], bits(&[(12, 1.2), (30, 3.0)]));
    assert_eq!((head.usage().samples, head.usage().series), (2, 1));
}

#[test]
fn what_was_frozen_and_not_hidden_is_frozen_again_with_the_next_epoch() {
    let head = Head::default();
    let up: &[(&str, &str)] = &[("__name__", "up")];
    append(&head, &batch([(up, &[(10, 1.0)][..])]));
    head.frozen(&tenant(), head.freeze());
    append(&head, &batch([(up, &[(20, 2.0)][..])]));
    let again = head.frozen(&tenant(), head.freeze());
    assert_eq!(samples(&again[0]), bits(&[(10, 1.0), (20, 2.0)]));
}

#[test]
fn a_series_without_samples_goes_after_a_whole_epoch_and_memory_returns_to_nothing() {
    let head = Head::default();
    let names: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    for n in &names {
        append(&head, &batch([(&[("__name__", "m"), ("n", n)][..], &[(10, 1.0), (5, 0.0)][..])]));
    }
    assert_eq!(head.usage().series, 500);
    for cut in 0..3 {
        let epoch = head.freeze();
        head.frozen(&tenant(), epoch);
        head.hide(&tenant(), epoch);
        head.release();
        assert_eq!((head.usage().samples, head.usage().chunk_bytes), (0, 0));
        assert_eq!(head.usage().series, if cut == 0 { 500 } else { 0 });
    }
    assert_eq!((head.usage().series_bytes, head.usage().removed), (0, 500));
    assert!(head.tenant_names().is_empty());
}

#[test]
fn a_place_in_the_head_that_was_given_up_is_found_anew() {
    let head = Head::default();
    let one = batch([(&[("__name__", "m")][..], &[(10, 1.0)][..])]);
    let places = head.resolve(&one);
    for _ in 0..3 {
        head.hide(&tenant(), head.freeze());
        head.release();
    }
    assert_eq!(head.usage().series, 0);
    // Another series may have the slot now.
    append(&head, &batch([(&[("__name__", "other")][..], &[(10, 5.0)][..])]));
    head.insert(&one, &places);
    assert_eq!(all(&head)["m"], bits(&[(10, 1.0)]));
    assert_eq!(all(&head)["other"], bits(&[(10, 5.0)]));
}

#[test]
fn series_of_another_tenant_are_not_seen() {
    let head = Head::default();
    let one = batch([(&[("__name__", "m")][..], &[(10, 1.0)][..])]);
    append(&head, &one);
    append(&head, &one.with_tenant(Tenant::new("other").unwrap()));
    assert_eq!(head.tenant_names().len(), 2);
    assert_eq!(head.select(&tenant(), &[], 0, 100).len(), 1);
    assert_eq!(head.select(&Tenant::new("third").unwrap(), &[], 0, 100).len(), 0);
}

#[test]
fn only_series_with_samples_in_the_range_are_found() {
    let head = Head::default();
    append(&head, &batch([(&[("__name__", "m")][..], &[(10, 1.0), (20, 1.0)][..])]));
    let check = |start, end, expect| assert_eq!(head.select(&tenant(), &[], start, end).len(), expect, "{start} {end}");
    check(0, 9, 0);
    check(0, 10, 1);
    check(20, 99, 1);
    check(21, 99, 0);
}

const NAMES: [&str; 4] = ["__name__", "job", "le", "zone"];
const VALUES: [&str; 4] = ["", "a", "b", "ab"];

fn labels() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    prop::collection::vec(0..VALUES.len(), NAMES.len())
        .prop_map(|values| NAMES.into_iter().zip(values.into_iter().map(|v| VALUES[v])).collect())
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let name = prop_oneof![prop::sample::select(&NAMES[..]), Just("absent")];
    let exact = (prop_oneof![Just(MatchOp::Equal), Just(MatchOp::NotEqual)], prop::sample::select(&VALUES[..]));
    let regex = (
        prop_oneof![Just(MatchOp::Match), Just(MatchOp::NotMatch)],
        prop::sample::select(&["a.*", ".*", ".+", "a|", "b|ab", ""][..]),
    );
    (name, prop_oneof![exact.boxed(), regex.boxed()]).prop_map(|(n, (op, v))| Matcher::new(n, op, v).unwrap())
}

proptest! {
    #[test]
    fn the_index_finds_what_looking_at_each_series_finds(
        sets in prop::collection::vec(labels(), 1..40),
        dropped in prop::collection::vec(any::<bool>(), 40),
        matchers in prop::collection::vec(matcher(), 0..4),
    ) {
        let head = Head::default();
        let one = [(10, 1.0)];
        // Some series are there only for a while, so that the index has holes.
        for (labels, dropped) in sets.iter().zip(&dropped) {
            if *dropped {
                append(&head, &batch([(labels.as_slice(), &one[..])]));
            }
        }
        for _ in 0..2 {
            head.hide(&tenant(), head.freeze());
            head.release();
        }
        let kept: Vec<LabelSet> =
            sets.iter().zip(&dropped).filter(|(_, d)| !**d).map(|(l, _)| l.iter().copied().collect()).collect();
        for labels in &kept {
            let mut batch = Batch::builder(tenant());
            batch.series(labels.as_labels()).sample(10, 1.0);
            append(&head, &batch.build());
        }
        let fits = |labels: &LabelSet| matchers.iter().all(|m| m.matches(labels.as_labels().get(&m.name).unwrap_or("")));
        let mut expect: Vec<_> = kept.iter().filter(|l| fits(l)).cloned().collect();
        expect.sort_by(|a, b| crate::order::compare(a.as_labels(), b.as_labels()));
        expect.dedup();
        let mut found: Vec<LabelSet> = head
            .select(&tenant(), &matchers, 0, 100)
            .iter()
            .map(|s| weir_pipeline::Labels::from_canonical(&s.labels).to_set())
            .collect();
        found.sort_by(|a, b| crate::order::compare(a.as_labels(), b.as_labels()));
        prop_assert_eq!(found, expect);
    }

    #[test]
    fn a_head_is_a_map_of_timestamps(steps in prop::collection::vec((0i64..300, 0u8..6, any::<bool>()), 1..400)) {
        let head = Head::default();
        let mut expect = BTreeMap::new();
        for (ts, value, freeze) in steps {
            let value = if value == 0 { f64::NAN } else { f64::from(value) };
            append(&head, &batch([(&[("__name__", "m")][..], &[(ts, value)][..])]));
            let kept = expect.entry(ts).or_insert(value);
            *kept = crate::merge::winner(*kept, value);
            if freeze && ts < 20 {
                head.frozen(&tenant(), head.freeze());
            }
        }
        let expect: Vec<_> = expect.into_iter().map(|(t, v)| (t, v.to_bits())).collect();
        prop_assert_eq!(&all(&head)["m"], &expect);
        let frozen = head.frozen(&tenant(), head.freeze());
        prop_assert_eq!(samples(&frozen[0]), expect);
    }
}

proptest! {
    #[test]
    fn a_head_is_a_map_of_timestamps_with_starts_too(
        steps in prop::collection::vec((0i64..300, 0u8..3, 0i64..3, any::<bool>()), 1..400),
    ) {
        let head = Head::default();
        let mut expect = BTreeMap::new();
        for (ts, value, start, freeze) in steps {
            let value = if value == 0 { f64::NAN } else { f64::from(value) };
            append_since(&head, (ts, value, start));
            let kept = expect.entry(ts).or_insert((value, start));
            if crate::merge::beats_float((value, start), *kept) {
                *kept = (value, start);
            }
            if freeze && ts < 20 {
                head.frozen(&tenant(), head.freeze());
            }
        }
        let expect: Vec<_> = expect.into_iter().map(|(t, (v, start))| (t, v.to_bits(), start)).collect();
        prop_assert_eq!(&all_since(&head), &expect);
        let frozen = head.frozen(&tenant(), head.freeze());
        prop_assert_eq!(since(&frozen[0].pieces), expect);
    }
}

/// What the head takes for Kubernetes-like series, by its own account.
#[test]
fn series_and_samples_take_little_memory() {
    let head = Head::default();
    let (series, per) = (2000, 480);
    for scrape in 0..per {
        let mut out = Batch::builder(tenant());
        for n in 0..series {
            let labels = LabelSet::from_iter([
                ("__name__", format!("container_metric_number_{}_total", n % 50)),
                ("cluster", "edge-one".to_owned()),
                ("container", "the-application".to_owned()),
                ("instance", format!("10.0.{}.{}:10250", n / 500, n % 250)),
                ("job", "kubelet".to_owned()),
                ("namespace", format!("team-{}", n % 20)),
                ("node", format!("ip-10-0-0-{}", n % 10)),
                ("pod", format!("deployment-{}-7c9fd4b6c8-x{}", n / 10, n % 10)),
            ]);
            let value = match n % 4 {
                0 => 1.0,
                1 => (scrape * (n % 17 + 1)) as f64,
                2 => ((scrape * 37 + n) % 1000) as f64 / 100.0,
                _ => ((scrape * scrape + n * 7919) as f64).sqrt(),
            };
            out.series(labels.as_labels()).sample(1_700_000_000_000 + scrape as i64 * 15_000, value);
        }
        append(&head, &out.build());
    }
    let usage = head.usage();
    let (for_series, for_samples) =
        (usage.series_bytes as f64 / series as f64, usage.chunk_bytes as f64 / usage.samples as f64);
    println!("{for_series:.0} bytes per series, {for_samples:.2} bytes per sample of two hours");
    assert_eq!(usage.samples, (series * per) as u64);
    assert!(for_series < 450.0 && for_samples < 5.0, "{for_series} {for_samples}");
}
