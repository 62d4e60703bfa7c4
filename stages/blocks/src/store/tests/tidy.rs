//! Merging small blocks.

use std::sync::atomic::Ordering::SeqCst;

use weir_pipeline::Tenant;

use super::{NOW, batch, content, ground};
use crate::store::Store;

async fn cut(store: &Store, n: i64) {
    let series = ["a", "b", "c"];
    // Every series is missing from some blocks, and neighbours overlap.
    let some: Vec<_> =
        series.into_iter().enumerate().filter(|(i, _)| (n + *i as i64) % 4 > 0).map(|(_, s)| s).collect();
    store.append(&batch(&some, &[(NOW + n, n as f64), (NOW + n + 1, n as f64)])).await.unwrap();
    assert_eq!(store.cut().await.unwrap().blocks, 1);
}

#[tokio::test]
async fn eight_small_blocks_become_one_with_the_same_samples() {
    let ground = ground();
    let store = ground.open().await;
    for n in 0..7 {
        cut(&store, n).await;
    }
    assert_eq!(store.tidy().await.unwrap(), 0);
    cut(&store, 7).await;
    let before = content(&store).await;
    let reader = store.select(&Tenant::default(), &[], 0, NOW + 100).await.unwrap();
    assert_eq!(store.tidy().await.unwrap(), 1);
    assert_eq!((store.stats().blocks, ground.shelf.len()), (1, 1));
    assert_eq!(content(&store).await, before);
    let runs = reader.read(0..reader.len()).await.unwrap();
    assert!(runs.len() > 3, "the reader still has the old blocks");
    let text = ground.metrics.encode();
    assert!(
        text.contains("weir_store_merges_total 1\n") && text.contains("prometheus_tsdb_blocks_loaded 1\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_merge_that_fails_changes_nothing() {
    let ground = ground();
    let store = ground.open().await;
    for n in 0..8 {
        cut(&store, n).await;
    }
    let before = content(&store).await;
    ground.shelf.fail_after.store(0, SeqCst);
    assert_eq!(store.tidy().await.unwrap_err().message(), "the bucket is out of order");
    assert_eq!((store.stats().blocks, content(&store).await), (8, before));
}

#[tokio::test]
async fn blocks_of_two_days_stay_apart() {
    let ground = ground();
    let store = ground.open().await;
    for n in 0..8 {
        let day = n % 2 * 86_400_000;
        store.append(&batch(&["a"], &[(NOW - day + n, 1.0)])).await.unwrap();
        store.cut().await.unwrap();
    }
    assert_eq!((store.tidy().await.unwrap(), store.stats().blocks), (0, 8));
}
