//! New, known, gone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use weir_pipeline::{LabelSet, Tenant};

use super::*;

fn labels(name: &str) -> LabelSet {
    [("__name__", name)].into_iter().collect()
}

/// A scrape with these series; a `!` at the end of a name says that it has a time of its own.
fn scrape(names: &[&str], last: Option<&Last>) -> (Vec<Sight>, Vec<String>, Last) {
    let mut seen = Seen::new(last);
    let mut out = Batch::builder(Tenant::default());
    let mut sights = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let labels = labels(name.trim_end_matches('!'));
        out.series(labels.as_labels()).sample(0, 1.0);
        sights.push(seen.see(labels.as_labels().id(), i as u32, !name.ends_with('!')));
    }
    let gone = seen.gone().map(|labels| labels.metric().to_owned()).collect();
    let rows = seen.into_rows();
    (sights, gone, Last::new(out.build(), rows))
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn check(before: &[&str], now: &[&str], sights: &[Sight], gone: &[&str]) {
    let (_, _, last) = scrape(before, None);
    let got = scrape(now, Some(&last));
    assert_eq!((got.0.as_slice(), got.1), (sights, gone.iter().map(|s| s.to_string()).collect()), "{before:?} {now:?}");
}

use Sight::{Again, Known, New};

#[test]
fn series_are_new_known_or_gone() {
    check(&[], &["a", "b"], &[New, New], &[]);
    check(&["a", "b"], &["a", "b"], &[Known, Known], &[]);
    check(&["a", "b", "c"], &["a", "c"], &[Known, Known], &["b"]);
    check(&["a", "c"], &["a", "b", "c"], &[Known, New, Known], &[]);
    check(&["a", "b", "c"], &["c", "a", "x"], &[Known, Known, New], &["b"]);
    check(&["a", "b"], &[], &[], &["a", "b"]);
}

#[test]
fn a_series_that_comes_twice_is_seen_as_such() {
    check(&[], &["a", "b", "a"], &[New, New, Again], &[]);
    check(&["a", "b"], &["a", "a", "b", "b"], &[Known, Again, Known, Again], &[]);
    check(&["a", "a", "b"], &["a", "b"], &[Known, Known], &[]);
}

#[test]
fn a_series_with_its_own_time_does_not_end() {
    check(&["a!", "b"], &["b"], &[Known], &[]);
    check(&["a!", "b"], &["a", "b"], &[Known, Known], &[]);
    // It told when it would be gone, and does not any more.
    check(&["a", "b"], &["a!", "b"], &[Known, Known], &["a"]);
}

#[test]
fn all_series_end_once_when_scrapes_fail() {
    let ends = |last: &mut Last| last.end().map(|labels| labels.metric().to_owned()).collect::<Vec<_>>();
    let (_, _, mut last) = scrape(&["a", "b!", "c"], None);
    assert_eq!(ends(&mut last), ["a", "c"]);
    assert_eq!(ends(&mut last), Vec::<String>::new());
    // Those that do not come back have ended before; those that do are not new.
    assert_eq!(scrape(&["a", "d"], Some(&last)).0, [Known, New]);
    assert_eq!(scrape(&["a", "d"], Some(&last)).1, Vec::<String>::new());
}

proptest! {
    #[test]
    fn what_is_gone_is_what_was_there_and_is_not(before: Vec<u8>, now: Vec<u8>) {
        let names = |series: &[u8]| series.iter().map(|n| format!("s{}", n % 40)).collect::<Vec<_>>();
        let (before, now) = (names(&before), names(&now));
        let (_, _, last) = scrape(&texts(&before), None);
        let (sights, gone, _) = scrape(&texts(&now), Some(&last));
        let (was, is): (BTreeSet<_>, BTreeSet<_>) = (before.into_iter().collect(), now.iter().cloned().collect());
        prop_assert_eq!(gone.into_iter().collect::<BTreeSet<_>>(), was.difference(&is).cloned().collect());
        let count = |sight| sights.iter().filter(|s| **s == sight).count();
        prop_assert_eq!(count(New), is.difference(&was).count());
        prop_assert_eq!(count(Known), is.intersection(&was).count());
        prop_assert_eq!(count(Again), now.len() - is.len());
    }
}
