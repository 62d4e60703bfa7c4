//! Tests of `retry`.

#![allow(clippy::unwrap_used)]

use tokio::time::Instant;
use weir_pipeline::testing::{self, Recorder, Subject};
use weir_pipeline::{Ack, Batch, Outcome, Read, Write};

use super::*;
use crate::outage::tests::Logged;

fn stage(yaml: &str) -> Retry {
    testing::settings(yaml).unwrap()
}

/// A rest that fails with `kind` so often, then answers.
fn failing(kind: Kind, times: u64) -> Recorder<Write> {
    let left = AtomicU64::new(times);
    Recorder::new(move |batch: &Batch| {
        let fails = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        if fails { Err(Error::new(kind, "no")) } else { Ok(Ack::written(batch.sample_count() as u64)) }
    })
}

const UNAVAILABLE: Kind = Kind::Unavailable { retry_after: None };

/// How often the rest was asked, how long it took in milliseconds, and the kind of the error.
async fn run(yaml: &str, rest: &Recorder<Write>) -> (usize, u128, Option<Kind>) {
    let next = stage(yaml).wrap(&testing::context(), rest.next()).unwrap();
    let start = Instant::now();
    let kind = next.send(testing::request::<Write>()).await.err().map(|error| error.kind());
    (rest.requests().len(), start.elapsed().as_millis(), kind)
}

