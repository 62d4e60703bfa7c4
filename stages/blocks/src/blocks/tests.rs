#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use weir_pipeline::testing::{check_sink_contract, context, documented, settings};
use weir_pipeline::{Context, Sink};

use super::Blocks;
use crate::seam::sim::SimFs;
use crate::store::{Declaration, Store};
use crate::testing::shelf::MemoryShelf;

async fn with_store() -> (Context, Store) {
    let context = context();
    let declared: Declaration = documented(include_str!("../store.rs"), "store");
    let store = Store::open(declared, &context, Arc::new(SimFs::default()), MemoryShelf::new(), None).await.unwrap();
    context.keep_resource("central", Arc::new(store.clone()));
    (context, store)
}

#[test]
fn the_sink_names_its_store_and_nothing_else() {
    let check = |yaml: &str, expect: &str| {
        let error = settings::<Blocks>(yaml).unwrap_err();
        assert!(error.contains(expect), "{error}");
    };
    assert_eq!(settings::<Blocks>("{ store: central }").unwrap().store.name(), "central");
    check("{}", "`store` is missing");
    check("{ store: a, stores: b }", "`stores`");
}

#[tokio::test(start_paused = true)]
async fn it_keeps_the_contract_of_sinks() {
    let (context, _) = with_store().await;
    let sink = documented::<Blocks>(include_str!("../blocks.rs"), "blocks").open(&context).unwrap();
    check_sink_contract("blocks", sink).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_not_there_is_named() {
    let (context, _) = with_store().await;
    let error = settings::<Blocks>("{ store: other }").unwrap().open(&context).unwrap_err();
    assert_eq!(error.message(), "no resource `other` is declared");
}

#[tokio::test(start_paused = true)]
async fn it_waits_while_the_store_is_busy_and_ends_when_it_is_closed() {
    let (context, store) = with_store().await;
    let mut sink = documented::<Blocks>(include_str!("../blocks.rs"), "blocks").open(&context).unwrap();
    let room = store.room();
    let all = room.clone().acquire_many_owned(room.available_permits() as u32).await.unwrap();
    let mut ready = Box::pin(std::future::poll_fn(|cx| tower::Service::poll_ready(&mut sink, cx)));
    assert!(futures_util::poll!(ready.as_mut()).is_pending());
    drop(all);
    ready.await.unwrap();
    store.close().await.unwrap();
    let error = std::future::poll_fn(|cx| tower::Service::poll_ready(&mut sink, cx)).await.unwrap_err();
    assert_eq!(error.kind().as_str(), "closed");
}
