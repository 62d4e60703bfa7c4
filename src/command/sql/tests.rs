//! Tests of `sql`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use serde_json::json;

use super::bucket::settings;
use super::*;

#[test]
fn a_bucket_is_a_directory_or_behind_s3() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display().to_string();
    let none = |_: &str| None;
    for place in [path.clone(), format!("file://{path}")] {
        let shown = format!("{:?}", settings(&place, none).unwrap());
        assert!(shown.contains(&format!("path: {path:?}")), "{shown}");
    }
    let shown = |place: &str| format!("{:?}", settings(place, none).unwrap());
    let s3 = shown("s3://metrics/a/b?endpoint=http://127.0.0.1:9000&region=x&path_style=true&credentials=anonymous");
    for part in ["metrics", "a/b", "127.0.0.1", "\"x\"", "path_style: Some(true)", "Anonymous"] {
        assert!(s3.contains(part), "{part}: {s3}");
    }
    let environment = |name: &str| match name {
        "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:9000".to_owned()),
        "AWS_REGION" => Some("there".to_owned()),
        "AWS_DEFAULT_REGION" => Some("elsewhere".to_owned()),
        _ => None,
    };
    let s3 = format!("{:?}", settings("s3://metrics?endpoint=http%3A%2F%2F127.0.0.2:1", environment).unwrap());
    assert!(s3.contains("127.0.0.2") && s3.contains("\"there\""), "{s3}");
}

#[test]
fn what_is_wrong_with_a_bucket_is_told() {
    let check = |place: &str, expect: &str| {
        let error = settings(place, |_| None).expect_err(place);
        assert!(error.contains(expect), "{place}: {error}");
    };
    check("/nothing/here", "expected a directory that is a bucket, got `/nothing/here`");
    check("gs://metrics", "got one with `gs://`");
    check("s3://", "expected 3 to 63 letters");
    check("s3://metrics?key=x", "expected one of `endpoint`, `region`, `path_style`, `credentials`");
    check("s3://metrics?endpoint=ftp://x", "expected an origin such as");
    check("s3://metrics?path_style=yes", "`--bucket`");
}

#[test]
fn a_table_has_a_line_for_each_line_of_a_text() {
    let columns = json!([{ "name": "kind", "type": "Utf8" }, { "name": "n", "type": "Int64" }]);
    let data = json!({ "columns": columns, "rows": [["Sort\n  Scan", 12], [null, 3]] });
    assert_eq!(table(&data), "kind     n\nSort    12\n  Scan\n         3\n");
}
