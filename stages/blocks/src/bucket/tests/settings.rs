//! What a pipeline file may say of a bucket.

use weir_pipeline::testing::{documented, settings};
use weir_pipeline::units::Bytes;

use super::super::Place;
use super::Bucket;

#[test]
fn settings_have_defaults_and_the_example_in_the_docs_is_right() {
    let main: Bucket = settings("{ s3: { bucket: metrics } }").unwrap();
    assert_eq!((main.index_cache, main.page_cache), (Bytes::mib(128), Bytes::mib(128)));
    let shown = format!("{main:?}");
    for part in
        ["us-east-1", "timeout: 30s", "connect_timeout: 5s", "attempts: 6", "within: 1m", "initial: 100ms", "max: 5s"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let short: Bucket = settings("{ s3: { bucket: metrics }, timeout: 1s }").unwrap();
    assert!(format!("{short:?}").contains("connect_timeout: 1s"), "{short:?}");
    #[derive(serde::Deserialize)]
    struct Main {
        bucket: Bucket,
    }
    let documented: Main = documented(include_str!("../../bucket.rs"), "main");
    assert!(matches!(documented.bucket.place, Place::Local(_)));
    let second = include_str!("../../bucket.rs").splitn(2, "//! ```\n").nth(1).unwrap();
    let documented: Main = documented_after(second);
    assert!(matches!(documented.bucket.place, Place::S3(..)));
}

fn documented_after<T: serde::de::DeserializeOwned>(source: &str) -> T {
    documented(source, "main")
}

#[test]
fn wrong_settings_are_refused_with_their_place() {
    let check = |yaml: &str, expect: &str| {
        let error = settings::<Bucket>(yaml).unwrap_err();
        assert_eq!(error, expect, "{yaml}");
    };
    check("{}", "1:1: expected one of `local` and `s3`");
    check("{ local: { path: '' } }", "1:18: local.path: expected a path, got an empty one");
    check("{ local: { path: x }, s3: { bucket: abc } }", "1:1: expected one of `local` and `s3`, got both");
    check("{ local: { path: x }, timeout: 3s }", "1:1: expected `timeout` only with `s3`: a directory has no requests");
    check("{ local: { path: x }, retry: {} }", "1:1: expected `retry` only with `s3`: a directory has no requests");
    check("{ s4: { bucket: abc } }", "1:3: s4: unknown field `s4`, did you mean `s3`?");
    check("{ s3: {} }", "1:7: s3: `bucket` is missing");
    check(
        "{ s3: { bucket: ab } }",
        "1:17: s3.bucket: expected 3 to 63 letters, digits, `.`, `-` and `_`, at the ends letters or digits, got `ab`",
    );
    check(
        "{ s3: { bucket: \"a/b c\" } }",
        "1:17: s3.bucket: expected 3 to 63 letters, digits, `.`, `-` and `_`, at the ends letters or digits, got `a/b c`",
    );
    check(
        "{ s3: { bucket: a.b.c } }",
        "1:7: s3: expected `path_style: true` with a dot in `bucket`, which no certificate covers, got `a.b.c`",
    );
    check(
        "{ s3: { bucket: abc, prefix: /a } }",
        "1:30: s3.prefix: expected a directory such as `weir/` or `a/b/`, got `/a`",
    );
    check(
        "{ s3: { bucket: abc, prefix: a//b } }",
        "1:30: s3.prefix: expected a directory such as `weir/` or `a/b/`, got `a//b`",
    );
    check(
        "{ s3: { bucket: abc, prefix: ../b } }",
        "1:30: s3.prefix: expected a directory such as `weir/` or `a/b/`, got `../b`",
    );
    check(
        "{ s3: { bucket: abc, endpoint: localhost } }",
        "1:32: s3.endpoint: expected an origin such as `https://s3.example.org` or `http://127.0.0.1:9000`, got `localhost`",
    );
    check(
        "{ s3: { bucket: abc, endpoint: \"ftp://x\" } }",
        "1:32: s3.endpoint: expected an origin such as `https://s3.example.org` or `http://127.0.0.1:9000`, got `ftp://x`",
    );
    check(
        "{ s3: { bucket: abc, endpoint: \"http://x/y\" } }",
        "1:32: s3.endpoint: expected an origin such as `https://s3.example.org` or `http://127.0.0.1:9000`, got `http://x/y`",
    );
    check(
        "{ s3: { bucket: abc, endpoint: \"http://me:hunter2@x\" } }",
        "1:32: s3.endpoint: expected an origin such as `https://s3.example.org` or `http://127.0.0.1:9000`, without user and password",
    );
    check(
        "{ s3: { bucket: abc, endpoint: \"http://127.0.0.1:9\", path_style: false } }",
        "1:7: s3: expected `path_style: true` with an address as `endpoint`, got `http://127.0.0.1:9/`",
    );
    check(
        "{ s3: { bucket: abc, region: \"\" } }",
        "1:30: s3.region: expected the name of a region such as `eu-central-1`, got ``",
    );
    check("{ s3: { bucket: abc, path_style: maybe } }", "1:34: s3.path_style: expected `true` or `false`, got `maybe`");
    check(
        "{ s3: { bucket: abc, credentials: mine } }",
        "1:35: s3.credentials: unknown value `mine`, did you mean `file`?",
    );
    check(
        "{ s3: { bucket: abc, credentials: { access_key_id: a } } }",
        "1:37: s3.credentials: unknown value `access_key_id`, expected one of `environment`, `instance`, `anonymous`, `file`",
    );
    check(
        "{ s3: { bucket: abc, allow_http: true } }",
        "1:22: s3.allow_http: unknown field `allow_http`, expected one of `bucket`, `prefix`, `endpoint`, `region`, `path_style`, `credentials`, `ca_file`, `max_requests`",
    );
    check("{ s3: { bucket: abc }, timeout: 0 }", "1:1: expected `timeout` above 0 and up to 1h, got `0s`");
    check(
        "{ s3: { bucket: abc }, timeout: 5 }",
        "1:33: timeout: expected a duration such as `30s` or `1m30s`, got `5`",
    );
    check(
        "{ s3: { bucket: abc }, timeout: 3s, connect_timeout: 5s }",
        "1:1: expected `connect_timeout` above 0 and up to `3s`, which is `timeout`, got `5s`",
    );
    check("{ s3: { bucket: abc }, retry: { attempts: 0 } }", "1:1: expected `retry.attempts` of 1 to 100, got `0`");
    check("{ s3: { bucket: abc }, retry: { within: 1h } }", "1:1: expected `retry.within` of at most 5m, got `1h`");
    check(
        "{ s3: { bucket: abc }, retry: { backoff: { initial: 0 } } }",
        "1:1: expected `retry.backoff.initial` above 0, got `0s`",
    );
    check(
        "{ s3: { bucket: abc }, retry: { backoff: { initial: 10s } } }",
        "1:1: expected `retry.backoff.initial` of at most `5s`, which is `retry.backoff.max`, got `10s`",
    );
    check("{ local: { path: x }, sweep: { after: 10m } }", "1:1: expected `sweep.after` of 1h to 7d, got `10m`");
    check("{ local: { path: x }, sweep: { every: 1s } }", "1:1: expected `sweep.every` of at least 1m, got `1s`");
    check(
        "{ s3: { bucket: abc }, index_cache: 5 }",
        "1:37: index_cache: expected a size such as `64MiB` or `1GB`, got `5`",
    );
}
