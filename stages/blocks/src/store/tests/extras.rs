//! Exemplars, and what is said of metrics, are cut to blocks, merged, uploaded and read back.

use weir_pipeline::batch::{Metadata, MetricKind};

use super::known::{exemplars, metadata, saying};
use super::one_copy::{Local, in_bucket};
use super::*;

/// A block in which `seconds` is said to be a histogram, with so many exemplars of one of its series from `at` on.
fn seconds(at: i64, count: i64) -> Batch {
    let samples: Vec<_> = (at..at + count).map(|n| (NOW - 100_000 + n, n as f64 + 0.5)).collect();
    saying(&batch(&["seconds_bucket", "up"], &samples), &[said("seconds", "How long."), said("up", "Whether.")])
}

fn said(metric: &str, help: &str) -> Metadata {
    Metadata { metric: metric.into(), kind: MetricKind::Histogram, help: help.into(), unit: "s".into() }
}

/// Those of [`seconds`], of both series.
fn expect(range: std::ops::Range<i64>) -> Vec<(i64, f64)> {
    let of_series = || range.clone().map(|n| (NOW - 100_000 + n, n as f64 + 0.5));
    of_series().chain(of_series()).collect()
}

#[tokio::test]
async fn what_memory_has_forgotten_is_read_of_blocks_wherever_they_are() {
    let local = Local::new();
    let mut place = local.place("a");
    // No more than one of each cut.
    place.ground.settings.head.max_exemplars = 4;
    place.ground.settings.head.max_metrics = 1;
    let store = local.open(&place).await;
    for n in 0..8 {
        store.append(&seconds(n * 2, 2)).await.unwrap();
        store.cut().await.unwrap();
        assert_eq!(exemplars(&store).await, expect(0..n * 2 + 2), "{n}");
    }
    let all = [said("seconds", "How long."), said("up", "Whether.")];
    assert_eq!((metadata(&store).await, store.stats().blocks), (all.to_vec(), 8));
    assert_eq!((store.tidy().await.unwrap(), store.stats().blocks), (1, 1));
    assert_eq!((exemplars(&store).await, metadata(&store).await), (expect(0..16), all.to_vec()), "merged");
    let none = store
        .exemplars(&Tenant::default(), &[Matcher::equal("__name__", "up")], NOW - 99_999, NOW - 99_998)
        .await
        .unwrap();
    assert_eq!(none.found.iter().map(|of| of.exemplars.len()).sum::<usize>(), 2);
    drop(store);
    place.ground.fs.crash(1);
    let store = local.open(&place).await;
    assert_eq!((exemplars(&store).await, metadata(&store).await), (expect(0..16), all.to_vec()), "opened again");
    assert_eq!(store.upload(true).await.unwrap().blocks, 1);
    assert_eq!((exemplars(&store).await, store.stats().blocks), (expect(0..16), 0), "uploaded");
    let reader = local.open(&local.place("reader")).await;
    assert_eq!((exemplars(&reader).await, metadata(&reader).await), (expect(0..16), all.to_vec()), "by another store");
    assert_eq!(reader.metadata(&Tenant::default(), Some("up")).await.found, all[1..]);
}

#[tokio::test]
async fn what_senders_said_last_counts_and_not_what_blocks_say() {
    let local = Local::new();
    let place = local.place("a");
    let store = local.open(&place).await;
    store.append(&seconds(0, 1)).await.unwrap();
    store.cut().await.unwrap();
    store.append(&saying(&batch(&["up"], &[]), &[said("up", "Anew.")])).await.unwrap();
    assert_eq!(metadata(&store).await, [said("seconds", "How long."), said("up", "Anew.")]);
    store.upload(true).await.unwrap();
    assert_eq!(metadata(&store).await, [said("seconds", "How long."), said("up", "Anew.")]);
}

