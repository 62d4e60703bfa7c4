//! What there is of tenants, and their end.

use weir_pipeline::Kind;
use weir_pipeline::query::BlocksUsage;

use super::upload::{Place, Shared};
use super::*;

fn other() -> Tenant {
    "other".parse().unwrap()
}

/// The same samples of both tenants.
async fn append(store: &Store, samples: &[(i64, f64)]) {
    let batch = batch(&["a", "b"], samples);
    store.append(&batch).await.unwrap();
    store.append(&batch.with_tenant(other())).await.unwrap();
}

/// Samples in the bucket, on disk, and in head and log, of both tenants.
async fn filled(place: &Place) -> Store {
    let store = place.open().await;
    append(&store, &[(NOW, 1.0), (NOW + 1, 2.0)]).await;
    store.cut().await.unwrap();
    store.upload(true).await.unwrap();
    append(&store, &[(NOW + 2, 3.0)]).await;
    store.cut().await.unwrap();
    append(&store, &[(NOW + 3, 4.0)]).await;
    store
}

/// How many samples there are; what is both in the log and in blocks counts once.
async fn samples_of(store: &Store, tenant: &Tenant) -> usize {
    let selection = store.select(tenant, &[], i64::MIN, i64::MAX).await.unwrap();
    assert!(selection.missing().is_empty(), "{:?}", selection.missing());
    let runs = selection.read(0..selection.len()).await.unwrap();
    let each = runs.iter().flat_map(|run| run.timestamps.iter().map(|ts| (run.series, *ts)));
    each.collect::<std::collections::BTreeSet<_>>().len()
}

#[tokio::test]
async fn what_there_is_of_each_tenant_is_told_by_where_it_is() {
    let shared = Shared::new().await;
    let store = filled(&shared.place("one").await).await;
    let all = store.usage(None).await.unwrap();
    let names: Vec<_> = all.iter().map(|usage| usage.tenant.as_str()).collect();
    assert_eq!(names, ["default-tenant", "other"]);
    for usage in &all {
        let blocks = |of: BlocksUsage| (of.blocks, of.samples, of.bytes > 0);
        assert_eq!((usage.head_series, usage.head_samples), (2, 2), "{usage:?}");
        assert_eq!((blocks(usage.local), blocks(usage.bucket.unwrap())), ((1, 2, true), (1, 4, true)), "{usage:?}");
    }
    assert_eq!(store.usage(Some(&other())).await.unwrap(), all[1..]);
    assert_eq!(store.usage(Some(&"nobody".parse().unwrap())).await.unwrap(), []);
}

#[tokio::test]
async fn a_tenant_that_is_deleted_is_nowhere_and_does_not_come_back() {
    let shared = Shared::new().await;
    let place = shared.place("one").await;
    let store = filled(&place).await;
    assert_eq!(shared.entries().await.len(), 1);
    let before = store.changes(&Tenant::default(), None).await.unwrap().number;
    let was = store.delete(&Tenant::default()).await.unwrap();
    assert_eq!(store.changes(&Tenant::default(), Some(before)).await.unwrap().lowest, i64::MIN, "no answer is right");
    assert_eq!((was.head_samples, was.local.samples, was.bucket.unwrap().samples), (2, 2, 4));
    assert_eq!((samples_of(&store, &Tenant::default()).await, samples_of(&store, &other()).await), (0, 8));
    assert!(shared.entries().await.is_empty());
    let names = async |store: &Store| {
        store.usage(None).await.unwrap().iter().map(|usage| usage.tenant.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&store).await, ["other"]);
    drop(store);
    place.ground.fs.crash(1);
    let again = place.open().await;
    assert_eq!((samples_of(&again, &Tenant::default()).await, samples_of(&again, &other()).await), (0, 8));
    // What another process reads of the same bucket, and one that uploads.
    let second = shared.place("two").await.open().await;
    assert_eq!(samples_of(&second, &Tenant::default()).await, 0);
    again.upload(true).await.unwrap();
    assert_eq!(names(&again).await, ["other"]);
    // What comes now is a new beginning.
    append(&again, &[(NOW + 9, 9.0)]).await;
    assert_eq!((samples_of(&again, &Tenant::default()).await, samples_of(&again, &other()).await), (2, 10));
}

#[tokio::test]
async fn nothing_comes_back_of_what_was_written_while_its_tenant_went() {
    let shared = Shared::new().await;
    let place = shared.place("one").await;
    let store = filled(&place).await;
    let writing = {
        let store = store.clone();
        tokio::spawn(async move {
            let mut refused = 0;
            for n in 0..200 {
                let batch = batch(&["a"], &[(NOW + 1000 + n, 1.0)]);
                match store.append(&batch).await {
                    Ok(_) => {}
                    Err(error) => {
                        assert!(matches!(error.kind(), Kind::Unavailable { retry_after: Some(_) }), "{error:?}");
                        assert_eq!(error.message(), "tenant `default-tenant` is being deleted");
                        assert!(error.is_of_tenant(), "{error:?}");
                        refused += 1;
                    }
                }
                store.append(&batch.with_tenant(other())).await.unwrap();
                tokio::task::yield_now().await;
            }
            refused
        })
    };
    store.delete(&Tenant::default()).await.unwrap();
    let refused = writing.await.unwrap();
    let before = (samples_of(&store, &Tenant::default()).await, samples_of(&store, &other()).await);
    assert_eq!(before.1, 208);
    assert!(before.0 + refused <= 200, "{before:?} {refused}");
    drop(store);
    place.ground.fs.crash(2);
    let again = place.open().await;
    assert_eq!((samples_of(&again, &Tenant::default()).await, samples_of(&again, &other()).await), before);
}

#[tokio::test]
async fn a_bucket_that_fails_leaves_what_can_be_deleted_again() {
    let shared = Shared::new().await;
    let place = shared.place("one").await;
    let store = filled(&place).await;
    shared.server.faults().fail_every.store(1, SeqCst);
    let mut tries = 0;
    while store.delete(&Tenant::default()).await.is_err() {
        tries += 1;
        assert!(tries < 50);
        // Now and then it gets further.
        shared.server.faults().fail_every.store(1 + tries, SeqCst);
    }
    shared.server.faults().fail_every.store(0, SeqCst);
    assert!(tries > 0);
    assert_eq!((samples_of(&store, &Tenant::default()).await, samples_of(&store, &other()).await), (0, 8));
    // Nothing is refused any more.
    append(&store, &[(NOW + 9, 9.0)]).await;
}
