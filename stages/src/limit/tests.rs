//! Tests of `limit`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use tokio::time::sleep;
use weir_pipeline::Kind;
use weir_pipeline::testing::{Recorder, Subject, assert_contract, batch, context, documented, settings, text};

use super::*;

fn limit(yaml: &str) -> (Next<Write>, Recorder<Write>, Context) {
    let (context, rest) = (context(), Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64))));
    (settings::<Limit>(yaml).unwrap().wrap(&context, rest.next()).unwrap(), rest, context)
}

/// So many samples of one series.
fn samples(n: usize) -> Batch {
    batch(&(0..n).map(|at| format!("up 1 {at}\n")).collect::<String>())
}

/// What became of samples, as `outcome reason: count`.
fn shown(ack: &Ack) -> Vec<String> {
    let mut all: Vec<_> = ack.entries().iter().map(|e| format!("{} {}: {}", e.outcome, e.reason, e.count)).collect();
    all.sort();
    all
}

#[tokio::test(start_paused = true)]
async fn a_tenant_may_send_so_much_a_second_and_is_told_when_it_may_again() {
    let (next, rest, context) = limit("{ samples_per_second: 10, burst: 20 }");
    let refused = async |n: usize| {
        let error = next.send(samples(n)).await.unwrap_err();
        let Kind::Overloaded { retry_after: Some(after) } = error.kind() else { panic!("{error:?}") };
        assert_eq!(error.message(), "tenant `default-tenant` may send 10 samples a second");
        after.as_secs_f64()
    };
    next.send(samples(15)).await.unwrap();
    assert_eq!(refused(15).await, 1.0);
    // Another tenant has its own.
    next.send(samples(20).with_tenant("x".parse().unwrap())).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    next.send(samples(15)).await.unwrap();
    // What is larger than a burst waits for a whole one, and then for what it took beyond.
    assert_eq!(refused(50).await, 2.0);
    sleep(Duration::from_secs(2)).await;
    next.send(samples(50)).await.unwrap();
    assert_eq!(refused(1).await, 3.1);
    next.send(batch("")).await.unwrap();
    assert_eq!(rest.requests().len(), 5);
    let count = "weir_limit_overloaded_batches_total{pipeline=\"test\",place=\"test.stages[0]\"} 3\n";
    assert!(context.metrics.encode().contains(count));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_has_so_many_series_and_those_that_end_make_room() {
    let (next, rest, context) = limit("{ series: 2, active_for: 1h }");
    let ack = next.send(batch("a 1\nb 1\nc 1\nc 2 1\na 2 2")).await.unwrap();
    assert_eq!(shown(&ack), ["rejected series_limit: 2", "written : 3"]);
    assert!(ack.entries().iter().any(|e| e.detail.as_deref() == Some("c and others are beyond a limit")), "{ack:?}");
    assert_eq!(text(&rest.requests()[0]), "a 1\nb 1\na 2 2\n");
    let other = next.send(batch("c 1\nd 1").with_tenant("x".parse().unwrap())).await.unwrap();
    assert_eq!(shown(&other), ["written : 2"]);
    let active = |n: u64| format!("weir_limit_active_series{{pipeline=\"test\",place=\"test.stages[0]\"}} {n}\n");
    assert!(context.metrics.encode().contains(&active(4)));
    // `a` stays, `b` ends.
    sleep(Duration::from_secs(3600)).await;
    next.send(batch("a 1")).await.unwrap();
    sleep(Duration::from_secs(3600)).await;
    let ack = next.send(batch("a 1\nc 1\nd 1")).await.unwrap();
    assert_eq!(shown(&ack), ["rejected series_limit: 1", "written : 2"]);
}

#[tokio::test(start_paused = true)]
async fn labels_have_limits_each_with_its_reason() {
    let (next, _, _) = limit("{ labels: 3, label_name: 8B, label_value: 3B }");
    let ack = next
        .send(batch("a{b=\"1\", c=\"2\"} 1\na{b=\"1\", c=\"2\", d=\"3\"} 1\na{long_name=\"1\"} 1\na{b=\"long\"} 1"))
        .await
        .unwrap();
    assert_eq!(
        shown(&ack),
        ["rejected label_limit: 1", "rejected label_name_length: 1", "rejected label_value_length: 1", "written : 1"]
    );
    let (next, rest, _) = limit("{ labels: 1, action: drop }");
    assert_eq!(shown(&next.send(batch("a{b=\"1\"} 1")).await.unwrap()), ["dropped label_limit: 1"]);
    assert!(rest.requests().is_empty());
}

#[tokio::test]
async fn what_is_refused_is_told_by_its_kind_and_what_is_dropped_is_not() {
    use weir_pipeline::{Exemplar, LabelSet, Tenant};
    let mut both = Batch::builder(Tenant::default());
    for labels in [vec![("__name__", "a")], vec![("__name__", "a"), ("b", "1")]] {
        let labels: LabelSet = labels.into_iter().collect();
        let exemplar = Exemplar { labels: LabelSet::default(), value: 1.0, timestamp: 1 };
        both.series(labels.as_labels()).sample(1, 1.0).sample(2, 2.0).exemplar(exemplar);
    }
    let both = both.build();
    let (next, _, _) = limit("{ labels: 1 }");
    let ack = next.send(both.clone()).await.unwrap();
    assert_eq!(ack.rejected(), Counts { floats: 2, histograms: 0, exemplars: 1 });
    let (next, _, _) = limit("{ labels: 1, action: drop }");
    assert_eq!(next.send(both).await.unwrap().rejected(), Counts::default());
}

#[test]
fn wrong_settings_are_refused() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Limit>(yaml).unwrap_err(), expect);
    let none = "expected a limit: `samples_per_second`, `series`, `labels`, `label_name` or `label_value`";
    check("{}", &format!("1:1: {none}, or the resource `limits`"));
    check("{ limits: a, series: 1 }", "1:1: expected either `limits` or limits of its own, got both");
    check("{ burst: 5, series: 1 }", "1:1: expected `samples_per_second` beside `burst`");
    check("{ series: 0 }", "1:11: series: expected a whole number of at least 1, got `0`");
    check("{ series: 1, active_for: 0s }", "1:26: active_for: expected more than 0, got `0s`");
    check("{ series: 1, action: keep }", "1:22: action: unknown value `keep`, expected one of `reject`, `drop`");
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let limit: Limit = documented(include_str!("../limit.rs"), "limit");
    assert_eq!(limit.0.series.unwrap().get(), 1_000_000);
}

#[test]
fn it_keeps_the_contract() {
    assert_contract(Subject::stage(settings::<Limit>("{ series: 1000, labels: 2, action: drop }").unwrap()));
    assert_contract(Subject::stage(settings::<Limit>("{ samples_per_second: 1000000 }").unwrap()));
}
