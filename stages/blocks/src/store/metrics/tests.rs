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

fn of(known: &KnownMetrics, tenant: &str, metric: Option<&str>) -> Vec<(String, String)> {
    let all = known.of(&Tenant::new(tenant).unwrap(), metric);
    all.into_iter().map(|said| (said.metric, said.help)).collect()
}

#[test]
fn what_was_said_last_of_a_tenants_metrics_is_known() {
    let known = KnownMetrics::new(10);
    known.note(&batch("a", &[("b", "one"), ("a", "two")]));
    known.note(&batch("b", &[("a", "three")]));
    known.note(&batch("a", &[("b", "four"), ("a", "two")]));
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(m, h)| (m.to_string(), h.to_string())).collect::<Vec<_>>();
    assert_eq!(of(&known, "a", None), pairs(&[("a", "two"), ("b", "four")]));
    assert_eq!(of(&known, "a", Some("b")), pairs(&[("b", "four")]));
    assert_eq!(of(&known, "b", None), pairs(&[("a", "three")]));
    assert!(of(&known, "c", None).is_empty() && of(&known, "a", Some("c")).is_empty());
}

#[test]
fn it_keeps_no_more_than_it_may_and_cuts_long_texts() {
    let known = KnownMetrics::new(2);
    known.note(&batch("a", &[("a", ""), ("b", "")]));
    known.note(&batch("b", &[("c", &"ä".repeat(3000))]));
    assert_eq!(of(&known, "a", None).len(), 1);
    assert_eq!(of(&known, "b", None)[0].1.len(), 4096);
    known.note(&batch("b", &[("d", "")]));
    assert!(of(&known, "a", None).is_empty());
    assert_eq!(known.known.read().unwrap().of.len(), 1);
    let none = KnownMetrics::new(0);
    none.note(&batch("a", &[("a", "")]));
    assert!(of(&none, "a", None).is_empty());
}
