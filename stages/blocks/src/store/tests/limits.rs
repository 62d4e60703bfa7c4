//! What a store does not take: samples that can't be, and more than there is room for.

use weir_pipeline::Exemplar;
use weir_pipeline::ack::Counts;

use super::*;

#[tokio::test(start_paused = true)]
async fn samples_that_can_not_be_are_rejected_and_the_others_written() {
    let ground = ground();
    let store = ground.open().await;
    let future = NOW + 600_000;
    let long = "x".repeat(1 << 20);
    let mut mixed = Batch::builder(Tenant::default());
    let labels: LabelSet = [("__name__", "a"), ("job", "j")].into_iter().collect();
    let too_long: LabelSet = [("__name__", long.as_str())].into_iter().collect();
    mixed.series(labels.as_labels()).sample(future + 1, 1.0).sample(future, 2.0).sample(-1, 3.0).sample(i64::MIN, 1.0);
    let exemplar = Exemplar { labels: LabelSet::default(), value: 1.0, timestamp: NOW };
    mixed.series(too_long.as_labels()).sample(NOW, 1.0).exemplar(exemplar);
    let ack = store.append(&mixed.build()).await.unwrap();
    assert!(ack.balances(5));
    let of = |reason: &str| ack.entries().iter().find(|e| e.reason == reason).unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Rejected)), (1, 4));
    assert_eq!(ack.rejected(), Counts { floats: 4, histograms: 0, exemplars: 1 });
    assert_eq!((of("too_far_in_future").count, of("too_old").count, of("labels_too_long").count), (1, 2, 1));
    let detail = format!("series `a{{job=\"j\"}}` has a sample too far in the future, at `{}`", future + 1);
    assert_eq!(of("too_far_in_future").detail.as_deref(), Some(detail.as_str()));
    assert_eq!(
        of("too_old").detail.as_deref(),
        Some("series `a{job=\"j\"}` has a sample too far in the past, at `-1`")
    );
    assert!(
        of("labels_too_long")
            .detail
            .as_ref()
            .unwrap()
            .ends_with("has labels of 1048588 bytes, expected at most 1048576")
    );
    assert_eq!(content(&store).await[&up("a")], [(future, 2.0)]);
}

#[tokio::test(start_paused = true)]
async fn samples_from_long_ago_are_rejected_as_the_settings_say() {
    let mut ground = ground();
    ground.settings.head.max_past = Span::from_secs(60);
    let store = ground.open().await;
    let ack = store.append(&batch(&["a"], &[(NOW - 60_001, 1.0), (NOW - 60_000, 2.0)])).await.unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Rejected)), (1, 1));
    assert_eq!(content(&store).await[&up("a")], [(NOW - 60_000, 2.0)]);
}

#[tokio::test]
async fn more_tenants_than_may_be_are_told_to_come_back_and_are_taken_once_others_are_gone() {
    let mut ground = ground();
    ground.settings.head.max_tenants = 2;
    let store = ground.open().await;
    let write = async |tenant: &str| {
        let batch = batch(&["a"], &[(NOW, 1.0)]).with_tenant(tenant.parse().unwrap());
        store.append(&batch).await.map(|ack| ack.count(Outcome::Written))
    };
    assert_eq!((write("x").await.unwrap(), write("y").await.unwrap()), (1, 1));
    let error = write("z").await.unwrap_err();
    assert_eq!(error.to_string(), "the head has `2` tenants, which is `max_tenants`, and `z` is not among them");
    assert_eq!((error.kind().as_str(), error.is_of_tenant()), ("unavailable", true));
    assert_eq!(write("x").await.unwrap(), 1);
    for _ in 0..3 {
        store.cut().await.unwrap();
    }
    assert_eq!(write("z").await.unwrap(), 1);
}

#[tokio::test]
async fn a_full_head_says_come_back_and_takes_more_after_a_cut() {
    let mut ground = ground();
    ground.settings.head.memory = Bytes::mib(8);
    let store = ground.open().await;
    let noise = |n: i64| (n as f64).sqrt();
    let mut at = 0;
    let error = loop {
        let samples: Vec<_> = (at..at + 20_000).map(|n| (NOW - 10_000_000 + n, noise(n))).collect();
        match store.append(&batch(&["a"], &samples)).await {
            Ok(_) => at += 20_000,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind().as_str(), "unavailable");
    assert!(
        error.message().starts_with("the head is full: ") && error.message().ends_with(" of 8388608 bytes are in use")
    );
    assert!(at > 400_000, "{at} samples fit");
    store.cut().await.unwrap();
    store.append(&batch(&["a"], &[(NOW, 1.0)])).await.unwrap();
    assert_eq!(content(&store).await[&up("a")].len(), at as usize + 1);
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_nothing_is_lost_when_there_is_space_again() {
    let ground = ground();
    let store = ground.open().await;
    store.append(&batch(&["a"], &[(NOW, 1.0)])).await.unwrap();
    ground.fs.set_capacity(Some(100));
    let error = store.append(&batch(&["a"], &[(NOW + 1, 2.0)])).await.unwrap_err();
    assert_eq!(
        (error.kind().as_str(), error.report()),
        ("unavailable", "the log can't be written: no storage space".into())
    );
    ground.fs.set_capacity(None);
    store.append(&batch(&["a"], &[(NOW + 1, 2.0)])).await.unwrap();
    assert_eq!(content(&store).await[&up("a")], [(NOW, 1.0), (NOW + 1, 2.0)]);
}
