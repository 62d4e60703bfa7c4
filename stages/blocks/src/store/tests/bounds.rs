//! What each tenant may have in a store, and for how long.

use std::time::Duration;

use tokio::time::sleep;
use weir_pipeline::Kind;

use super::upload::Shared;
use super::*;

const DAY: i64 = 86_400_000;

fn other() -> Tenant {
    "other".parse().unwrap()
}

/// What came of a batch of the tenant `other`: how much was written, and how much rejected for a reason.
async fn write_other(store: &Store, samples: &[(i64, f64)], reason: &str) -> (u64, u64) {
    let ack = store.append(&batch(&["a"], samples).with_tenant(other())).await.unwrap();
    assert!(ack.balances(samples.len() as u64));
    let refused = ack.entries().iter().filter(|entry| entry.reason == reason).map(|entry| entry.count).sum();
    (ack.count(Outcome::Written), refused)
}

async fn times_of(store: &Store, tenant: &Tenant) -> Vec<i64> {
    let selection = store.select(tenant, &[], i64::MIN, i64::MAX).await.unwrap();
    let runs = selection.read(0..selection.len()).await.unwrap();
    let mut times: Vec<i64> = runs.iter().flat_map(|run| run.timestamps.clone()).collect();
    times.sort_unstable();
    times.dedup();
    times
}

