//! A directory as a bucket.
#![allow(clippy::single_range_in_vec_init)]

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use tokio::task::JoinSet;
use weir_pipeline::testing::{context, settings};
use weir_pipeline::{Kind, Metrics};

use super::{Bucket, Objects};

#[tokio::test]
async fn what_is_put_is_there_for_the_next_one_to_open() {
    let dir = tempfile::tempdir().unwrap();
    let path = Path::from("t/raw/b/series.parquet");
    Objects::local(dir.path()).unwrap().put(&path, Bytes::from_static(b"0123456789")).await.unwrap();
    let again = Objects::local(dir.path()).unwrap();
    assert_eq!(again.get(&path).await.unwrap(), Bytes::from_static(b"0123456789"));
    let parts = again.get_ranges(&path, &[0..2, 8..10]).await.unwrap();
    assert_eq!(parts, [Bytes::from_static(b"01"), Bytes::from_static(b"89")]);
    let listed: Vec<String> = again.list(None).await.unwrap().iter().map(|o| o.location.to_string()).collect();
    assert_eq!(listed, ["t/raw/b/series.parquet"]);
    again.delete(&path).await.unwrap();
    again.delete(&path).await.unwrap();
    assert!(again.list(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_large_is_put_in_parts_and_replaces_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let (objects, path) = (Objects::local(dir.path()).unwrap(), Path::from("t/raw/b/samples.parquet"));
    for fill in [1, 2] {
        let large = Bytes::from(vec![fill; (2 << 20) + 7]);
        objects.put(&path, large.clone()).await.unwrap();
        assert_eq!(objects.get(&path).await.unwrap(), large);
    }
    let left: Vec<_> = std::fs::read_dir(dir.path().join("t/raw/b")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["samples.parquet"]);
}

#[tokio::test]
async fn a_bucket_that_can_not_be_opened_or_read_says_what_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Objects::local(&file.join("below")).unwrap_err();
    assert!(error.to_string().contains("can't be opened"), "{error}");
    let missing = Objects::local(dir.path()).unwrap().get(&Path::from("no/such")).await.unwrap_err();
    assert_eq!((missing.to_string().as_str(), missing.kind()), ("the bucket has no `no/such`", Kind::Internal));
}

#[tokio::test]
async fn of_eight_who_put_where_nothing_is_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let objects = Arc::new(Objects::local(dir.path()).unwrap());
    for round in 0..10 {
        let mut writers = JoinSet::new();
        for writer in 0..8u8 {
            let objects = objects.clone();
            let path = Path::from(format!("log/{round}.json"));
            writers.spawn(async move { (writer, objects.put_if_absent(&path, vec![writer].into()).await.unwrap()) });
        }
        let winners: Vec<u8> = writers.join_all().await.into_iter().filter(|(_, won)| *won).map(|(w, _)| w).collect();
        let kept = objects.get(&Path::from(format!("log/{round}.json"))).await.unwrap();
        assert_eq!(winners, kept, "round {round}");
    }
}

#[tokio::test]
async fn operations_are_counted_by_the_name_of_the_resource() {
    let dir = tempfile::tempdir().unwrap();
    let bucket: Bucket = settings(&format!("{{ local: {{ path: {} }} }}", dir.path().display())).unwrap();
    let mut context = context().at("", "resources.main.bucket");
    context.metrics = Metrics::default();
    let objects = bucket.objects(&context).await.unwrap();
    let path = Path::from("a/b");
    objects.put(&path, Bytes::from_static(b"0123456789")).await.unwrap();
    assert!(!objects.put_if_absent(&path, Bytes::from_static(b"0")).await.unwrap());
    objects.get(&path).await.unwrap();
    objects.get_ranges(&path, &[0..3]).await.unwrap();
    objects.get(&Path::from("missing")).await.unwrap_err();
    objects.get_ranges(&path, &[20..30]).await.unwrap_err();
    objects.list(None).await.unwrap();
    objects.delete(&path).await.unwrap();
    let text = context.metrics.encode();
    let check = |line: &str| assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    let bucket = "bucket=\"main\",operation=";
    check(&format!("thanos_objstore_bucket_operations_total{{{bucket}\"upload\"}} 1"));
    check(&format!("thanos_objstore_bucket_operations_total{{{bucket}\"upload_if_absent\"}} 1"));
    check(&format!("thanos_objstore_bucket_operations_total{{{bucket}\"get\"}} 2"));
    check(&format!("thanos_objstore_bucket_operations_total{{{bucket}\"get_range\"}} 2"));
    check(&format!("thanos_objstore_bucket_operations_total{{{bucket}\"iter\"}} 1"));
    check(&format!("thanos_objstore_bucket_operations_total{{{bucket}\"delete\"}} 1"));
    check(&format!("thanos_objstore_bucket_operation_failures_total{{{bucket}\"get_range\"}} 1"));
    // Of those that succeeded, listings not among them.
    for (operation, count) in [("upload", 1), ("get", 1), ("get_range", 1), ("delete", 1)] {
        let name = "thanos_objstore_bucket_operation_duration_seconds_count";
        check(&format!("{name}{{{bucket}\"{operation}\"}} {count}"));
    }
    for operation in ["upload_if_absent", "iter"] {
        let name = "thanos_objstore_bucket_operation_duration_seconds_count";
        assert!(!text.contains(&format!("{name}{{{bucket}\"{operation}\"}}")), "{operation}\n{text}");
    }
    check(&format!("weir_bucket_sent_bytes_total{{{bucket}\"upload\"}} 10"));
    check(&format!("thanos_objstore_bucket_operation_fetched_bytes_total{{{bucket}\"get\"}} 10"));
    check(&format!("thanos_objstore_bucket_operation_fetched_bytes_total{{{bucket}\"get_range\"}} 3"));
    for operation in ["upload", "upload_if_absent", "get", "iter", "delete"] {
        check(&format!("thanos_objstore_bucket_operation_failures_total{{{bucket}\"{operation}\"}} 0"));
    }
}
