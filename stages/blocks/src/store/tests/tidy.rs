//! Merging small blocks.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use weir_pipeline::Tenant;

use super::one_copy::{Local, in_bucket};
use super::upload::write;
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

#[tokio::test(start_paused = true)]
async fn what_merges_make_is_as_old_as_what_they_are_made_of_also_after_a_start() {
    let local = Local::new();
    let place = local.place("a");
    let mut store = local.open(&place).await;
    let mut merges = 0;
    // Twice, and the second time with what the first has made.
    for n in 0..15 {
        tokio::time::advance(Duration::from_secs(300)).await;
        write(&store, "x", n * 10, 10).await;
        store.cut().await.unwrap();
        merges += store.tidy().await.unwrap();
        if n == 10 {
            drop(store);
            place.ground.fs.crash(1);
            store = local.open(&place).await;
        }
    }
    assert_eq!((merges, store.stats().blocks), (2, 1));
    // The first one is 70 minutes old now.
    tokio::time::advance(Duration::from_secs(50 * 60)).await;
    assert_eq!(store.upload(false).await.unwrap().samples, 150);
}

#[tokio::test(start_paused = true)]
async fn samples_of_a_small_tenant_are_in_the_bucket_in_time_though_cuts_and_merges_go_on() {
    const MINUTES: i64 = 10 * 60;
    // As the settings are by default: until the cut, and until the upload, for which it is looked every minute.
    const LATE: i64 = 5 + 120 + 1;
    let local = Local::new();
    let place = local.place("a");
    let mut store = local.open(&place).await;
    let mut merges = 0;
    for minute in 1..=MINUTES {
        tokio::time::advance(Duration::from_secs(60)).await;
        store.append(&batch(&["x"], &[(NOW + minute * 60_000, minute as f64)])).await.unwrap();
        if minute % 5 == 0 {
            store.cut().await.unwrap();
            merges += store.tidy().await.unwrap();
        }
        if minute % 200 == 0 {
            drop(store);
            place.ground.fs.crash(minute.unsigned_abs());
            store = local.open(&place).await;
        }
        store.upload(false).await.unwrap();
        let (_, samples, _) = in_bucket(&store).await;
        assert!(samples as i64 >= minute - LATE, "{samples} after {minute} minutes");
    }
    let (blocks, samples, _) = in_bucket(&store).await;
    assert!(merges > 0 && samples as i64 <= MINUTES, "{merges} merges, {samples} samples");
    // What is uploaded is an hour's at least; only that of before midnight is cut off.
    assert!(blocks as i64 <= MINUTES / 60 + 1, "{blocks}");
}