#[tokio::test(start_paused = true)]
async fn repeats_what_may_succeed_later() {
    for kind in [UNAVAILABLE, Kind::TimedOut, Kind::Overloaded { retry_after: None }] {
        let (asked, took, error) = run("{ attempts: 3 }", &failing(kind, 2)).await;
        assert_eq!((asked, error), (3, None), "{kind:?}");
        assert!((300..=602).contains(&took), "100 ms, then 200 ms, each up to twice: {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_repeated_is_logged() {
    let log = Logged::start();
    let next = stage("{ attempts: 3 }").wrap(&testing::context(), failing(UNAVAILABLE, 2).next()).unwrap();
    next.send(testing::request::<Write>()).await.unwrap();
    let told = "a request failed, and is repeated place=test.stages[0] failures=1 error=\"no\"";
    assert_eq!(log.take("WARN"), [told]);
    assert_eq!(log.take("INFO"), ["requests work again place=test.stages[0] seconds=0"]);
}

#[tokio::test(start_paused = true)]
async fn gives_up_after_the_last_attempt_with_the_last_error() {
    assert_eq!(run("{ attempts: 3 }", &failing(UNAVAILABLE, 3)).await.2, Some(UNAVAILABLE));
    let once = failing(UNAVAILABLE, 9);
    assert_eq!(run("{ attempts: 1 }", &once).await, (1, 0, Some(UNAVAILABLE)));
}

#[tokio::test(start_paused = true)]
async fn does_not_repeat_what_fails_for_good() {
    for kind in [Kind::Invalid, Kind::Unprocessable, Kind::Closed, Kind::Internal] {
        assert_eq!(run("{ attempts: 3 }", &failing(kind, 1)).await, (1, 0, Some(kind)));
    }
}

#[tokio::test(start_paused = true)]
async fn does_not_repeat_an_answer_that_rejects_samples() {
    let rest = Recorder::<Write>::new(|_| Ok(Ack::default().with(Outcome::Rejected, "too_old", 1)));
    assert_eq!(run("{ attempts: 3 }", &rest).await, (1, 0, None));
}

#[tokio::test(start_paused = true)]
async fn the_wait_doubles_up_to_its_maximum() {
    let yaml = "{ attempts: 6, backoff: { initial: 1s, max: 4s } }";
    let (asked, took, _) = run(yaml, &failing(UNAVAILABLE, 5)).await;
    assert_eq!(asked, 6);
    // 1 + 2 + 4 + 4 + 4 s; the first two may be up to twice as long.
    assert!((15_000..=18_010).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn heeds_when_to_come_back_up_to_the_maximum() {
    let yaml = "{ attempts: 2, backoff: { initial: 1ms, max: 5s } }";
    let after = |secs| Kind::Unavailable { retry_after: Some(Duration::from_secs(secs)) };
    let took = run(yaml, &failing(after(3), 1)).await.1;
    assert!((3000..=3002).contains(&took), "{took}");
    let took = run(yaml, &failing(after(60), 1)).await.1;
    assert!((5000..=5002).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn the_budget_bounds_what_all_requests_repeat() {
    let rest = failing(UNAVAILABLE, u64::MAX);
    let yaml =
        "{ attempts: 100, backoff: { initial: 1ms, max: 1ms }, budget: { window: 1s, min_per_second: 5, percent: 0 } }";
    let next = stage(yaml).wrap(&testing::context(), rest.next()).unwrap();
    for _ in 0..10 {
        assert!(next.send(testing::request::<Write>()).await.is_err());
    }
    assert_eq!(rest.requests().len(), 10 + 5);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(next.clone().send(testing::request::<Write>()).await.is_err());
    assert_eq!(rest.requests().len(), 15 + 6, "the budget fills again");
}

#[test]
fn clones_do_not_throw_the_same_numbers() {
    let mut one = Dice::default();
    let mut two = one.clone();
    assert_ne!(one.next_u64(), two.next_u64());
    assert!((0..1000).all(|_| (0.0..1.0).contains(&one.next_f64())));
}

#[test]
fn refuses_wrong_settings() {
    let error = |yaml: &str| testing::settings::<Retry>(yaml).unwrap_err();
    assert_eq!(error("{}"), "1:1: `attempts` is missing");
    assert_eq!(error("{ attempts: 0 }"), "1:1: expected `attempts` of 1 to 100, got `0`");
    assert_eq!(error("{ attempts: 101 }"), "1:1: expected `attempts` of 1 to 100, got `101`");
    assert_eq!(error("{ attempts: 2, backoff: { max: 0s } }"), "1:1: expected `backoff.max` above 0, got `0s`");
    assert_eq!(
        error("{ attempts: 2, backoff: { initial: 1m } }"),
        "1:1: expected `backoff.initial` of at most `10s`, which is `backoff.max`, got `1m`"
    );
    for window in ["0s", "999ms", "1m1s"] {
        assert_eq!(
            error(&format!("{{ attempts: 2, budget: {{ window: {window} }} }}")),
            format!("1:1: expected `budget.window` of 1s to 1m, got `{window}`")
        );
    }
    assert_eq!(
        error("{ attempts: 2, budget: { min_per_second: 1000001 } }"),
        "1:1: expected `budget.min_per_second` of at most 1000000, got `1000001`"
    );
    assert_eq!(
        error("{ attempts: 2, budget: { percent: 1001 } }"),
        "1:1: expected `budget.percent` of at most 1000, got `1001`"
    );
    assert_eq!(
        error("{ attempts: 2, budget: { percent: -1 } }"),
        "1:35: budget.percent: expected a whole number from 0 to 65535, got `-1`"
    );
    assert_eq!(error("{ attempts: 2, backof: {} }"), "1:16: backof: unknown field `backof`, did you mean `backoff`?");
}

#[test]
fn the_examples_in_the_docs_are_valid() {
    let documented: Retry = testing::documented(include_str!("../retry.rs"), "retry");
    assert_eq!(documented.0.attempts, 3);
    let all = include_str!("../retry.rs").split_once("All settings: `retry:").unwrap().1.split_once('`').unwrap().0;
    let all = all.replace("\n//!", "");
    assert_eq!(format!("{:?}", stage(&all)), format!("{documented:?}"), "all are at their defaults");
}

#[test]
fn keeps_the_contract() {
    testing::assert_contract(Subject::<Write>::stage(stage("{ attempts: 3 }")));
    testing::assert_contract(Subject::<Read>::stage(stage("{ attempts: 1 }")));
}
