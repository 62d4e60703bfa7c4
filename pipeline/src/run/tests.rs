//! Tests of `run`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use crate::fixture::{journal, note, plan};

mod parts;
mod reload;

async fn start(texts: &[&str]) -> Result<Running> {
    plan(texts).unwrap().start(Clock::starting_at(0), Metrics::default()).await
}

async fn after(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn told(errors: &[Error]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

const RESOURCES: &str = "resources:\n  a: { shelf: { path: a, beside: [b] } }\n  b: { shelf: { path: b } }\n";

#[tokio::test(start_paused = true)]
async fn resources_open_and_all_is_composed_before_a_source_starts_and_all_ends_in_reverse() {
    let p = "name: p\nsource: { pulse: { batches: 100 } }\nsink: { keep: { shelf: a, takes: 5s } }\n";
    let running = start(&[p, "name: q\nsource: desk\nsink: echo\n", RESOURCES]).await.unwrap();
    after(3).await;
    note("shutdown");
    let errors = running.shutdown(GRACE).await;
    assert_eq!(told(&errors), [""; 0]);
    // The batch that was under way is finished, and answered, before anything closes.
    assert_eq!(
        journal(),
        [
            "open b",
            "open a",
            "sink p.sink.keep",
            "start p.source.pulse",
            "start q.source.desk",
            "shutdown",
            "keep pulse 0 1000",
            "p: 1",
            "stop p.source.pulse",
            "close a",
            "close b",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_drain_in_time_is_named_and_gone_before_resources_close() {
    let p = "name: p\nsource: { pulse: { then: hangs } }\nsink: { keep: { shelf: a } }\n";
    let q = "name: q\nsource: pulse\nsink: keep\n";
    let running = start(&[p, q, RESOURCES]).await.unwrap();
    after(1).await;
    journal();
    let before = tokio::time::Instant::now();
    let errors = running.shutdown(Duration::from_secs(7)).await;
    assert_eq!(before.elapsed(), Duration::from_secs(7));
    assert_eq!(told(&errors), ["p.source.pulse: did not drain within 7s"]);
    assert_eq!(journal(), ["stop q.source.pulse", "dropped p", "close a", "close b"]);
}

#[tokio::test(start_paused = true)]
async fn the_listeners_are_all_known_once_every_source_that_listens_does() {
    let door = |name, settings| format!("name: {name}\nsource: {{ door: {{ {settings} }} }}\nsink: keep\n");
    let check = async |texts: &[&str], seconds: u64, expect: &[&str]| {
        let mut running = start(texts).await.unwrap();
        let before = tokio::time::Instant::now();
        let listeners = running.listeners().await;
        assert_eq!(before.elapsed(), Duration::from_secs(seconds), "{texts:?}");
        let mut shown: Vec<_> = listeners.iter().map(|(place, at)| format!("{place} {}", at.port())).collect();
        shown.sort();
        assert_eq!(shown, expect, "{texts:?}");
        running.shutdown(GRACE).await;
    };
    let pulse = "name: z\nsource: pulse\nsink: keep\n";
    check(&[pulse], 0, &[]).await;
    check(&[pulse, &door("p", ""), &door("q", "after: 5s")], 5, &["p.source.door 1000", "q.source.door 1000"]).await;
    // Two addresses of one source do not stand for another source.
    let two = door("p", "addresses: 2");
    let all = ["p.source.door 1000", "p.source.door 1001", "q.source.door 1000"];
    check(&[&two, &door("q", "after: 5s")], 5, &all).await;
    // A source that ended is not waited for, and others still are.
    let ends = "name: e\nsource: { pulse: { then: ends } }\nsink: keep\n";
    check(&[ends, &door("p", "ends: true, after: 2s"), &door("q", "after: 5s")], 5, &["q.source.door 1000"]).await;
    check(&[pulse, &door("p", "ends: true, after: 2s")], 2, &[]).await;
    // After a failure there is nothing to wait for.
    check(&[&door("p", "fails: taken, after: 2s"), &door("q", "after: 5s")], 2, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn it_stops_when_a_source_fails_or_all_have_ended() {
    let pulse = |name, settings| format!("name: {name}\nsource: {{ pulse: {{ {settings} }} }}\nsink: keep\n");
    let check = async |texts: &[&str], seconds: u64, expect: Result<(), &str>| {
        let mut running = start(texts).await.unwrap();
        let before = tokio::time::Instant::now();
        let stopped = running.stopped().await.map_err(|e| e.to_string());
        assert_eq!(before.elapsed(), Duration::from_secs(seconds), "{texts:?}");
        assert_eq!(stopped, expect.map_err(str::to_owned), "{texts:?}");
        // The error is told again at the end.
        assert_eq!(told(&running.shutdown(GRACE).await), expect.err().into_iter().collect::<Vec<_>>());
    };
    let waits = pulse("w", "then: waits");
    check(&[&waits, &pulse("p", "batches: 2, then: fails")], 2, Err("p.source.pulse: expected a pulse")).await;
    check(&[&waits, &pulse("p", "batches: 2, then: panics")], 2, Err("p.source.pulse: panicked: no pulse")).await;
    check(&[&pulse("p", "batches: 2, then: ends"), &pulse("q", "batches: 3, then: ends")], 3, Ok(())).await;
    check(&[RESOURCES], 0, Ok(())).await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panicked_is_not_said_to_hang() {
    let p = "name: p\nsource: { pulse: { then: panics } }\nsink: keep\n";
    let q = "name: q\nsource: { pulse: { then: hangs } }\nsink: keep\n";
    let running = start(&[p, q]).await.unwrap();
    let errors = running.shutdown(Duration::from_secs(1)).await;
    assert_eq!(told(&errors), ["p.source.pulse: panicked: no pulse", "q.source.pulse: did not drain within 1s"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_opened_closes_again_where_a_resource_does_not_open() {
    let c = "resources:\n  c: { shelf: { path: c, beside: [a], fails: opening } }\n  d: { shelf: { path: d, beside: [c] } }\n";
    let error = start(&[RESOURCES, c, "name: p\nsource: pulse\nsink: keep\n"]).await.unwrap_err();
    assert_eq!(error.to_string(), "resources.c.shelf: expected a disk");
    assert_eq!(journal(), ["open b", "open a", "close a", "close b"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_opened_closes_again_where_a_pipeline_can_not_be_built_and_no_source_starts() {
    let p = "name: p\nsource: pulse\nsink: keep\n";
    let q = "name: q\nsource: pulse\nstages: [pass: { unbuildable: true }]\nsink: keep\n";
    let error = start(&[RESOURCES, p, q]).await.unwrap_err();
    assert_eq!(error.to_string(), "q.stages[0].pass: expected something to build with");
    assert_eq!(journal(), ["open b", "open a", "sink p.sink.keep", "sink q.sink.keep", "close a", "close b"]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_fails_to_close_keeps_no_other_from_closing() {
    let text = "resources:\n  a: { shelf: { path: a } }\n  b: { shelf: { path: b, fails: closing, beside: [a] } }\n  \
                c: { shelf: { path: c, fails: panicking, beside: [b] } }\n";
    let errors = start(&[text]).await.unwrap().shutdown(GRACE).await;
    assert_eq!(
        told(&errors),
        ["resources.c.shelf: panicked while it closed", "resources.b.shelf: expected a disk at the end"]
    );
    assert_eq!(journal(), ["open a", "open b", "open c", "close c", "close b", "close a"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_may_stop_waiting_and_wait_again() {
    let door = "name: p\nsource: { door: { after: 5s } }\nsink: keep\n";
    let mut running = start(&[door]).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(1), running.listeners()).await.is_err());
    assert!(tokio::time::timeout(Duration::from_secs(1), running.stopped()).await.is_err());
    assert_eq!(running.listeners().await.len(), 1);
    assert_eq!(told(&running.shutdown(GRACE).await), [""; 0]);
}
