//! Tests of `block::damage`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::Kind;

use super::*;

#[test]
fn a_bucket_that_fails_keeps_its_kind_and_what_the_files_hold_is_a_fault() {
    let check = |error: ParquetError, kind: Kind, report: &str| {
        let error = Damage::from(error).of(&Path::from("t/raw/b"));
        assert_eq!((error.kind(), error.report().as_str()), (kind, report));
    };
    let away = Kind::Unavailable { retry_after: None };
    let bucket = ParquetError::External(Box::new(Error::unavailable("away")));
    check(bucket, away, "block `t/raw/b` can't be read: away");
    let files = "block `t/raw/b` can't be read: Parquet error: odd";
    check(ParquetError::General("odd".into()), Kind::Internal, files);
    let other = ParquetError::External("odd".into());
    check(other, Kind::Internal, "block `t/raw/b` can't be read: odd");
}