#[tokio::test(start_paused = true)]
async fn samples_that_are_too_old_for_their_tenant_are_rejected_by_name() {
    let ground = ground().limited("{ tenants: { other: { retention: 1h, max_past: 10m } } }").await;
    let store = ground.open().await;
    let samples = [(NOW - 3_600_001, 1.0), (NOW - 3_600_000, 2.0), (NOW - 600_001, 3.0), (NOW - 600_000, 4.0)];
    assert_eq!(write_other(&store, &samples, "beyond_retention").await, (1, 1));
    assert_eq!(write_other(&store, &samples, "too_old").await, (1, 2));
    assert_eq!(times_of(&store, &other()).await, [NOW - 600_000]);
    // Others have what the store says.
    assert_eq!(store.append(&batch(&["a"], &samples)).await.unwrap().count(Outcome::Written), 4);
    let hit = |limit: &str| format!("weir_limits_hits_total{{pipeline=\"\",limit=\"{limit}\",tenant=\"other\"}} 2");
    let metrics = ground.metrics.encode();
    assert!(metrics.contains(&hit("retention")) && metrics.contains(&hit("max_past")), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn a_tenant_may_have_older_samples_than_others() {
    let mut ground = ground().limited("{ tenants: { other: { max_past: 40d } } }").await;
    ground.settings.head.max_past = Span::from_secs(60);
    let store = ground.open().await;
    assert_eq!(write_other(&store, &[(NOW - 39 * DAY, 1.0)], "too_old").await, (1, 0));
    assert_eq!(store.append(&batch(&["a"], &[(NOW - 60_001, 1.0)])).await.unwrap().count(Outcome::Written), 0);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_whose_head_is_full_is_overloaded_and_nobody_else() {
    let ground = ground().limited("{ tenants: { other: { head_bytes: 1MiB } } }").await;
    let store = ground.open().await;
    let noise = |n: i64| (n as f64).sqrt();
    let mut at = 0;
    let error = loop {
        let samples: Vec<_> = (at..at + 5_000).map(|n| (NOW - 1_000_000 + n, noise(n))).collect();
        match store.append(&batch(&["a"], &samples).with_tenant(other())).await {
            Ok(_) => at += 5_000,
            Err(error) => break error,
        }
    };
    assert!(matches!(error.kind(), Kind::Overloaded { retry_after: Some(_) }), "{error:?}");
    assert!(error.message().contains("of 1048576 bytes in the head, which is its `head_bytes`"), "{error}");
    assert!(at >= 50_000, "{at} samples fit");
    store.append(&batch(&["a"], &[(NOW, 1.0)])).await.unwrap();
    store.cut().await.unwrap();
    assert_eq!(write_other(&store, &[(NOW, 1.0)], "too_old").await, (1, 0));
    assert_eq!(times_of(&store, &other()).await.len(), at as usize + 1);
    let hits = "weir_limits_hits_total{pipeline=\"\",limit=\"head_bytes\",tenant=\"other\"} 1";
    assert!(ground.metrics.encode().contains(hits));
}

#[tokio::test]
async fn the_bytes_of_tenants_are_those_of_the_head() {
    let ground = ground();
    let store = ground.open().await;
    let check = |tenants: u64| {
        let (mine, others) = (store.0.head.tenant_bytes(&Tenant::default()), store.0.head.tenant_bytes(&other()));
        let usage = store.0.head.usage();
        let own = usage.series_bytes - tenants * 4096;
        assert_eq!((own, usage.chunk_bytes), (mine.0 + others.0, mine.1 + others.1));
    };
    for round in 0..4 {
        for n in 0..200 {
            store.append(&batch(&["a", "b"], &[(NOW + round * 1000 + n, n as f64 / 2.0)])).await.unwrap();
        }
        write_other(&store, &[(NOW + round, 1.0), (NOW - round, 2.0)], "").await;
        check(2);
        store.cut().await.unwrap();
        check(2);
    }
    for _ in 0..3 {
        store.cut().await.unwrap();
    }
    check(0);
    assert_eq!(store.0.head.tenant_bytes(&other()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn blocks_that_are_older_than_a_tenant_keeps_any_go_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("limits.yaml");
    std::fs::write(&path, "{}").unwrap();
    let ground = ground().limited(&format!("{{ file: '{}', poll: 1s }}", path.display())).await;
    let store = ground.open().await;
    for age in [3, 2, 0] {
        write_other(&store, &[(NOW - age * DAY, 1.0)], "").await;
        store.append(&batch(&["a"], &[(NOW - age * DAY, 1.0)])).await.unwrap();
    }
    store.cut().await.unwrap();
    assert_eq!(store.expire().await.unwrap(), Default::default(), "nothing is said of it");
    // Limits that change count at once.
    std::fs::write(&path, "tenants: { other: { retention: 60h } }").unwrap();
    while store.times(&other()).kept == i64::MIN {
        sleep(Duration::from_secs(1)).await;
    }
    let before = store.changes(&other(), None).await.unwrap().number;
    let expired = store.expire().await.unwrap();
    assert_eq!((expired.local, expired.bucket, expired.samples), (1, 0, 1));
    assert_eq!(store.changes(&other(), Some(before)).await.unwrap().lowest, NOW - 3 * DAY);
    assert_eq!(times_of(&store, &other()).await, [NOW - 2 * DAY, NOW]);
    assert_eq!(times_of(&store, &Tenant::default()).await.len(), 3);
    assert_eq!(store.expire().await.unwrap(), Default::default());
    let metrics = ground.metrics.encode();
    assert!(metrics.contains("weir_store_expired_blocks_total 1\n"), "{metrics}");
    drop(store);
    assert_eq!(times_of(&ground.open().await, &other()).await, [NOW - 2 * DAY, NOW]);
}

#[tokio::test]
async fn blocks_that_are_older_than_a_tenant_keeps_any_go_from_the_bucket() {
    let shared = Shared::new().await;
    let mut place = shared.place("one").await;
    place.ground = place.ground.clone().limited("{ default: { retention: 60h } }").await;
    // The samples were not so old when they came.
    let before = place.open_at(Clock::starting_at(NOW - 2 * DAY)).await;
    for age in [4, 2] {
        before.append(&batch(&["a"], &[(NOW - age * DAY, 1.0)])).await.unwrap();
    }
    before.cut().await.unwrap();
    before.upload(true).await.unwrap();
    assert_eq!((before.expire().await.unwrap(), shared.entries().await.len()), (Default::default(), 2));
    drop(before);
    let store = place.open_at(Clock::starting_at(NOW)).await;
    let expired = store.expire().await.unwrap();
    assert_eq!((expired.local, expired.bucket, expired.samples), (0, 1, 1));
    assert_eq!(shared.entries().await.len(), 1);
    assert_eq!(times_of(&store, &Tenant::default()).await, [NOW - 2 * DAY]);
    // Nothing of it is uploaded again.
    store.upload(true).await.unwrap();
    assert_eq!((store.expire().await.unwrap(), shared.entries().await.len()), (Default::default(), 1));
}

#[tokio::test]
async fn a_store_whose_limits_are_not_there_does_not_open() {
    let mut ground = ground();
    ground.settings.limits = Some(serde_json::from_str("\"tenants\"").unwrap());
    assert!(ground.try_open(NOW).await.is_err());
}
