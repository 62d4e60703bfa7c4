//! Native histograms, from a batch to a selection.

use weir_pipeline::ack::Counts;

use super::*;

#[tokio::test]
async fn histograms_are_seen_before_a_cut_after_it_and_after_merges() {
    let ground = ground();
    let store = ground.open().await;
    for n in 0..40 {
        // Every second one is late; those of one series stand beside floats.
        let at = NOW + if n % 2 == 0 { n } else { -n };
        let ack = store.append(&batch(&["h"], &[(at, n as f64 + 0.5)])).await.unwrap();
        assert_eq!((ack.count(Outcome::Written), ack.total()), (1, 1));
        store.append(&batch(&["mixed"], &[(at, n as f64 + if n % 3 == 0 { 0.5 } else { 0.0 })])).await.unwrap();
    }
    let before = content(&store).await;
    assert_eq!(before.values().map(Vec::len).collect::<Vec<_>>(), [40, 40]);
    let stats = store.stats();
    assert_eq!((stats.samples, stats.series), (80, 2));
    let cut = store.cut().await.unwrap();
    assert_eq!((cut.blocks, cut.samples), (1, 80));
    assert_eq!(content(&store).await, before);
    assert_eq!(store.stats().samples, 0);
    for n in 40..48 {
        store.append(&batch(&["h"], &[(NOW + n, n as f64 + 0.5)])).await.unwrap();
        store.cut().await.unwrap();
    }
    let before = content(&store).await;
    assert_eq!(store.tidy().await.unwrap(), 1);
    assert_eq!(content(&store).await, before);
    assert_eq!(range(&store, NOW + 3, NOW + 46).await[&up("h")].len(), 18 + 7);
    store.close().await.unwrap();
    assert_eq!(content(&ground.open().await).await, before);
}

#[tokio::test]
async fn a_repeated_batch_of_histograms_changes_nothing() {
    let ground = ground();
    let store = ground.open().await;
    let all = batch(&["h"], &[(NOW, 1.5), (NOW + 1, 2.5), (NOW - 5, 0.5)]);
    for _ in 0..3 {
        store.append(&all).await.unwrap();
    }
    let before = content(&store).await;
    assert_eq!(before[&up("h")], [(NOW - 5, 0.5), (NOW, 1.5), (NOW + 1, 2.5)]);
    drop(store);
    ground.fs.crash(7);
    let store = ground.open().await;
    assert_eq!(content(&store).await, before);
    assert_eq!(store.cut().await.unwrap().samples, 3);
    assert_eq!(content(&store).await, before);
}

#[tokio::test]
async fn a_histogram_beats_a_float_at_its_time_and_the_greater_one_another() {
    for order in [[1.0, 7.5, 8.5], [8.5, 1.0, 7.5], [7.5, 8.5, 1.0]] {
        let store = ground().open().await;
        for value in order {
            store.append(&batch(&["h"], &[(NOW, value)])).await.unwrap();
        }
        assert_eq!(content(&store).await[&up("h")], [(NOW, 8.5)]);
        store.cut().await.unwrap();
        assert_eq!(content(&store).await[&up("h")], [(NOW, 8.5)]);
        assert_eq!(store.stats().block_samples, 1);
    }
}

#[tokio::test]
async fn a_histogram_that_can_not_be_kept_is_rejected_and_the_rest_written() {
    let store = ground().open().await;
    let mut bad = (*histogram(NOW, 1.5).histogram).clone();
    bad.positive.counts.clear();
    let mut out = Batch::builder(Tenant::default());
    out.series(LabelSet::from_iter([("__name__", "h"), ("job", "j")]).as_labels());
    out.histogram(HistogramPoint { timestamp: NOW, start: 0, histogram: Arc::new(bad) });
    out.histogram(histogram(NOW + 1, 1.5)).histogram(histogram(NOW + 10_000_000, 2.5)).histogram(histogram(5, 2.5));
    let ack = store.append(&out.build()).await.unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Rejected)), (1, 3));
    assert_eq!(ack.rejected(), Counts { histograms: 3, ..Counts::default() });
    let reasons: Vec<_> = ack.entries().iter().map(|entry| entry.reason.to_string()).collect();
    for reason in ["invalid_histogram", "too_far_in_future", "too_old"] {
        assert!(reasons.iter().any(|found| found == reason), "{reason} in {reasons:?}");
    }
    assert_eq!(content(&store).await[&up("h")], [(NOW + 1, 1.5)]);
}

#[tokio::test]
async fn a_log_of_floats_alone_is_of_version_1() {
    let versions = |ground: &Ground| {
        let dir = std::path::Path::new("/store/log");
        let segments = crate::seam::Fs::list(&ground.fs, dir).unwrap();
        segments.iter().map(|name| ground.fs.bytes(&dir.join(name)).unwrap()[8]).collect::<Vec<_>>()
    };
    let ground = ground();
    let store = ground.open().await;
    store.append(&batch(&["a"], &[(NOW, 1.0)])).await.unwrap();
    assert_eq!(versions(&ground), [1]);
    store.append(&batch(&["a"], &[(NOW + 1, 1.5)])).await.unwrap();
    store.append(&batch(&["a"], &[(NOW + 2, 2.0)])).await.unwrap();
    assert_eq!(versions(&ground), [1, 2]);
}
