#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::LabelSet;

use super::*;

fn series(n: usize) -> LabelSet {
    LabelSet::from_iter([("__name__", "up".to_owned()), ("job", "node".to_owned()), ("pod", format!("pod-{n}"))])
}

/// A series with so many labels that they fill more than a piece.
fn wide() -> LabelSet {
    (0..40_000).map(|n| (format!("label_{n:05}"), format!("{n}"))).collect()
}

#[test]
fn what_was_defined_is_known_and_nothing_else_is() {
    let mut known = Known::default();
    let all: Vec<LabelSet> = (0..20_000).map(|n| if n == 7_000 { wide() } else { series(n) }).collect();
    for (n, labels) in all.iter().enumerate() {
        known.define(n as u64 * 3, labels.as_labels());
    }
    assert!(known.pieces.len() >= 4);
    for (n, labels) in all.iter().enumerate() {
        assert_eq!(known.labels(n as u64 * 3), Some(labels.as_labels()));
        assert_eq!(known.labels(n as u64 * 3 + 1), None);
    }
    known.define(3, series(50_000).as_labels());
    assert_eq!(known.labels(3), Some(series(50_000).as_labels()));
    known.define(4, LabelSet::default().as_labels());
    assert_eq!(known.labels(4), Some(LabelSet::default().as_labels()));
}

#[test]
fn a_series_takes_a_few_bytes_beside_labels_that_it_shares() {
    let mut known = Known::default();
    for n in 0..100_000 {
        known.define(n as u64, series(n % 100).as_labels());
    }
    let bytes: usize = known.pieces.iter().map(Vec::capacity).sum();
    assert!(bytes < 600_000, "{bytes}");
}
