//! Tests of `cluster::totals`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use weir_stages::ring::{Member, ReplicaSet};

use super::*;

/// A replica set of the members whose names these letters are.
fn set(names: &str) -> Needed {
    let member = |name: char| {
        let (name, text) = (name.to_string(), String::new);
        Member { name, address: text(), read_address: text(), zone: text() }
    };
    let members: Vec<Member> = names.chars().map(member).collect();
    Needed { set: Arc::new(ReplicaSet { name: names.into(), members }), members: 2, also_new: false }
}

fn entries(all: &[(&str, u64)]) -> Vec<(String, u64)> {
    all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

/// A member with so many series of each metric, and as many values of `i`.
fn member(metrics: &[(&str, u64)], times: (i64, i64)) -> Cardinality {
    let series = metrics.iter().map(|(_, count)| count).sum();
    Cardinality {
        series,
        chunks: 2 * series,
        label_pairs: series + 1,
        times: Some(times),
        by_metric: entries(metrics),
        values_by_label: entries(&[("i", series)]),
        bytes_by_label: entries(&[("i", 10 * series)]),
        by_pair: entries(&[("job=a", series)]),
    }
}

fn answers(all: Vec<(&str, Cardinality)>) -> BTreeMap<String, Cardinality> {
    all.into_iter().map(|(name, found)| (name.to_owned(), found)).collect()
}

#[test]
fn cells_are_added_up_and_in_each_the_member_with_most_counts() {
    let all = answers(vec![
        ("a", member(&[("up", 9), ("x", 1)], (5, 10))),
        ("b", member(&[("up", 8), ("x", 3)], (2, 9))),
        ("d", member(&[("up", 4), ("y", 2)], (3, 30))),
    ]);
    let found = of(&[set("abc"), set("def")], &all, 2);
    let expect = Cardinality {
        series: 11 + 6,
        chunks: 22 + 12,
        label_pairs: 12,
        times: Some((2, 30)),
        by_metric: entries(&[("up", 9 + 4), ("x", 3)]),
        values_by_label: entries(&[("i", 11)]),
        bytes_by_label: entries(&[("i", 110 + 60)]),
        by_pair: entries(&[("job=a", 11 + 6)]),
    };
    assert_eq!(found, expect);
}

#[test]
fn where_sets_overlap_the_sum_is_divided_by_how_many_have_a_series() {
    let one = || member(&[("up", 30)], (0, 9));
    let sets = [set("abc"), set("bcd"), set("acd")];
    let all = answers(vec![("a", one()), ("b", one()), ("c", one()), ("d", one())]);
    let found = of(&sets, &all, 9);
    assert_eq!((found.series, found.by_metric, found.label_pairs), (40, entries(&[("up", 40)]), 31));
    // One that was not heard has about as many as the others.
    let all = answers(vec![("a", one()), ("b", one()), ("c", one())]);
    let found = of(&sets, &all, 9);
    assert_eq!((found.series, found.by_metric), (40, entries(&[("up", 40)])));
}

#[test]
fn nobody_there_is_nothing() {
    assert_eq!(of(&[set("abc")], &BTreeMap::new(), 9), Cardinality::default());
}
