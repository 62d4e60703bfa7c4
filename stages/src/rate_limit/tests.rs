//! Tests of `rate_limit`.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tokio::time::Instant;
use weir_pipeline::testing::{self, Recorder, Subject};
use weir_pipeline::{Read, Write};

use super::*;

fn stage(yaml: &str) -> RateLimit {
    testing::settings(yaml).unwrap()
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_rate_wait_for_the_next_period() {
    let rest = Recorder::<Write>::default();
    let next = stage("{ requests: 2, per: 1s }").wrap(&testing::context(), rest.next()).unwrap();
    let start = Instant::now();
    let send = |next: Next<Write>| async move {
        next.send(testing::request::<Write>()).await.unwrap();
        start.elapsed().as_secs()
    };
    let waited = tokio::join!(
        send(next.clone()),
        send(next.clone()),
        send(next.clone()),
        send(next.clone()),
        send(next.clone())
    );
    assert_eq!(waited, (0, 0, 1, 1, 2));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((send(next.clone()).await, send(next.clone()).await, send(next).await), (62, 62, 63));
}

#[tokio::test(start_paused = true)]
async fn a_failure_to_become_ready_fails_one_request_only() {
    let rest = Recorder::<Write>::default();
    let next = stage("{ requests: 2, per: 1s }").wrap(&testing::context(), rest.next()).unwrap();
    rest.fail_ready(weir_pipeline::Error::unavailable("full"));
    assert_eq!(next.send(testing::request::<Write>()).await.unwrap_err().message(), "full");
    rest.set_ready(true);
    assert!(next.send(testing::request::<Write>()).await.is_ok());
}

#[test]
fn outside_of_a_runtime_it_says_what_it_needs() {
    let rest = Recorder::<Write>::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let context = runtime.block_on(async { testing::context() });
    let error = stage("{ requests: 2, per: 1s }").wrap(&context, rest.next()).unwrap_err();
    assert_eq!(error.message(), "expected a tokio runtime to build a buffer in");
}

#[test]
fn refuses_wrong_settings() {
    let error = |yaml: &str| testing::settings::<RateLimit>(yaml).unwrap_err();
    assert_eq!(error("{ requests: 0, per: 1s }"), "1:1: expected 1 to 1000000 requests, got `0`");
    assert_eq!(error("{ requests: 1, per: 0s }"), "1:1: expected `per` above 0, got `0s`");
    assert_eq!(error("{ requests: 1 }"), "1:1: `per` is missing");
    assert_eq!(error("{ requests: 1, per: 1 }"), "1:21: per: expected a duration such as `30s` or `1m30s`, got `1`");
    assert_eq!(
        error("{ requests: 1, per: 1s, requets: 2 }"),
        "1:25: requets: unknown field `requets`, did you mean `requests`?"
    );
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let documented: RateLimit = testing::documented(include_str!("../rate_limit.rs"), "rate_limit");
    assert_eq!((documented.requests, documented.per), (100, Span::from_secs(1)));
}

#[test]
fn keeps_the_contract() {
    testing::assert_contract(Subject::<Write>::stage(stage("{ requests: 1, per: 1s }")).ready_by_design());
    testing::assert_contract(Subject::<Read>::stage(stage("{ requests: 100, per: 1s }")).ready_by_design());
}
