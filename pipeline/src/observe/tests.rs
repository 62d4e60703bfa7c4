//! Tests of `observe`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use super::*;
use crate::path::Read;
use crate::testing::{Recorder, Subject, assert_contract, batch, request};
use crate::{Ack, Kind, Outcome};

/// Observers around each other and around `rest`, at stages of these names, outermost first.
fn over(metrics: &Metrics, names: &[&str], rest: &Recorder<Write>) -> Next<Write> {
    let observers = Observers::new(metrics);
    names.iter().rev().fold(rest.next(), |next, name| observers.observe("p", name, next))
}

/// The lines of these metrics that have a value, without buckets, sums and help.
fn counted(metrics: &Metrics) -> Vec<String> {
    let text = metrics.encode();
    let is_told = |line: &&str| {
        !line.starts_with('#') && !line.contains("_bucket") && !line.contains("_sum") && !line.ends_with(" 0")
    };
    let mut lines: Vec<_> =
        text.lines().filter(is_told).map(|l| l.trim_start_matches("weir_pipeline_").to_owned()).collect();
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
async fn samples_are_counted_once_where_it_happened() {
    let metrics = Metrics::default();
    let rest = Recorder::<Write>::new(|batch| {
        let n = batch.sample_count() as u64;
        let mut ack = Ack::written(n - 2).with(Outcome::Rejected, "too_old", 1).with(Outcome::Absorbed, "dedup", 2);
        ack.created = 1;
        Ok(ack)
    });
    let next = over(&metrics, &["stages[0].a", "stages[1].b", "sink.c"], &rest);
    next.send(batch("a 1\nb 1\nc 1")).await.unwrap();
    next.send(batch("a 1\nb 1")).await.unwrap();
    assert_eq!(
        counted(&metrics),
        [
            r#"duration_seconds_count{pipeline="p",stage="sink.c"} 2"#,
            r#"duration_seconds_count{pipeline="p",stage="stages[0].a"} 2"#,
            r#"duration_seconds_count{pipeline="p",stage="stages[1].b"} 2"#,
            r#"received_samples_total{pipeline="p",stage="sink.c"} 5"#,
            r#"received_samples_total{pipeline="p",stage="stages[0].a"} 5"#,
            r#"received_samples_total{pipeline="p",stage="stages[1].b"} 5"#,
            r#"requests_total{pipeline="p",stage="sink.c",result="ok"} 2"#,
            r#"requests_total{pipeline="p",stage="stages[0].a",result="ok"} 2"#,
            r#"requests_total{pipeline="p",stage="stages[1].b",result="ok"} 2"#,
            r#"samples_total{pipeline="p",stage="sink.c",outcome="absorbed",reason="dedup"} 4"#,
            r#"samples_total{pipeline="p",stage="sink.c",outcome="rejected",reason="too_old"} 2"#,
            r#"samples_total{pipeline="p",stage="sink.c",outcome="written",reason=""} 1"#
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_does_not_account_for_every_sample_is_counted() {
    let metrics = Metrics::default();
    let rest = Recorder::<Write>::new(|_| Ok(Ack::written(1)));
    let next = over(&metrics, &["sink.c"], &rest);
    assert_eq!(next.send(batch("a 1\nb 1")).await.unwrap().total(), 1);
    next.send(batch("a 1")).await.unwrap();
    let lines = counted(&metrics);
    assert!(lines.contains(&"law_violations_total{pipeline=\"p\",stage=\"sink.c\"} 1".to_owned()), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn errors_get_their_place_and_are_counted_by_kind_at_every_stage() {
    let metrics = Metrics::default();
    let rest = Recorder::<Write>::new(|_| Err(Error::unavailable("full")));
    let next = over(&metrics, &["stages[0].a", "sink.c"], &rest);
    let error = next.send(batch("a 1")).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.kind()), ("p.sink.c: full", Kind::Unavailable { retry_after: None }));
    rest.fail_ready(Error::closed());
    let error = next.send(batch("a 1")).await.unwrap_err();
    assert_eq!(error.to_string(), "p.sink.c: the pipeline is closed");
    assert_eq!(
        counted(&metrics),
        [
            r#"duration_seconds_count{pipeline="p",stage="sink.c"} 1"#,
            r#"duration_seconds_count{pipeline="p",stage="stages[0].a"} 1"#,
            r#"received_samples_total{pipeline="p",stage="sink.c"} 1"#,
            r#"received_samples_total{pipeline="p",stage="stages[0].a"} 1"#,
            r#"requests_total{pipeline="p",stage="sink.c",result="closed"} 1"#,
            r#"requests_total{pipeline="p",stage="sink.c",result="unavailable"} 1"#,
            r#"requests_total{pipeline="p",stage="stages[0].a",result="closed"} 1"#,
            r#"requests_total{pipeline="p",stage="stages[0].a",result="unavailable"} 1"#
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_is_counted() {
    let metrics = Metrics::default();
    let rest = Recorder::<Write>::default();
    rest.set_open(false);
    let next = over(&metrics, &["sink.c"], &rest);
    let late = tokio::time::timeout(Duration::from_secs(1), next.send(batch("a 1"))).await;
    assert!(late.is_err() && rest.in_flight() == 0);
    assert_eq!(
        counted(&metrics),
        [
            r#"received_samples_total{pipeline="p",stage="sink.c"} 1"#,
            r#"requests_total{pipeline="p",stage="sink.c",result="cancelled"} 1"#
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_measured_how_long_a_stage_takes() {
    let metrics = Metrics::default();
    let rest = Recorder::<Write>::default();
    rest.set_open(false);
    let next = over(&metrics, &["sink.c"], &rest);
    let opens = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        rest.set_open(true);
    };
    tokio::join!(async { next.send(batch("a 1")).await.unwrap() }, opens);
    let text = metrics.encode();
    assert!(text.contains("weir_pipeline_duration_seconds_sum{pipeline=\"p\",stage=\"sink.c\"} 2.0"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn answers_of_the_read_path_are_counted_as_requests() {
    let metrics = Metrics::default();
    let next = Observers::new(&metrics).observe("p", "sink.c", Recorder::<Read>::default().next());
    next.send(request::<Read>()).await.unwrap();
    assert_eq!(
        counted(&metrics),
        [
            "duration_seconds_count{pipeline=\"p\",stage=\"sink.c\"} 1",
            "requests_total{pipeline=\"p\",stage=\"sink.c\",result=\"ok\"} 1"
        ]
    );
}

#[test]
fn an_observer_keeps_the_contract_of_stages() {
    assert_contract(Subject::<Write>::service("observer", |context, next| {
        Ok(Observers::new(&context.metrics).observe("p", "a", next))
    }));
}
