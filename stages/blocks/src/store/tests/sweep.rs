//! What a store leaves behind in a bucket, and takes out of it again.

use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, SystemTime};

use super::upload::{Place, Shared, write};
use super::*;
use crate::bucket::objects::Objects;

/// The directories of blocks in a bucket that have files.
fn blocks(raw: &Path) -> usize {
    let all = std::fs::read_dir(raw).unwrap().map(|entry| entry.unwrap());
    let blocks = all.filter(|entry| entry.file_name().to_str().unwrap().starts_with("block="));
    blocks.filter(|block| std::fs::read_dir(block.path()).unwrap().count() > 0).count()
}

/// Makes all files of blocks that are there look days older.
#[expect(clippy::disallowed_methods, reason = "files have the system's time")]
fn age(raw: &Path) {
    for block in std::fs::read_dir(raw).unwrap().map(|entry| entry.unwrap().path()) {
        for file in std::fs::read_dir(block).unwrap().map(|entry| entry.unwrap().path()) {
            let old = SystemTime::now() - Duration::from_secs(3 * 86_400);
            std::fs::File::options().append(true).open(file).unwrap().set_modified(old).unwrap();
        }
    }
}

#[tokio::test]
async fn files_of_a_store_that_died_before_the_commit_go_and_all_others_stay() {
    let shared = Shared::new().await;
    let raw = shared.server.file("default-tenant/raw");
    let (a, b) = (shared.place("a").await, shared.place("b").await);
    let (store, other) = (a.open().await, b.open().await);
    write(&store, "x", 0, 30).await;
    store.cut().await.unwrap();
    store.upload(true).await.unwrap();
    write(&store, "y", 0, 30).await;
    store.cut().await.unwrap();
    // All that has a condition is refused: the files are there, their commit is not.
    shared.server.faults().conflict.store(u32::MAX, SeqCst);
    store.upload(true).await.unwrap_err();
    drop(store);
    a.ground.fs.crash(3);
    write(&other, "z", 0, 30).await;
    other.cut().await.unwrap();
    assert_eq!(blocks(&raw), 2);
    age(&raw);
    other.upload(true).await.unwrap_err();
    assert_eq!(blocks(&raw), 3, "one that is committed, one that never will be, one on its way");
    shared.server.faults().conflict.store(0, SeqCst);
    let depot = other.0.depot.clone().unwrap();
    let swept = depot.sweep_all().await;
    assert_eq!((swept.blocks, swept.failures, blocks(&raw)), (1, 0, 2));
    other.upload(true).await.unwrap();
    let store = a.open().await;
    store.upload(true).await.unwrap();
    age(&raw);
    assert_eq!(depot.sweep_all().await.blocks, 0);
    assert_eq!(content(&store).await.keys().cloned().collect::<Vec<_>>(), [up("x"), up("y"), up("z")]);
    assert_eq!(content(&store).await, content(&other).await);
}

#[tokio::test]
async fn an_upload_that_takes_too_long_is_made_anew() {
    let shared = Shared::new().await;
    let place = shared.place("a").await;
    let store = place.open().await;
    write(&store, "x", 0, 30).await;
    store.cut().await.unwrap();
    shared.server.faults().conflict.store(u32::MAX, SeqCst);
    store.upload(true).await.unwrap_err();
    shared.server.faults().conflict.store(0, SeqCst);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(13 * 3600)).await;
    tokio::time::resume();
    let uploaded = store.upload(true).await.unwrap();
    assert_eq!((uploaded.blocks, uploaded.samples, store.stats().blocks), (1, 30, 0));
    assert_eq!(shared.entries().await.len(), 1);
    assert_eq!(blocks(&shared.server.file("default-tenant/raw")), 2);
    assert_eq!(content(&store).await[&up("x")].len(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_store_sweeps_now_and_then_until_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Arc::new(Objects::local(&dir.path().join("bucket")).unwrap());
    let place = Place { ground: ground(), blocks: dir.path().join("a"), bucket };
    let store = place.open().await;
    let sweeping = tokio::spawn(super::super::sweep::run(&store));
    for n in 0..2 {
        write(&store, "x", n * 10, 10).await;
        store.cut().await.unwrap();
        store.upload(true).await.unwrap();
    }
    let raw = dir.path().join("bucket/default-tenant/raw");
    let left = raw.join("block=01ARZ3NDEKTSV4RRFFQ69G5FAV");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("series.parquet"), "").unwrap();
    age(&raw);
    let mut hours = 0;
    while blocks(&raw) > 2 {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        hours += 1;
        assert!(hours < 5);
    }
    let text = place.ground.metrics.encode();
    assert!(text.lines().any(|line| line == "weir_bucket_swept_blocks_total 1"), "{text}");
    store.close().await.unwrap();
    sweeping.await.unwrap();
}
