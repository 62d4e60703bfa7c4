//! What a pipeline file may say of a store.

use weir_pipeline::testing::{documented, settings};
use weir_pipeline::units::{Bytes, Span};

use super::Declaration;

#[test]
fn settings_have_defaults_and_the_example_in_the_docs_is_right() {
    let good: Declaration = documented(include_str!("../../store.rs"), "store");
    assert_eq!((good.path.to_str(), good.bucket.name()), (Some("./data/central"), "local"));
    assert_eq!((good.head.memory, good.head.in_flight), (Bytes::mib(256), Bytes::mib(32)));
    assert_eq!((good.head.cut_after, good.head.max_future), (Span::from_secs(300), Span::from_secs(600)));
    assert_eq!(good.log.segment, Bytes::mib(64));
    assert_eq!((good.upload.one_copy, good.upload.take_over), (true, Span::from_secs(600)));
}

#[test]
fn wrong_settings_are_refused_with_their_place() {
    let check = |yaml: &str, expect: &str| {
        let error = settings::<Declaration>(yaml).unwrap_err();
        assert_eq!(error, expect, "{yaml}");
    };
    check("{ path: x, bucket: b, head: { memory: 1MiB } }", "1:39: head.memory: expected at least 8MiB, got `1MiB`");
    check(
        "{ path: x, bucket: b, head: { in_flight: 1KiB } }",
        "1:42: head.in_flight: expected at least 1MiB, got `1KiB`",
    );
    check(
        "{ path: x, bucket: b, head: { cut_after: 10ms } }",
        "1:42: head.cut_after: expected at least 1s, got `10ms`",
    );
    check(
        "{ path: x, bucket: b, head: { cut_after: 5 } }",
        "1:42: head.cut_after: expected a duration such as `30s` or `1m30s`, got `5`",
    );
    check(
        "{ path: x, bucket: b, head: { memry: 64MiB } }",
        "1:31: head.memry: unknown field `memry`, did you mean `memory`?",
    );
    check(
        "{ path: x, bucket: b, head: { max_future: -1s } }",
        "1:43: head.max_future: expected a duration such as `30s` or `1m30s`, got `-1s`",
    );
    check("{ path: x, bucket: b, head: 5 }", "1:29: head: expected a map, got `5`");
    check("{ path: x, bucket: b, log: { segment: 0 } }", "1:39: log.segment: expected at least 1MiB, got `0B`");
    check(
        "{ path: x, bucket: b, log: { segment: lots } }",
        "1:39: log.segment: expected a size such as `64MiB` or `1GB`, got `lots`",
    );
    check(
        "{ path: x, bucket: b, log: { segments: 1MiB } }",
        "1:30: log.segments: unknown field `segments`, did you mean `segment`?",
    );
    check(
        "{ path: x, bucket: b, upload: { take_over: 0s } }",
        "1:44: upload.take_over: expected at least 1s, got `0s`",
    );
    check("{ path: x, bucket: b, logs: {} }", "1:23: logs: unknown field `logs`, did you mean `log`?");
    check("{ bucket: b }", "1:1: `path` is missing");
    check("{ path: x }", "1:1: `bucket` is missing");
    check("{ path: '', bucket: b }", "1:9: path: expected a path, got an empty one");
    check("{ path: [x], bucket: b }", "1:9: path: expected path string, got a list");
    check("{ path: x, bucket: { b: 1 } }", "1:20: bucket: expected a text, got a map");
    check("store", "1:1: expected a map, got `store`");
}
