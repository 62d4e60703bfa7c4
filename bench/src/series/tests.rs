//! Tests of `series`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::HashSet;

use super::*;

#[test]
fn no_two_series_are_the_same_and_there_are_as_many_as_asked_for() {
    for limit in [1, 1999, 20_000] {
        let all = Population::new(limit);
        let distinct: HashSet<_> = all.series.iter().map(|spec| spec.labels.clone()).collect();
        assert_eq!((all.series.len(), distinct.len()), (limit, limit));
    }
}

#[test]
fn label_sets_are_as_long_as_those_of_a_cluster() {
    let all = Population::new(20_000);
    let bytes: usize = all.series.iter().map(|spec| spec.labels.as_labels().encoded().len()).sum();
    assert!((180..320).contains(&(bytes / 20_000)), "{} bytes per series", bytes / 20_000);
    let moving = all.series.iter().filter(|spec| !matches!(spec.shape, Shape::Constant(_))).count();
    assert!((12_000..18_000).contains(&moving), "{moving} series move");
}

#[test]
fn every_family_has_its_metadata_once() {
    let all = Population::new(5000);
    let names: Vec<&str> = all.metadata.iter().map(|m| m.metric.as_str()).collect();
    assert!(names.contains(&"http_request_duration_seconds") && names.contains(&"up"));
    assert!(!names.contains(&"http_request_duration_seconds_bucket"));
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
}
