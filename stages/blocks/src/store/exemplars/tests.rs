//! Tests of `store::exemplars`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::LabelSet;

use super::*;

fn batch(tenant: &str, exemplars: &[(&str, &str, i64)]) -> Batch {
    let mut out = Batch::builder(Tenant::new(tenant).unwrap());
    for (metric, trace, timestamp) in exemplars {
        out.series(LabelSet::from_iter([("__name__", *metric)]).as_labels());
        let labels = LabelSet::from_iter([("trace_id", *trace)]);
        out.exemplar(Exemplar { labels, value: 1.0, timestamp: *timestamp });
    }
    out.build()
}

fn of(kept: &Exemplars, tenant: &str, matchers: &[Matcher], (start, end): (i64, i64)) -> Vec<String> {
    let found = kept.select(&Tenant::new(tenant).unwrap(), matchers, start, end);
    let shown = |of: &SeriesExemplars| {
        let all: Vec<_> = of.exemplars.iter().map(|e| format!("{}@{}", e.labels, e.timestamp)).collect();
        format!("{} {}", of.series, all.join(" "))
    };
    found.iter().map(shown).collect()
}

const ALL: (i64, i64) = (i64::MIN, i64::MAX);

#[test]
fn exemplars_are_found_by_series_and_time_each_once_and_in_order() {
    let kept = Exemplars::new(100);
    let all = batch("a", &[("b", "x", 5), ("a", "y", 7), ("b", "z", 3), ("b", "x", 5)]);
    kept.note(&all, Source::Sender);
    kept.note(&all, Source::Sender);
    kept.note(&batch("a", &[("b", "w", 5)]), Source::Sender);
    let b = "b {trace_id=\"z\"}@3 {trace_id=\"w\"}@5 {trace_id=\"x\"}@5";
    assert_eq!(of(&kept, "a", &[], ALL), ["a {trace_id=\"y\"}@7", b]);
    assert_eq!(of(&kept, "a", &[Matcher::equal("__name__", "b")], (0, 3)), ["b {trace_id=\"z\"}@3"]);
    assert!(of(&kept, "a", &[Matcher::equal("job", "b")], ALL).is_empty());
    assert!(of(&kept, "b", &[], ALL).is_empty());
}

#[test]
fn the_oldest_of_who_has_most_give_way() {
    let kept = Exemplars::new(3);
    kept.note(&batch("a", &[("a", "1", 1), ("a", "2", 2), ("a", "3", 3)]), Source::Sender);
    kept.note(&batch("b", &[("a", "4", 4)]), Source::Sender);
    assert_eq!(of(&kept, "a", &[], ALL), ["a {trace_id=\"2\"}@2 {trace_id=\"3\"}@3"]);
    assert_eq!(of(&kept, "b", &[], ALL), ["a {trace_id=\"4\"}@4"]);
    let none = Exemplars::new(0);
    none.note(&batch("a", &[("a", "1", 1)]), Source::Sender);
    assert!(of(&none, "a", &[], ALL).is_empty() && none.news().is_none());
}

#[test]
fn what_is_new_is_told_once() {
    let kept = Exemplars::new(3);
    kept.note(&batch("a", &[("a", "1", 1)]), Source::Sender);
    assert_eq!(kept.news().unwrap().iter().map(Batch::exemplar_count).sum::<usize>(), 1);
    kept.note(&batch("a", &[("a", "1", 1)]), Source::Sender);
    assert!(kept.news().is_none());
    kept.again();
    assert!(kept.news().is_some());
}
