//! Tests of `context`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use super::*;
use crate::testing::context;

#[tokio::test(start_paused = true)]
async fn a_resource_is_found_by_name_and_type() {
    let context = context();
    context.keep_resource("central", Arc::new(5u32));
    assert_eq!(*context.at("p", "p.sink.keep").resource::<u32>("central").unwrap(), 5);
    let error = context.resource::<u32>("centrl").unwrap_err();
    assert_eq!(error.to_string(), "no resource `centrl` is declared");
    assert!(context.resource::<String>("central").is_err());
}

#[tokio::test(start_paused = true)]
async fn what_a_fan_out_says_of_a_branch_is_seen_below_it_and_only_there() {
    let context = context();
    let branch = context.with(Arc::new("a")).with(Arc::new(1u32));
    let below = branch.at("p", "p.stages[0].deal[a].sink.keep").with(Arc::new("b"));
    assert_eq!((below.value::<&str>().as_deref(), below.value::<u32>().as_deref()), (Some(&"b"), Some(&1)));
    assert_eq!(branch.value::<&str>().as_deref(), Some(&"a"));
    assert!(context.value::<u32>().is_none() && below.value::<u64>().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_to_close_closes_once_last_first_and_with_its_place() {
    let context = context();
    let order = Arc::new(Mutex::new(Vec::new()));
    for name in ["a", "b", "c"] {
        let order = order.clone();
        context.at("", name).on_close(async move {
            lock(&order).push(name);
            if name == "b" { Err(Error::unavailable("full")) } else { Ok(()) }
        });
    }
    let errors = context.close().await;
    assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), ["b: full"]);
    assert!(context.close().await.is_empty());
    assert_eq!(*lock(&order), ["c", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_registered_while_closing_closes_too() {
    let context = context();
    let closed = Arc::new(Mutex::new(false));
    let (inner, flag) = (context.clone(), closed.clone());
    context.on_close(async move {
        inner.on_close(async move {
            *lock(&flag) = true;
            Ok(())
        });
        Ok(())
    });
    assert!(context.close().await.is_empty());
    assert!(*lock(&closed));
}

#[tokio::test(start_paused = true)]
async fn listeners_are_waited_for_by_place() {
    let context = context();
    let places: [Place; 2] = ["a".into(), "b".into()];
    let waits = async |seconds| {
        tokio::time::timeout(Duration::from_secs(seconds), context.wait_for_listeners(&places)).await.is_err()
    };
    assert!(waits(1).await);
    context.at("", "a").listening(([127, 0, 0, 1], 1).into());
    context.at("", "a").listening(([127, 0, 0, 1], 2).into());
    context.at("", "c").listening(([127, 0, 0, 1], 3).into());
    assert!(waits(1).await);
    context.at("", "b").listening_with_tls(([127, 0, 0, 1], 4).into());
    assert_eq!(places.each_ref().map(|place| context.speaks_tls(place)), [false, true]);
    assert!(!waits(1).await);
    assert_eq!(context.listeners().len(), 4);
    context.wait_for_listeners(&[]).await;
}
