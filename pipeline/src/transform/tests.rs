//! Tests of `transform`.

use serde::Deserialize;
use tower::ServiceExt;

use super::*;
use crate::ack::Outcome;
use crate::error::Kind;
use crate::testing::{self, Recorder, Subject, batch, context, text};

/// Drops series that have `drop`, refuses batches that have `bad`.
#[derive(Clone, Deserialize)]
struct Sieve {}

impl Transform for Sieve {
    const NAME: &'static str = "sieve";

    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)> {
        if batch.iter().any(|s| s.labels.get("bad").is_some()) {
            return Err(Error::invalid("expected no `bad`"));
        }
        let kept = batch.filter(|s| s.labels.get("drop").is_none());
        let dropped = batch.sample_count() - kept.sample_count();
        Ok((kept, Ack::default().with(Outcome::Dropped, "sieve", dropped as u64)))
    }
}

fn over(rest: &Recorder<Write>) -> Next<Write> {
    let built = Transformed::new(Sieve {}).wrap(&context(), rest.next());
    built.unwrap_or_else(|error| panic!("a transform is always built: {error}"))
}

#[tokio::test(start_paused = true)]
async fn what_comes_out_goes_on_and_the_acks_become_one() {
    let rest = Recorder::default();
    let ack = over(&rest).send(batch("up 1\nup{drop=\"x\"} 1\nup{drop=\"x\"} 2")).await;
    assert_eq!(ack.ok(), Some(Ack::default().with(Outcome::Dropped, "sieve", 2).with(Outcome::Written, "", 1)));
    assert_eq!(rest.requests().iter().map(text).collect::<Vec<_>>(), ["up 1\n"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_comes_out_empty_is_not_sent_on() {
    let rest = Recorder::default();
    let ack = over(&rest).send(batch("up{drop=\"x\"} 1")).await;
    assert_eq!(ack.ok(), Some(Ack::default().with(Outcome::Dropped, "sieve", 1)));
    assert!(rest.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_goes_nowhere() {
    let rest = Recorder::default();
    let error = over(&rest).send(batch("up{bad=\"x\"} 1")).await.err().map(|e| e.kind());
    assert_eq!(error, Some(Kind::Invalid));
    assert!(rest.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_when_the_rest_is() {
    let rest = Recorder::default();
    rest.set_ready(false);
    let mut next = over(&rest);
    assert!(futures_util::poll!(std::pin::pin!(next.ready())).is_pending());
    rest.set_ready(true);
    assert!(next.ready().await.is_ok());
    rest.fail_ready(Error::closed());
    assert_eq!(over(&rest).ready().await.err().map(|e| e.kind()), Some(Kind::Closed));
}

#[test]
fn it_keeps_the_contract_of_stages() {
    testing::assert_contract(Subject::transform(Sieve {}));
}
