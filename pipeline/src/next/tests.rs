//! Tests of `next`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use crate::testing::{self, Subject, batch};
use crate::{Ack, Batch, Write};

#[test]
fn a_function_in_front_of_the_rest_keeps_the_contract() {
    let subject = Subject::<Write>::service("behind", |_, next| {
        Ok(next.behind(|batch, next| async move {
            tokio::task::yield_now().await;
            next.pass(batch).await
        }))
    });
    testing::assert_contract(subject);
}

#[tokio::test(start_paused = true)]
async fn a_function_answers_as_a_service() {
    let next = Next::<Write>::from_fn(|batch: Batch| async move { Ok(Ack::written(batch.sample_count() as u64)) });
    assert_eq!(next.send(batch("a 1\nb 1")).await.unwrap(), Ack::written(2));
}
