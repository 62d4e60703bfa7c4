//! Tests of `bucket`.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use object_store::path::Path;

use super::objects::Objects;

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
async fn a_bucket_that_can_not_be_opened_or_read_says_what_and_where() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Objects::local(&file.join("below")).unwrap_err();
    assert!(error.to_string().contains("can't be opened"), "{error}");
    let missing = Objects::local(dir.path()).unwrap().get(&Path::from("no/such")).await.unwrap_err();
    assert_eq!(missing.to_string(), "the bucket can't read `no/such`");
}
