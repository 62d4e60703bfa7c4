//! Exemplars and metadata outlive restarts, cuts and crashes.

use weir_pipeline::batch::{Metadata, MetricKind};

use super::*;
use crate::extras::Known;

fn said(n: i64) -> Batch {
    let mut out = Batch::builder(Tenant::default());
    for (metric, kind) in [("a", MetricKind::Counter), ("b", MetricKind::StateSet)] {
        out.metadata(Metadata { metric: metric.into(), kind, help: format!("Help {n}."), unit: "bytes".into() });
    }
    out.build()
}

pub(super) async fn metadata(store: &Store) -> Vec<Metadata> {
    let Known { found, missing } = store.metadata(&Tenant::default(), None).await;
    assert_eq!(missing, [] as [String; 0]);
    found
}

/// The same batch, which says something of metrics besides.
pub(super) fn saying(batch: &Batch, said: &[Metadata]) -> Batch {
    let mut out = Batch::builder(batch.tenant().clone());
    batch.iter().for_each(|series| _ = out.push_series(series.labels, series));
    said.iter().for_each(|said| _ = out.metadata(said.clone()));
    out.build()
}

pub(super) async fn exemplars(store: &Store) -> Vec<(i64, f64)> {
    let Known { found, missing } = store.exemplars(&Tenant::default(), &[], i64::MIN, i64::MAX).await.unwrap();
    assert_eq!(missing, [] as [String; 0]);
    found.iter().flat_map(|of| of.exemplars.iter().map(|e| (e.timestamp, e.value))).collect()
}

#[tokio::test]
async fn exemplars_are_there_after_a_crash_and_after_their_segments_are_gone() {
    let ground = ground();
    let store = ground.open().await;
    store.append(&batch(&["h"], &[(NOW, 1.5), (NOW + 1, 2.5)])).await.unwrap();
    let all = [(NOW, 1.5), (NOW + 1, 2.5)];
    assert_eq!(exemplars(&store).await, all);
    drop(store);
    ground.fs.crash(3);
    let store = ground.open().await;
    assert_eq!(exemplars(&store).await, all, "from the log");
    assert_eq!(store.cut().await.unwrap().segments, 1);
    drop(store);
    ground.fs.crash(4);
    let store = ground.open().await;
    assert_eq!((exemplars(&store).await, store.stats().segments), (all.to_vec(), 0), "from what was written down");
    store.append(&batch(&["h"], &[(NOW + 2, 3.5)])).await.unwrap();
    store.cut().await.unwrap();
    drop(store);
    ground.fs.crash(5);
    assert_eq!(exemplars(&ground.open().await).await.len(), 3);
}

#[tokio::test]
async fn metadata_is_there_after_a_restart() {
    let ground = ground();
    let store = ground.open().await;
    store.append(&said(1)).await.unwrap();
    let expect = metadata(&store).await;
    assert_eq!(expect, said(1).metadata());
    store.close().await.unwrap();
    drop(store);
    let store = ground.open().await;
    assert_eq!(metadata(&store).await, expect);
}

#[tokio::test]
async fn metadata_is_there_after_a_crash_and_after_its_segments_are_gone() {
    let ground = ground();
    let check = async |n: i64, segments: u64| {
        ground.fs.crash(n as u64);
        let store = ground.open().await;
        let found = (metadata(&store).await, store.stats().segments);
        assert_eq!(found, (said(n).metadata().to_vec(), segments), "{n}");
        store
    };
    // With samples that are all rejected, with some that are written, and alone.
    let with = |samples: &[(i64, f64)], n: i64| saying(&batch(&["a"], samples), said(n).metadata());
    let ack = ground.open().await.append(&with(&[(0, 1.0)], 1)).await.unwrap();
    assert_eq!(ack.count(Outcome::Rejected), 1);
    let store = check(1, 1).await;
    store.append(&with(&[(NOW, 1.0)], 2)).await.unwrap();
    drop(store);
    let store = check(2, 2).await;
    store.append(&said(3)).await.unwrap();
    drop(store);
    let store = check(3, 3).await;
    assert_eq!(store.cut().await.unwrap().segments, 3);
    drop(store);
    check(3, 0).await;
}

#[tokio::test]
async fn what_is_known_already_is_not_written_again() {
    let ground = ground();
    let store = ground.open().await;
    store.append(&said(1)).await.unwrap();
    let bytes = store.stats().log_bytes;
    store.append(&said(1)).await.unwrap();
    assert_eq!(store.stats().log_bytes, bytes);
}

#[tokio::test]
async fn metadata_that_the_log_could_not_take_is_not_known_and_is_taken_when_it_comes_again() {
    let ground = ground();
    let store = ground.open().await;
    ground.fs.inject(Op::Sync, 0, Fault::Broken);
    store.append(&said(1)).await.unwrap_err();
    assert_eq!(metadata(&store).await, []);
    store.append(&said(1)).await.unwrap();
    drop(store);
    ground.fs.crash(1);
    assert_eq!(metadata(&ground.open().await).await, said(1).metadata());
}

#[tokio::test(start_paused = true)]
async fn metadata_alone_does_not_let_the_log_grow() {
    let mut ground = ground();
    ground.settings.head.cut_after = Span::from_secs(60);
    let store = ground.open().await;
    tokio::spawn(crate::store::cut::run(&store));
    store.append(&said(1)).await.unwrap();
    assert_eq!(store.stats().segments, 1);
    tokio::time::sleep(std::time::Duration::from_secs(90)).await;
    assert_eq!(store.stats().segments, 0);
    drop(store);
    ground.fs.crash(1);
    assert_eq!(metadata(&ground.open().await).await, said(1).metadata());
}

#[tokio::test]
async fn what_can_not_be_written_down_stays_in_the_log() {
    let ground = ground();
    let store = ground.open().await;
    store.append(&batch(&["h"], &[(NOW, 1.5)])).await.unwrap();
    // The log creates no segment for a cut, so that what fails is what is written down.
    ground.fs.inject(Op::Create, 0, Fault::Full);
    store.cut().await.unwrap_err();
    assert_eq!(exemplars(&store).await, [(NOW, 1.5)]);
    drop(store);
    ground.fs.crash(9);
    assert_eq!(exemplars(&ground.open().await).await, [(NOW, 1.5)]);
}

#[tokio::test]
async fn what_a_crash_left_of_an_older_file_is_not_read_again() {
    let (ground, dir) = (ground(), std::path::Path::new("/store/known"));
    let store = ground.open().await;
    store.append(&batch(&["h"], &[(NOW, 1.5)])).await.unwrap();
    store.cut().await.unwrap();
    let first = dir.join("00000000000000000001.log");
    let old = ground.fs.bytes(&first).unwrap();
    store.append(&batch(&["h"], &[(NOW + 1, 2.5)])).await.unwrap();
    store.cut().await.unwrap();
    drop(store);
    ground.fs.put(&first, old);
    assert_eq!(exemplars(&ground.open().await).await.len(), 2);
    // What was read is written anew at the start.
    assert_eq!(crate::seam::Fs::list(&ground.fs, dir).unwrap(), ["00000000000000000003.log"]);
}
