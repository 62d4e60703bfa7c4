//! Exemplars and metadata outlive restarts, cuts and crashes.

use weir_pipeline::batch::{Metadata, MetricKind};

use super::*;

fn said(n: i64) -> Batch {
    let mut out = Batch::builder(Tenant::default());
    for (metric, kind) in [("a", MetricKind::Counter), ("b", MetricKind::StateSet)] {
        out.metadata(Metadata { metric: metric.into(), kind, help: format!("Help {n}."), unit: "bytes".into() });
    }
    out.build()
}

fn exemplars(store: &Store) -> Vec<(i64, f64)> {
    let found = store.exemplars(&Tenant::default(), &[], i64::MIN, i64::MAX);
    found.iter().flat_map(|of| of.exemplars.iter().map(|e| (e.timestamp, e.value))).collect()
}

#[tokio::test]
async fn exemplars_are_there_after_a_crash_and_after_their_segments_are_gone() {
    let ground = ground();
    let store = ground.open().await;
    store.append(&batch(&["h"], &[(NOW, 1.5), (NOW + 1, 2.5)])).await.unwrap();
    let all = [(NOW, 1.5), (NOW + 1, 2.5)];
    assert_eq!(exemplars(&store), all);
    drop(store);
    ground.fs.crash(3);
    let store = ground.open().await;
    assert_eq!(exemplars(&store), all, "from the log");
    assert_eq!(store.cut().await.unwrap().segments, 1);
    drop(store);
    ground.fs.crash(4);
    let store = ground.open().await;
    assert_eq!((exemplars(&store), store.stats().segments), (all.to_vec(), 0), "from what was written down");
    store.append(&batch(&["h"], &[(NOW + 2, 3.5)])).await.unwrap();
    store.cut().await.unwrap();
    drop(store);
    ground.fs.crash(5);
    assert_eq!(exemplars(&ground.open().await).len(), 3);
}

#[tokio::test]
async fn metadata_is_there_after_a_restart() {
    let ground = ground();
    let store = ground.open().await;
    store.append(&said(1)).await.unwrap();
    let expect = store.metadata(&Tenant::default(), None);
    assert_eq!(expect, said(1).metadata());
    store.close().await.unwrap();
    drop(store);
    let store = ground.open().await;
    assert_eq!(store.metadata(&Tenant::default(), None), expect);
    // What comes after a cut alone is lost by a crash, and the rest is not.
    store.append(&said(2)).await.unwrap();
    store.append(&batch(&["a"], &[(NOW, 1.0)])).await.unwrap();
    store.cut().await.unwrap();
    store.append(&said(3)).await.unwrap();
    drop(store);
    ground.fs.crash(1);
    assert_eq!(ground.open().await.metadata(&Tenant::default(), None), said(2).metadata());
}

#[tokio::test]
async fn what_can_not_be_written_down_stays_in_the_log() {
    let ground = ground();
    let store = ground.open().await;
    store.append(&batch(&["h"], &[(NOW, 1.5)])).await.unwrap();
    // The log creates no segment for a cut, so that what fails is what is written down.
    ground.fs.inject(Op::Create, 0, Fault::Full);
    store.cut().await.unwrap_err();
    assert_eq!(exemplars(&store), [(NOW, 1.5)]);
    drop(store);
    ground.fs.crash(9);
    assert_eq!(exemplars(&ground.open().await), [(NOW, 1.5)]);
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
    assert_eq!(exemplars(&ground.open().await).len(), 2);
    // What was read is written anew at the start.
    assert_eq!(crate::seam::Fs::list(&ground.fs, dir).unwrap(), ["00000000000000000003.log"]);
}
