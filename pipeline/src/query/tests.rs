//! Tests of `query`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use crate::testing::batch;

#[tokio::test]
async fn batches_are_taken_once() {
    let batches = Batches::new(futures_util::stream::iter([Ok(batch("up 1")), Ok(batch("up 2"))]));
    let clone = batches.clone();
    assert_eq!(clone, batches);
    assert_eq!(batches.take().unwrap().count().await, 2);
    assert!(clone.take().is_none());
    assert_ne!(Batches::new(futures_util::stream::empty()), clone);
}

#[tokio::test]
async fn rows_are_taken_once() {
    let rows = Rows::new(RowForm::Csv, futures_util::stream::iter([Ok("a\n".into()), Ok("1\n".into())]));
    let clone = rows.clone();
    assert_eq!(clone, rows);
    assert_eq!(rows.take().unwrap().count().await, 2);
    assert!(clone.take().is_none());
    assert_ne!(Rows::new(RowForm::Csv, futures_util::stream::empty()), clone);
}
