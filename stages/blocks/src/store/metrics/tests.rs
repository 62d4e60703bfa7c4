//! Tests of `store::metrics`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::batch::MetricKind;

use super::*;

fn batch(tenant: &str, said: &[(&str, &str)]) -> Batch {
    let mut batch = Batch::builder(Tenant::new(tenant).unwrap());
    for (metric, help) in said {
        let (metric, help) = ((*metric).to_owned(), (*help).to_owned());
        batch.metadata(Metadata { metric, help, kind: MetricKind::Counter, unit: String::new() });
    }
    batch.build()
}

fn note(known: &KnownMetrics, batch: &Batch) {
    known.note(batch.tenant(), batch.metadata());
}

fn of(known: &KnownMetrics, tenant: &str, metric: Option<&str>) -> Vec<(String, String)> {
    let all = known.of(&Tenant::new(tenant).unwrap(), metric);
    all.into_iter().map(|said| (said.metric, said.help)).collect()
}

#[test]
fn what_was_said_last_of_a_tenants_metrics_is_known() {
    let known = KnownMetrics::new(10);
    note(&known, &batch("a", &[("b", "one"), ("a", "two")]));
    note(&known, &batch("b", &[("a", "three")]));
    note(&known, &batch("a", &[("b", "four"), ("a", "two")]));
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(m, h)| (m.to_string(), h.to_string())).collect::<Vec<_>>();
    assert_eq!(of(&known, "a", None), pairs(&[("a", "two"), ("b", "four")]));
    assert_eq!(of(&known, "a", Some("b")), pairs(&[("b", "four")]));
    assert_eq!(of(&known, "b", None), pairs(&[("a", "three")]));
    assert!(of(&known, "c", None).is_empty() && of(&known, "a", Some("c")).is_empty());
}

#[test]
fn the_first_of_who_has_most_give_way_and_long_texts_are_cut() {
    let known = KnownMetrics::new(3);
    note(&known, &batch("a", &[("z", ""), ("b", ""), ("c", "")]));
    note(&known, &batch("b", &[("d", &"ä".repeat(3000))]));
    let names = |tenant: &str| of(&known, tenant, None).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!((names("a"), names("b")), (vec!["b".to_owned(), "c".to_owned()], vec!["d".to_owned()]));
    assert_eq!(of(&known, "b", None)[0].1.len(), 4096);
    // Who says more and more takes nothing from others.
    (0..10).for_each(|n| note(&known, &batch("a", &[(&n.to_string(), "")])));
    assert_eq!((names("a"), names("b")), (vec!["8".to_owned(), "9".to_owned()], vec!["d".to_owned()]));
    known.forget(&Tenant::new("a").unwrap());
    (0..10).for_each(|n| note(&known, &batch("c", &[(&n.to_string(), "")])));
    assert_eq!((names("a").len(), names("b").len(), names("c").len()), (0, 1, 2));
    let none = KnownMetrics::new(0);
    note(&none, &batch("a", &[("a", "")]));
    assert!(of(&none, "a", None).is_empty());
}

#[test]
fn only_what_is_new_is_unknown() {
    let known = KnownMetrics::new(10);
    let unknown = |said: &[(&str, &str)]| {
        let batch = batch("a", said);
        known.unknown(batch.tenant(), batch.metadata()).into_iter().map(|said| said.metric).collect::<Vec<_>>()
    };
    let (long, name) = ("h".repeat(5000), "n".repeat(5000));
    assert_eq!(unknown(&[("a", &long), ("b", "two"), (&name, "")]), ["a", "b"]);
    note(&known, &batch("a", &[("a", &long), ("b", "two")]));
    assert!(unknown(&[("a", &long), ("b", "two")]).is_empty());
    assert_eq!(unknown(&[("a", &long), ("b", "three"), ("c", "")]), ["b", "c"]);
}
