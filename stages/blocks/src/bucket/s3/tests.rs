//! Tests of `s3`.
#![allow(clippy::unwrap_used)]

use weir_pipeline::testing::{context, settings};

use super::{Endpoint, Patience, Prefix, Requests, S3};

#[tokio::test]
async fn the_bucket_is_in_the_path_or_in_the_host() {
    let check = |endpoint: &str, path_style: bool, expect: &str| {
        let base = Endpoint::try_from(endpoint.to_owned()).unwrap().to_base("metrics", path_style);
        assert_eq!(base, expect);
    };
    check("http://127.0.0.1:9000", true, "http://127.0.0.1:9000");
    check("https://s3.example.org/", true, "https://s3.example.org");
    check("https://s3.example.org:8443", false, "https://metrics.s3.example.org:8443");
    let requests = Requests::new(&context());
    let s3: S3 = settings("{ bucket: metrics, endpoint: \"https://s3.example.org\", path_style: false }").unwrap();
    let store = s3.connect(&Patience::default(), requests.clone(), &|_| None).unwrap();
    assert!(format!("{store:?}").contains("https://metrics.s3.example.org\""), "{store:?}");
    let s3: S3 = settings("{ bucket: metrics, region: eu-central-1 }").unwrap();
    let store = s3.connect(&Patience::default(), requests.clone(), &|_| None).unwrap();
    assert!(format!("{store:?}").contains("https://metrics.s3.eu-central-1.amazonaws.com\""), "{store:?}");
}

#[test]
fn a_prefix_is_a_directory_with_or_without_its_slash() {
    let check =
        |prefix: &str, expect: &str| assert_eq!(Prefix::try_from(prefix.to_owned()).unwrap().0.as_ref(), expect);
    check("", "");
    check("weir", "weir");
    check("weir/", "weir");
    check("a/b/", "a/b");
}
