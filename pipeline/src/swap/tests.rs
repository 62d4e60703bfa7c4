//! Tests of `swap`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::future::poll_fn;
use std::time::Duration;

use super::*;
use crate::testing::{Recorder, batch};
use crate::{Batch, Write};

type Trees = (Swap<Write>, [(Recorder<Write>, Arc<Tree<Write>>); 2]);

/// A swap that has the first of two trees.
fn two() -> Trees {
    let tree = || {
        let rest = Recorder::<Write>::default();
        let tree = Arc::new(Tree::new(rest.next()));
        (rest, tree)
    };
    let (swap, trees) = (Swap::new(), [tree(), tree()]);
    swap.put(Some(trees[0].1.clone()));
    (swap, trees)
}

fn one() -> Batch {
    batch("up 1")
}

/// Whether the future is not done after everybody had a turn.
async fn waits<T>(future: impl Future<Output = T>) -> bool {
    tokio::time::timeout(Duration::from_secs(1), future).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_to_the_tree_of_the_moment_and_ends_there() {
    let (swap, [(old, old_tree), (new, new_tree)]) = two();
    let next = swap.next();
    old.set_open(false);
    let first = tokio::spawn(async move {
        let sent = next.send(one()).await;
        next.send(one()).await.unwrap();
        sent
    });
    tokio::task::yield_now().await;
    swap.put(Some(new_tree.clone()));
    assert!(waits(old_tree.drained()).await);
    assert_eq!((old.requests().len(), new.requests().len()), (1, 0));
    old.set_open(true);
    first.await.unwrap().unwrap();
    assert!(!waits(old_tree.drained()).await);
    assert_eq!((old.requests().len(), new.requests().len()), (1, 1));
    assert_eq!(old.unready_calls() + new.unready_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_was_ready_for_a_tree_that_is_gone_sends_to_the_one_that_came() {
    let (swap, [(old, old_tree), (new, new_tree)]) = two();
    let mut next = swap.next();
    poll_fn(|cx| next.poll_ready(cx)).await.unwrap();
    swap.put(Some(new_tree));
    // The one that holds its readiness holds nothing up.
    assert!(!waits(old_tree.drained()).await);
    next.call(one()).await.unwrap();
    assert_eq!((old.requests().len(), new.requests().len()), (0, 1));
    assert_eq!(new.unready_calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_tree_that_is_not_ready_gets_the_one_that_is() {
    let (swap, [(old, _), (new, new_tree)]) = two();
    old.set_ready(false);
    let next = swap.next();
    let sending = tokio::spawn(async move { next.send(one()).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!sending.is_finished());
    swap.put(Some(new_tree));
    sending.await.unwrap().unwrap();
    assert_eq!((old.requests().len(), new.requests().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn without_a_tree_who_sends_waits_and_nothing_is_lost() {
    let (swap, [(old, old_tree), (new, new_tree)]) = two();
    swap.put(None);
    let next = swap.next();
    let sending = tokio::spawn(async move { next.send(one()).await });
    assert!(!waits(old_tree.drained()).await);
    assert!(!sending.is_finished());
    swap.put(Some(new_tree));
    sending.await.unwrap().unwrap();
    assert_eq!((old.requests().len(), new.requests().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_comes_to_a_tree_that_is_no_more_is_refused_for_now() {
    let (swap, [(old, old_tree), (new, new_tree)]) = two();
    let next = swap.next();
    // It has given way to another one.
    swap.close(&new_tree, "p");
    next.send(one()).await.unwrap();
    swap.close(&old_tree, "p");
    let error = next.send(one()).await.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.kind().is_retryable()), ("the pipeline `p` is no more", true));
    swap.put(Some(new_tree));
    next.send(one()).await.unwrap();
    assert_eq!((old.requests().len(), new.requests().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_away_is_not_waited_for() {
    let (swap, [(old, old_tree), (_, new_tree)]) = two();
    old.set_open(false);
    let next = swap.next();
    assert!(waits(next.send(one())).await);
    swap.put(Some(new_tree));
    assert!(!waits(old_tree.drained()).await);
    assert_eq!(old.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_swap_keeps_the_contract_of_stages() {
    let subject = crate::testing::Subject::<Write>::service("swap", |_, rest| {
        let swap = Swap::new();
        swap.put(Some(Arc::new(Tree::new(rest))));
        Ok(swap.next())
    });
    crate::testing::check_contract(&subject).await.unwrap();
}
