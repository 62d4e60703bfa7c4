//! Tests of `filter`.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use weir_pipeline::LabelSet;
use weir_pipeline::testing::{self, Subject};

use super::*;

fn filter(settings: Value) -> Filter {
    serde_json::from_value(settings).unwrap()
}

/// Which series of `up{job="a"}`, `up{job="b"}`, `go_gc{job="a"}` and `go_gc` pass.
#[track_caller]
fn check(settings: Value, expect: &[&str]) {
    let sent = testing::batch(
        r#"
        up{job="a"} 1 1
        up{job="a"} 2 2
        up{job="b"} 1 1
        up{job="b"} 2 2
        go_gc{job="a"} 1 1
        go_gc{job="a"} 2 2
        go_gc 1 1
        go_gc 2 2
        "#,
    );
    let (out, ack) = filter(settings).apply(sent.clone()).unwrap();
    let got: Vec<_> = out.iter().map(|s| s.labels.to_string()).collect();
    assert_eq!(got, expect);
    assert_eq!(ack, Ack::default().with(Outcome::Dropped, "filter", 2 * (4 - expect.len() as u64)));
    assert_eq!(out.sample_count() as u64 + ack.total(), 8);
}

#[test]
fn drops_what_a_selector_selects() {
    check(json!({"drop": ["{__name__=~\"go_.*\"}"]}), &["up{job=\"a\"}", "up{job=\"b\"}"]);
    check(json!({"drop": ["up{job=\"a\"}", "go_gc{job=\"\"}"]}), &["up{job=\"b\"}", "go_gc{job=\"a\"}"]);
    check(json!({"drop": ["{job!=\"a\"}"]}), &["up{job=\"a\"}", "go_gc{job=\"a\"}"]);
    check(json!({"drop": ["{}"]}), &[]);
    check(json!({"drop": ["down"]}), &["up{job=\"a\"}", "up{job=\"b\"}", "go_gc{job=\"a\"}", "go_gc"]);
}

#[test]
fn keeps_only_what_a_selector_selects() {
    check(json!({"keep": ["up"]}), &["up{job=\"a\"}", "up{job=\"b\"}"]);
    check(json!({"keep": ["up{job=\"b\"}", "{job!~\".+\"}"]}), &["up{job=\"b\"}", "go_gc"]);
    check(json!({"keep": ["down"]}), &[]);
}

#[test]
fn drop_wins_over_keep() {
    check(json!({"keep": ["up"], "drop": ["{job=\"a\"}"]}), &["up{job=\"b\"}"]);
}

#[test]
fn without_selectors_everything_passes() {
    let all = ["up{job=\"a\"}", "up{job=\"b\"}", "go_gc{job=\"a\"}", "go_gc"];
    check(json!({}), &all);
    check(json!({"keep": [], "drop": []}), &all);
}

#[test]
fn what_passes_as_a_whole_is_not_copied() {
    let sent = testing::batch("up 1");
    let (out, _) = filter(json!({"drop": ["go_gc"]})).apply(sent.clone()).unwrap();
    assert_eq!(out.series(0).values.as_ptr(), sent.series(0).values.as_ptr());
}

#[test]
fn refuses_wrong_selectors() {
    fn check(settings: Value, expect: &str) {
        assert_eq!(serde_json::from_value::<Filter>(settings).unwrap_err().to_string(), expect);
    }
    let selector = |got: &str, why: &str| format!("expected a selector such as `{{job=\"a\"}}`, got `{got}`: {why}");
    let one = |got: &str, why: &str| check(json!({"drop": [got]}), &selector(got, why));
    one("", "1:1: expected a metric name or `{`, got the end");
    one("{job=\"a\"", "1:9: expected `,` or `}`, got the end");
    one("{job=a}", "1:6: expected a string, got `a`");
    one("{job=~\"a(\"}", "1:7: error parsing regexp: missing closing ): `a(`");
    one("up[5m]", "1:3: expected the end of the selector, got `[`");
    one("rate(up[5m])", "1:5: expected the end of the selector, got `(`");
    one("up offset 5m", "1:4: expected the end of the selector, got `o`");
    one("up @ 0", "1:4: expected the end of the selector, got `@`");
    one("a or b", "1:3: expected the end of the selector, got `o`");
    one("{job=\"\\q\"}", "1:7: expected an escape sequence, got `\\q`");
    check(json!({"drop": [1]}), "invalid type: integer `1`, expected a string");
    check(json!({"keep": "up"}), "invalid type: string \"up\", expected a sequence");
    check(json!({"keep": [{"job": "a"}]}), "invalid type: map, expected a string");
    check(json!({"pass": ["up"]}), "unknown field `pass`, expected `keep` or `drop`");
    check(json!({"keep": null}), "invalid type: null, expected a sequence");
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let filter: Filter = testing::documented(include_str!("../filter.rs"), "filter");
    assert!(!filter.passes([("__name__", "go_gc")].into_iter().collect::<LabelSet>().as_labels()));
}

#[test]
fn keeps_the_contract() {
    testing::assert_contract(Subject::transform(filter(json!({"drop": ["{instance=~\"host-[12].*\"}"]}))));
    testing::assert_contract(Subject::transform(filter(json!({"keep": ["down"]}))));
    testing::assert_contract(Subject::transform(filter(json!({}))));
}
