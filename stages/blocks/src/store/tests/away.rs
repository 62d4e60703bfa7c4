//! A store whose bucket can't be reached when it starts.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use weir_pipeline::testing::settings;
use weir_pipeline::{Kind, Resource};

use super::upload::write;
use super::*;
use crate::bucket::Bucket;
use crate::testing::s3::{BUCKET, KEY, S3Server};

/// The program's resources, opened as the program does it.
async fn open(dir: &std::path::Path, server: &S3Server) -> weir_pipeline::Result<(Arc<Store>, Context)> {
    let context = Context::new(Clock::starting_at(NOW), Metrics::default(), CancellationToken::new());
    let keys = dir.join("keys.yaml");
    std::fs::write(&keys, format!("access_key_id: {}\nsecret_access_key: {}\n", KEY.0, KEY.1)).unwrap();
    let (endpoint, keys) = (server.endpoint(), keys.display());
    let s3 = format!("bucket: {BUCKET}, endpoint: \"{endpoint}\", credentials: {{ file: {keys} }}");
    let retry = "timeout: 500ms, retry: { attempts: 2, within: 1s, backoff: { initial: 1ms, max: 5ms } }";
    let bucket: Bucket = settings(&format!("{{ s3: {{ {s3} }}, {retry} }}")).unwrap();
    let depot = bucket.open(&context.at("", "resources.main.bucket")).await?;
    context.keep_resource("main", depot);
    let store: Declaration = settings(&format!("{{ path: {}, bucket: main }}", dir.join("a").display())).unwrap();
    Ok((store.open(&context).await?, context))
}

/// Uploads until the result is of that kind; the bucket is asked again meanwhile.
async fn upload_until(store: &Store, is_wanted: impl Fn(&weir_pipeline::Result<super::super::Uploaded>) -> bool) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    let asking = async {
        while !is_wanted(&store.upload(true).await) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap();
}

/// A store with samples on disk and in memory, started without its bucket.
async fn started(dir: &std::path::Path, server: &S3Server) -> (Arc<Store>, Context) {
    let (store, context) = open(dir, server).await.unwrap();
    write(&store, "x", 0, 30).await;
    store.cut().await.unwrap();
    write(&store, "y", 0, 5).await;
    let error = store.upload(true).await.unwrap_err();
    assert!(error.kind().is_retryable(), "{}", error.report());
    let selection = store.select(&Tenant::default(), &[], i64::MIN, i64::MAX).await.unwrap();
    let [missing] = selection.missing() else { panic!("{:?}", selection.missing()) };
    assert!(missing.starts_with("the bucket can't be read: "), "{missing}");
    assert_eq!((selection.len(), content(&store).await[&up("x")].len()), (2, 30));
    (store, context)
}

#[tokio::test]
async fn it_starts_and_serves_and_uploads_once_the_bucket_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = S3Server::start(dir.path()).await;
    server.pause().await;
    let (store, context) = started(dir.path(), &server).await;
    server.resume().await;
    upload_until(&store, Result::is_ok).await;
    assert!(server.faults().asked("PUT /metrics/_weir/probe-") >= 2, "it was asked whether it keeps what is there");
    assert_eq!(store.stats().blocks, 0);
    // Queries ask it again after a while.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    let selection = store.select(&Tenant::default(), &[], i64::MIN, i64::MAX).await.unwrap();
    assert!(selection.missing().is_empty() && selection.len() == 2, "{:?}", selection.missing());
    assert!(context.close().await.is_empty());
}

#[tokio::test]
async fn a_bucket_that_gives_no_answer_at_all_does_not_keep_it_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let server = S3Server::start(dir.path()).await;
    server.faults().hang.store(u32::MAX, SeqCst);
    let (store, context) = started(dir.path(), &server).await;
    server.faults().hang.store(0, SeqCst);
    upload_until(&store, Result::is_ok).await;
    assert!(context.close().await.is_empty());
}

#[tokio::test]
async fn it_uploads_nothing_to_a_bucket_that_turns_out_to_ignore_conditions() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = S3Server::start(dir.path()).await;
    server.pause().await;
    let (store, context) = started(dir.path(), &server).await;
    server.faults().overwrite.store(true, SeqCst);
    server.resume().await;
    upload_until(&store, |result| result.as_ref().is_err_and(|error| error.kind() == Kind::Internal)).await;
    server.faults().requests.lock().unwrap().clear();
    let error = store.upload(true).await.unwrap_err();
    assert!(error.report().contains("ignores `If-None-Match: *` and overwrites what is there"), "{}", error.report());
    assert_eq!((server.faults().asked("PUT"), store.stats().blocks), (0, 1));
    let text = context.metrics.encode();
    assert!(text.lines().any(|line| line == "weir_bucket_overwrites{bucket=\"main\"} 1"), "{text}");
    assert!(context.close().await.is_empty());
    let refused = open(dir.path(), &server).await.map(drop).unwrap_err();
    assert_eq!(refused.kind(), Kind::Internal, "at the next start");
}
