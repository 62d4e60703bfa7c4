//! Tests of `buffer`.

#![allow(clippy::unwrap_used)]

use weir_pipeline::testing::{self, Recorder, Subject};
use weir_pipeline::{Outcome, Read, Write};

use super::*;

fn stage(yaml: &str) -> Buffer {
    testing::settings(yaml).unwrap()
}

fn send(next: &Next<Write>) -> tokio::task::JoinHandle<Result<weir_pipeline::Ack>> {
    let next = next.clone();
    tokio::spawn(async move { next.send(testing::request::<Write>()).await })
}

/// Lets every task run until it waits.
async fn settle() {
    for _ in 0..32 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn callers_wait_for_the_answer_of_the_rest() {
    let rest = Recorder::<Write>::default();
    let next = stage("{ requests: 2 }").wrap(&testing::context(), rest.next()).unwrap();
    rest.set_ready(false);
    let waiting = [send(&next), send(&next), send(&next)];
    settle().await;
    assert!(waiting.iter().all(|one| !one.is_finished()));
    rest.set_ready(true);
    for one in waiting {
        assert_eq!(one.await.unwrap().unwrap().count(Outcome::Written), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_is_not_ready() {
    let rest = Recorder::<Write>::default();
    let next = stage("{ requests: 2 }").wrap(&testing::context(), rest.next()).unwrap();
    let shed: crate::load_shed::LoadShed = testing::settings("{}").unwrap();
    let next = shed.wrap(&testing::context(), next).unwrap();
    rest.set_ready(false);
    // Two wait, and one is in the worker's hand.
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(send(&next));
        settle().await;
    }
    assert!(waiting.iter().all(|one| !one.is_finished()));
    assert_eq!(send(&next).await.unwrap().unwrap_err().message(), "the pipeline is busy");
    rest.set_ready(true);
    for one in waiting {
        assert!(one.await.unwrap().is_ok());
    }
    assert!(send(&next).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_any_more_is_not_sent() {
    let rest = Recorder::<Write>::default();
    let next = stage("{ requests: 2 }").wrap(&testing::context(), rest.next()).unwrap();
    rest.set_ready(false);
    let gone = send(&next);
    settle().await;
    gone.abort();
    settle().await;
    rest.set_ready(true);
    assert!(send(&next).await.unwrap().is_ok());
    assert_eq!(rest.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_to_become_ready_fails_one_request_only() {
    let rest = Recorder::<Write>::default();
    let next = stage("{ requests: 2 }").wrap(&testing::context(), rest.next()).unwrap();
    rest.fail_ready(weir_pipeline::Error::unavailable("full"));
    assert_eq!(next.send(testing::request::<Write>()).await.unwrap_err().message(), "full");
    rest.set_ready(true);
    assert!(next.send(testing::request::<Write>()).await.is_ok());
}

#[test]
fn refuses_wrong_settings() {
    let error = |yaml: &str| testing::settings::<Buffer>(yaml).unwrap_err();
    assert_eq!(error("{ requests: 0 }"), "1:1: expected 1 to 1000000 requests, got `0`");
    assert_eq!(error("{ requests: 9999999 }"), "1:1: expected 1 to 1000000 requests, got `9999999`");
    assert_eq!(error("{ requests: 1, bytes: 1MiB }"), "1:16: bytes: unknown field `bytes`, expected one of `requests`");
    assert_eq!(error("{}"), "1:1: `requests` is missing");
    assert_eq!(error("128"), "1:1: expected a map, got `128`");
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let documented: Buffer = testing::documented(include_str!("../buffer.rs"), "buffer");
    assert_eq!(documented.requests, 128);
}

#[test]
fn keeps_the_contract() {
    testing::assert_contract(Subject::<Write>::stage(stage("{ requests: 1 }")).ready_by_design());
    testing::assert_contract(Subject::<Read>::stage(stage("{ requests: 128 }")).ready_by_design());
}