#[tokio::test]
async fn exemplars_that_the_bucket_lacks_are_uploaded_with_the_samples_of_their_series() {
    let local = Local::new();
    let places = ["a", "b"].map(|name| local.place(name));
    let [a, b] = [local.open(&places[0]).await, local.open(&places[1]).await];
    for store in [&a, &b] {
        store.append(&seconds(0, 3)).await.unwrap();
    }
    let mut late = Batch::builder(Tenant::default());
    let labels: LabelSet = [("__name__", "up"), ("job", "j")].into_iter().collect();
    late.series(labels.as_labels()).exemplar(exemplar(NOW, 7.5));
    b.append(&late.build()).await.unwrap();
    for (store, samples) in [(&a, 6), (&b, 3)] {
        store.cut().await.unwrap();
        assert_eq!(store.upload(true).await.unwrap().samples, samples);
        assert_eq!(store.stats().blocks, 0);
    }
    let reader = local.open(&local.place("reader")).await;
    let mut all = expect(0..3);
    all.push((NOW, 7.5));
    assert_eq!(exemplars(&reader).await, all);
    assert_eq!(in_bucket(&reader).await.0, 2);
    // Whoever has no more than that has nothing to upload.
    let c = local.open(&local.place("c")).await;
    c.append(&seconds(0, 3)).await.unwrap();
    c.cut().await.unwrap();
    assert_eq!((c.upload(true).await.unwrap().samples, c.stats().blocks), (0, 0));
}

#[tokio::test]
async fn what_a_cut_could_not_write_comes_with_the_next_one() {
    let mut ground = ground();
    ground.settings.head.max_exemplars = 4;
    let store = ground.open().await;
    store.append(&seconds(0, 2)).await.unwrap();
    ground.shelf.out_of_order.store(true, SeqCst);
    store.cut().await.unwrap_err();
    ground.shelf.out_of_order.store(false, SeqCst);
    store.cut().await.unwrap();
    // From here on memory has others.
    store.append(&seconds(2, 2)).await.unwrap();
    store.cut().await.unwrap();
    assert_eq!(exemplars(&store).await, expect(0..4));
}

#[tokio::test]
async fn what_the_end_of_a_life_wrote_down_comes_into_a_block_in_the_next_one() {
    let mut ground = ground();
    ground.settings.head.max_exemplars = 4;
    let store = ground.open().await;
    store.append(&seconds(0, 2)).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    let store = ground.open().await;
    store.cut().await.unwrap();
    store.append(&seconds(2, 2)).await.unwrap();
    assert_eq!(exemplars(&store).await, expect(0..4));
}

#[tokio::test]
async fn an_exemplar_from_before_midnight_stands_beside_the_sample_after_it() {
    const DAY: i64 = 86_400_000;
    let midnight = NOW.div_euclid(DAY) * DAY;
    let mut ground = ground();
    ground.settings.head.max_exemplars = 1;
    let store = ground.open().await;
    let mut out = Batch::builder(Tenant::default());
    let labels: LabelSet = [("__name__", "up")].into_iter().collect();
    out.series(labels.as_labels()).sample(midnight + 5, 1.0).exemplar(exemplar(midnight - 5, 7.0));
    store.append(&out.build()).await.unwrap();
    store.cut().await.unwrap();
    store.append(&batch(&["other"], &[(NOW, 1.5)])).await.unwrap();
    assert_eq!(exemplars(&store).await, [(NOW, 1.5), (midnight - 5, 7.0)]);
    let found = store.exemplars(&Tenant::default(), &[], midnight - 9, midnight - 1).await.unwrap().found;
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn exemplars_without_samples_stay_in_memory_and_are_counted() {
    let ground = ground();
    let store = ground.open().await;
    let mut out = Batch::builder(Tenant::default());
    let labels: LabelSet = [("__name__", "up")].into_iter().collect();
    out.series(labels.as_labels()).exemplar(exemplar(NOW, 7.0));
    store.append(&out.build()).await.unwrap();
    let uncut = || {
        ground
            .metrics
            .encode()
            .lines()
            .find(|line| line.starts_with("weir_store_uncut_exemplars_total"))
            .map(str::to_owned)
    };
    for (n, given_up) in [(1, 0), (2, 1), (3, 1)] {
        store.cut().await.unwrap();
        assert_eq!(uncut(), Some(format!("weir_store_uncut_exemplars_total {given_up}")), "{n}");
    }
    assert_eq!(exemplars(&store).await, [(NOW, 7.0)]);
    drop(store);
    ground.fs.crash(1);
    assert_eq!(exemplars(&ground.open().await).await, [(NOW, 7.0)]);
}

#[tokio::test(start_paused = true)]
async fn many_exemplars_are_cut_before_they_are_too_many() {
    let mut ground = ground();
    ground.settings.head.max_exemplars = 8;
    ground.settings.head.cut_after = Span::from_secs(3600);
    let store = ground.open().await;
    tokio::spawn(crate::store::cut::run(&store));
    for n in 0..10 {
        store.append(&seconds(n * 3, 3)).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    }
    assert_eq!(exemplars(&store).await, expect(0..30));
}
