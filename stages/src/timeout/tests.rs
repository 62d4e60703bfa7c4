//! Tests of `timeout`.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tokio::time::Instant;
use weir_pipeline::testing::{self, Recorder, Subject};
use weir_pipeline::{Read, Write};

use super::*;

fn stage(yaml: &str) -> Timeout {
    testing::settings(yaml).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_a_timeout_and_the_work_is_dropped() {
    let rest = Recorder::<Write>::default();
    let next = stage("30s").wrap(&testing::context(), rest.next()).unwrap();
    rest.set_open(false);
    let start = Instant::now();
    let error = next.send(testing::request::<Write>()).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(30));
    assert_eq!((error.kind(), error.message()), (Kind::TimedOut, "expected an answer within 30s"));
    assert_eq!(rest.in_flight(), 0);
    rest.set_open(true);
    assert!(next.send(testing::request::<Write>()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_passes() {
    let rest = Recorder::<Read>::default();
    let next = stage("30s").wrap(&testing::context(), rest.next()).unwrap();
    rest.set_open(false);
    let (answer, ()) = tokio::join!(next.send(testing::request::<Read>()), async {
        tokio::time::sleep(Duration::from_millis(29_999)).await;
        rest.set_open(true);
    });
    assert!(answer.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_time_runs_from_the_request_not_from_the_wait_for_readiness() {
    let rest = Recorder::<Write>::default();
    let next = stage("1s").wrap(&testing::context(), rest.next()).unwrap();
    rest.set_ready(false);
    let (answer, ()) = tokio::join!(next.send(testing::request::<Write>()), async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        rest.set_ready(true);
    });
    assert!(answer.is_ok());
}

#[test]
fn refuses_wrong_settings() {
    let error = |yaml: &str| testing::settings::<Timeout>(yaml).unwrap_err();
    assert_eq!(error("0s"), "1:1: expected a duration above 0, got `0s`");
    assert_eq!(error("30"), "1:1: expected a duration such as `30s` or `1m30s`, got `30`");
    assert_eq!(error("{ after: 30s }"), "1:1: expected a text, got a map");
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let documented: Timeout = testing::documented(include_str!("../timeout.rs"), "timeout");
    assert_eq!(documented.0, Span::from_secs(30));
}

#[test]
fn keeps_the_contract() {
    testing::assert_contract(Subject::<Write>::stage(stage("2h")));
    testing::assert_contract(Subject::<Read>::stage(stage("30s")));
}
