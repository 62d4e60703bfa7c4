//! Tests of `concurrency_limit`.

#![allow(clippy::unwrap_used)]

use weir_pipeline::testing::{self, Recorder, Subject};
use weir_pipeline::{Read, Write};

use super::*;

fn stage(yaml: &str) -> ConcurrencyLimit {
    testing::settings(yaml).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_limit_holds_over_all_clones() {
    let rest = Recorder::<Write>::default();
    let next = stage("2").wrap(&testing::context(), rest.next()).unwrap();
    rest.set_open(false);
    let send = |next: Next<Write>| tokio::spawn(async move { next.send(testing::request::<Write>()).await });
    let all = [send(next.clone()), send(next.clone()), send(next.clone())];
    tokio::task::yield_now().await;
    assert_eq!(rest.in_flight(), 2);
    rest.set_open(true);
    for one in all {
        assert!(one.await.unwrap().is_ok());
    }
    assert_eq!(rest.requests().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_gives_up_its_place() {
    let rest = Recorder::<Write>::default();
    let next = stage("1").wrap(&testing::context(), rest.next()).unwrap();
    rest.set_open(false);
    let gone = tokio::spawn({
        let next = next.clone();
        async move { next.send(testing::request::<Write>()).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(rest.in_flight(), 1);
    gone.abort();
    assert!(gone.await.is_err());
    rest.set_open(true);
    assert!(next.send(testing::request::<Write>()).await.is_ok());
}

#[test]
fn refuses_wrong_settings() {
    let error = |yaml: &str| testing::settings::<ConcurrencyLimit>(yaml).unwrap_err();
    assert_eq!(error("0"), "1:1: expected 1 to 1000000 requests, got `0`");
    assert_eq!(error("1000001"), "1:1: expected 1 to 1000000 requests, got `1000001`");
    assert_eq!(error("-1"), "1:1: expected a whole number of at least 0, got `-1`");
    assert_eq!(error("many"), "1:1: expected a whole number of at least 0, got `many`");
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let documented: ConcurrencyLimit =
        testing::documented(include_str!("../concurrency_limit.rs"), "concurrency_limit");
    assert_eq!(documented.0, 64);
}

#[test]
fn keeps_the_contract() {
    testing::assert_contract(Subject::<Write>::stage(stage("1")));
    testing::assert_contract(Subject::<Read>::stage(stage("64")));
}
