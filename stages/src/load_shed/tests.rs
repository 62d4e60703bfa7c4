//! Tests of `load_shed`.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use weir_pipeline::testing::{self, Recorder, Subject};
use weir_pipeline::{Read, Write};

use super::*;

fn stage(yaml: &str) -> LoadShed {
    testing::settings(yaml).unwrap()
}

#[tokio::test(start_paused = true)]
async fn refuses_while_the_rest_is_not_ready() {
    let rest = Recorder::<Write>::default();
    let next = stage("{ retry_after: 3s }").wrap(&testing::context(), rest.next()).unwrap();
    rest.set_ready(false);
    let error = next.send(testing::request::<Write>()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: Some(Duration::from_secs(3)) });
    assert_eq!(error.message(), "the pipeline is busy");
    assert!(rest.requests().is_empty());
    rest.set_ready(true);
    assert!(next.send(testing::request::<Write>()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn above_a_concurrency_limit_it_refuses_what_exceeds_the_limit() {
    let rest = Recorder::<Write>::default();
    let limit: crate::concurrency_limit::ConcurrencyLimit = testing::settings("1").unwrap();
    let next = limit.wrap(&testing::context(), rest.next()).unwrap();
    let next = stage("{}").wrap(&testing::context(), next).unwrap();
    rest.set_open(false);
    let first = tokio::spawn({
        let next = next.clone();
        async move { next.send(testing::request::<Write>()).await }
    });
    tokio::task::yield_now().await;
    let error = next.send(testing::request::<Write>()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: Some(Duration::from_secs(1)) });
    rest.set_open(true);
    assert!(first.await.unwrap().is_ok());
    assert!(next.send(testing::request::<Write>()).await.is_ok());
}

#[test]
fn refuses_wrong_settings() {
    let error = |yaml: &str| testing::settings::<LoadShed>(yaml).unwrap_err();
    assert_eq!(error("{ retry_after: 1 }"), "1:16: retry_after: expected a duration such as `30s` or `1m30s`, got `1`");
    assert_eq!(error("{ after: 1s }"), "1:3: after: unknown field `after`, expected one of `retry_after`");
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let documented: LoadShed = testing::documented(include_str!("../load_shed.rs"), "load_shed");
    assert_eq!(documented.retry_after, Span::from_secs(1));
}

#[test]
fn keeps_the_contract() {
    testing::assert_contract(Subject::<Write>::stage(stage("{}")).ready_by_design());
    testing::assert_contract(Subject::<Read>::stage(stage("{}")).ready_by_design());
}
