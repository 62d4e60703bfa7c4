//! Commits to an S3 that fails.

use std::sync::atomic::Ordering::SeqCst;

use weir_pipeline::Tenant;

use super::*;

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_one_commit() {
    let ground = Ground::s3().await;
    let faults = ground.server.as_ref().unwrap().faults();
    // The bucket repeats nothing: it is the catalog that finds its commit.
    let catalog = ground.catalog_with("timeout: 200ms, retry: { attempts: 1 }", Settings::default()).await;
    commit(&catalog, add([1])).await;
    // The put of the series, then that of the samples.
    let changes = [(add([2]), vec![1, 2]), (replace([1], []), vec![2]), (add([3]), vec![2, 3])];
    for (change, blocks) in changes {
        let version = catalog.snapshot(&Tenant::default(), RAW).await.unwrap().version();
        faults.keep_answers.store(1, SeqCst);
        assert_eq!(Some(commit(&catalog, change).await), version.map(|v| v + 1));
        assert_eq!(faults.keep_answers.load(SeqCst), 0);
        expect(&ground.catalog().await, blocks).await;
    }
    // No answer to any put: it is not known then, and repeating it is right.
    faults.keep_answers.store(u32::MAX, SeqCst);
    let error = catalog.commit(&Tenant::default(), RAW, replace([2], [4])).await.unwrap_err();
    assert!(error.kind().is_retryable(), "{}", error.report());
    faults.keep_answers.store(0, SeqCst);
    commit(&catalog, replace([2], [4])).await;
    expect(&ground.catalog().await, [3, 4]).await;
    assert_eq!(series(&catalog).await, [id(3), id(4)]);
    faults.lose_answers.store(2, SeqCst);
    commit(&catalog, replace([3, 4], [])).await;
    expect(&ground.catalog().await, []).await;
}

#[tokio::test]
async fn each_third_request_may_fail() {
    let ground = Ground::s3().await;
    let catalogs = [ground.catalog().await, ground.catalog().await];
    ground.server.as_ref().unwrap().faults().fail_every.store(3, SeqCst);
    for n in 0..20 {
        commit(&catalogs[n as usize % 2], numbered(add([n]), "a", n as i64)).await;
    }
    commit(&catalogs[0], replace(0..20, [20])).await;
    expect(&catalogs[1], [20]).await;
    expect(&ground.catalog().await, [20]).await;
}

#[tokio::test]
async fn a_bucket_that_is_away_is_told_and_the_commit_is_repeated_when_it_is_back() {
    let mut ground = Ground::s3().await;
    let catalog = ground
        .catalog_with("timeout: 1s, retry: { attempts: 2, backoff: { initial: 1ms, max: 2ms } }", Settings::default())
        .await;
    commit(&catalog, add([1])).await;
    let old = catalog.snapshot(&Tenant::default(), RAW).await.unwrap();
    ground.server.as_mut().unwrap().pause().await;
    let change = || numbered(replace([1], [2]), "store-1", 1);
    let error = catalog.commit(&Tenant::default(), RAW, change()).await.unwrap_err();
    assert!(error.kind().is_retryable(), "{}", error.report());
    let error = catalog.snapshot(&Tenant::default(), RAW).await.unwrap_err();
    assert!(error.kind().is_retryable(), "{}", error.report());
    assert_eq!(old.entries().len(), 1);
    ground.server.as_mut().unwrap().resume().await;
    commit(&catalog, change()).await;
    commit(&catalog, change()).await;
    expect(&catalog, [2]).await;
    expect(&ground.catalog().await, [2]).await;
}

#[tokio::test]
async fn a_commit_that_the_store_refuses_for_the_sake_of_another_put_is_tried_again() {
    let ground = Ground::s3().await;
    let faults = ground.server.as_ref().unwrap().faults();
    let catalog = ground.catalog_with("timeout: 100ms, retry: { attempts: 1 }", Settings::default()).await;
    commit(&catalog, add([1])).await;
    faults.conflict.store(2, SeqCst);
    commit(&catalog, add([2])).await;
    expect(&ground.catalog().await, [1, 2]).await;
}
