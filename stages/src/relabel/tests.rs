//! Tests of `relabel`.
//!
//! `tests/prometheus.jsonl` holds what `model/relabel` of Prometheus 3.14 makes of rules and labels: a program read the
//! rules as YAML (and made 300 random ones), validated them with `UTF8Validation`, ran `ProcessBuilder`, and wrote the
//! labels, `null` for a dropped series, or the error. Their texts are not ours; that there is one is compared.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weir_pipeline::testing::{self, Subject};
use weir_pipeline::{LabelSet, Tenant};

use super::*;

fn relabel(rules: Value) -> Relabel {
    serde_json::from_value(json!({ "rules": rules })).unwrap()
}

fn labels(text: &Value) -> LabelSet {
    text.as_object().unwrap().iter().map(|(n, v)| (n.clone(), v.as_str().unwrap())).collect()
}

/// What the table would say.
fn outcome(stage: &Relabel, labels: Labels<'_>) -> Value {
    match stage.decide(labels) {
        Verdict::Dropped => Value::Null,
        Verdict::Invalid => json!("invalid"),
        Verdict::Same => json!(labels.iter().collect::<BTreeMap<_, _>>()),
        Verdict::Changed(encoded) => {
            json!(Labels::check(&encoded).expect("canonical").iter().collect::<BTreeMap<_, _>>())
        }
    }
}

fn check_table(table: &str) -> usize {
    let mut count = 0;
    for line in table.lines().filter(|l| l.starts_with('{')) {
        let case: Value = serde_json::from_str(line).unwrap();
        let stage: Result<Relabel, _> = serde_json::from_value(json!({ "rules": case["rules"] }));
        let got = match &stage {
            Ok(stage) => outcome(stage, labels(&case["in"]).as_labels()),
            Err(_) => json!("refused"),
        };
        let expect = match &case["out"] {
            _ if case.get("error").is_some() => json!("refused"),
            // Of a series without labels nothing is left to send on.
            Value::Object(out) if out.is_empty() => Value::Null,
            // Prometheus refuses it where it is stored.
            Value::Object(out) if out.contains_key("") => json!("invalid"),
            out => out.clone(),
        };
        assert_eq!(got, expect, "{line}\n{}", stage.err().map(|e| e.to_string()).unwrap_or_default());
        count += 1;
    }
    count
}

#[test]
fn makes_of_labels_what_prometheus_makes() {
    assert!(check_table(include_str!("tests/prometheus.jsonl")) > 350);
}

#[test]
fn refuses_wrong_rules() {
    fn check(rule: Value, expect: &str) {
        let error = serde_json::from_value::<Relabel>(json!({ "rules": [rule] })).unwrap_err();
        assert_eq!(error.to_string(), expect);
    }
    check(
        json!({"action": "foo"}),
        "expected an action of `replace`, `keep`, `drop`, `keepequal`, `dropequal`, `hashmod`, `labelmap`, \
         `labeldrop`, `labelkeep`, `lowercase`, `uppercase`, got `foo`",
    );
    check(json!({}), "`replace` needs a `target_label`");
    check(json!({"target_label": ""}), "`replace` needs a `target_label`");
    check(json!({"action": "LowerCase"}), "`lowercase` needs a `target_label`");
    check(json!({"action": "hashmod", "target_label": "a"}), "`hashmod` needs a `modulus` above 0");
    check(json!({"action": "hashmod", "target_label": "a", "modulus": 0}), "`hashmod` needs a `modulus` above 0");
    check(json!({"action": "hashmod", "modulus": 1}), "`hashmod` needs a `target_label`");
    check(json!({"action": "keepequal", "source_labels": ["a"]}), "`keepequal` needs a `target_label`");
    check(
        json!({"action": "uppercase", "target_label": "a", "replacement": "x"}),
        "`uppercase` takes no `replacement`, got `x`",
    );
    check(
        json!({"action": "keepequal", "target_label": "a", "regex": "(.*)"}),
        "`keepequal` takes only `source_labels` and `target_label`, got also `regex`",
    );
    check(
        json!({"action": "dropequal", "target_label": "a", "separator": "-"}),
        "`dropequal` takes only `source_labels` and `target_label`, got also `separator`",
    );
    check(
        json!({"action": "dropequal", "target_label": "a", "modulus": 2}),
        "`dropequal` takes only `source_labels` and `target_label`, got also `modulus`",
    );
    check(
        json!({"action": "labeldrop", "source_labels": []}),
        "`labeldrop` takes only `regex`, got also `source_labels`",
    );
    check(
        json!({"action": "labelkeep", "target_label": "a"}),
        "`labelkeep` takes only `regex`, got also `target_label`",
    );
    check(json!({"action": "labelkeep", "replacement": "a"}), "`labelkeep` takes only `regex`, got also `replacement`");
    check(
        json!({"action": "labelmap", "replacement": ""}),
        "`labelmap` needs a `replacement` that is a label name, got ``",
    );
    check(json!({"source_labels": [""], "target_label": "a"}), "expected a label name in `source_labels`, got ``");
    check(
        json!({"regex": "a(", "target_label": "a"}),
        "expected a regular expression in `regex`: error parsing regexp: missing closing ): `a(`",
    );
    check(
        json!({"target": "a"}),
        "unknown field `target`, expected one of `source_labels`, `separator`, `regex`, `modulus`, `target_label`, \
         `replacement`, `action`",
    );
    let error = |settings| serde_json::from_value::<Relabel>(settings).unwrap_err().to_string();
    assert_eq!(error(json!({})), "missing field `rules`");
    assert_eq!(error(json!({"rules": [], "if": "x"})), "unknown field `if`, expected `rules` or `cache`");
    assert_eq!(error(json!({"rules": [], "cache": "1"})), "expected a size such as `64MiB` or `1GB`, got `1`");
}

fn batch(series: &[(&[(&str, &str)], usize)]) -> Batch {
    let mut out = Batch::builder(Tenant::default());
    for (labels, samples) in series {
        out.series(labels.iter().copied().collect::<LabelSet>().as_labels());
        (0..*samples).for_each(|i| _ = out.sample(i as i64, i as f64));
    }
    out.build()
}

fn shown(batch: &Batch) -> Vec<(String, usize)> {
    batch.iter().map(|s| (s.labels.to_string(), s.values.len())).collect()
}

#[test]
fn samples_of_dropped_series_are_counted() {
    let stage = relabel(json!([
        {"source_labels": ["__name__"], "regex": "go_.*", "action": "drop"},
        {"regex": "pod", "action": "labeldrop"},
        {"regex": "x(.*)", "action": "labelmap"},
    ]));
    let sent = batch(&[
        (&[("__name__", "up"), ("pod", "a")], 2),
        (&[("__name__", "go_gc")], 3),
        (&[("pod", "b")], 4),
        (&[("x", "1"), ("__name__", "down")], 5),
        (&[("__name__", "up"), ("pod", "c")], 1),
    ]);
    let (out, ack) = stage.apply(sent.clone()).unwrap();
    assert_eq!(shown(&out), [("up".into(), 2), ("up".into(), 1)], "both entries stay");
    let entries: Vec<_> = ack.entries().iter().map(|e| (e.outcome, e.reason, e.count)).collect();
    assert_eq!(entries, [(Outcome::Dropped, "relabel", 7), (Outcome::Rejected, "invalid_label_name", 5)]);
    let detail = ack.entries()[1].detail.as_deref();
    assert_eq!(detail, Some("a relabel rule made an empty label name for down{x=\"1\"}"));
    assert_eq!(sent.sample_count() as u64, ack.total() + out.sample_count() as u64);
}

#[test]
fn samples_and_metadata_go_on_unchanged() {
    let mut sent = Batch::builder(Tenant::new("acme").unwrap());
    let metadata = weir_pipeline::batch::Metadata { metric: "up".into(), ..Default::default() };
    sent.series([("__name__", "up")].into_iter().collect::<LabelSet>().as_labels());
    sent.sample_since(1, 7, weir_pipeline::STALE).sample(6, -0.0).metadata(metadata.clone());
    let (out, ack) = relabel(json!([{"target_label": "zone", "replacement": "eu"}])).apply(sent.build()).unwrap();
    assert_eq!((out.tenant().as_str(), ack), ("acme", Ack::default()));
    let series = out.series(0);
    assert_eq!(series.labels.to_string(), "up{zone=\"eu\"}");
    assert_eq!(series.id, series.labels.id());
    assert_eq!((series.timestamps, series.start_timestamps), (&[7, 6][..], &[1, 0][..]));
    assert!(weir_pipeline::is_stale(series.values[0]) && series.values[1].is_sign_negative());
    assert_eq!(out.metadata(), [metadata]);
}

#[test]
fn what_no_rule_changes_shares_its_buffers() {
    let sent = batch(&[(&[("__name__", "up")], 1)]);
    let (out, _) = relabel(json!([{"regex": "pod", "action": "labeldrop"}])).apply(sent.clone()).unwrap();
    assert_eq!(out.series(0).timestamps.as_ptr(), sent.series(0).timestamps.as_ptr());
}

#[test]
fn clones_share_the_memory_and_remember_right() {
    let rules = json!([{"source_labels": ["i"], "regex": ".*[02468]", "action": "drop"}, {"regex": "i", "action": "labelmap", "replacement": "j"}]);
    let none = serde_json::from_value::<Relabel>(json!({"rules": rules, "cache": "0"})).unwrap();
    let small = serde_json::from_value::<Relabel>(json!({"rules": rules, "cache": "4KiB"})).unwrap();
    let large = relabel(rules);
    for round in 0..3 {
        for from in [0, 300, 100, 0] {
            let ids: Vec<String> = (from..from + 200).map(|i| i.to_string()).collect();
            let pairs: Vec<[(&str, &str); 1]> = ids.iter().map(|i| [("i", i.as_str())]).collect();
            let series: Vec<_> = pairs.iter().map(|p| (&p[..], 1)).collect();
            let expect = none.apply(batch(&series)).unwrap();
            for stage in [small.clone(), large.clone()] {
                let got = stage.apply(batch(&series)).unwrap();
                assert_eq!((shown(&got.0), got.1), (shown(&expect.0), expect.1.clone()), "round {round}");
            }
        }
    }
    assert!(small.memo.get().unwrap().bytes() <= 4096);
    assert!(large.memo.get().unwrap().bytes() > 100 * 80);
    assert_eq!(none.memo.get().unwrap().bytes(), 0);
}

#[test]
fn case_is_mapped_as_in_go() {
    // Where Rust's own mapping differs; all other characters were compared once with Go's, which has Unicode 15.
    for (from, lower, upper) in [
        ("İ", "i", "İ"),
        ("ΑΣ", "ασ", "ΑΣ"),
        ("ß", "ß", "ß"),
        ("ŉǰΐΰևẖẗẘẙẚ", "ŉǰΐΰևẖẗẘẙẚ", "ŉǰΐΰևẖẗẘẙẚ"),
        ("ﬀﬁﬂﬃﬄﬅﬆﬓﬔﬕﬖﬗ", "ﬀﬁﬂﬃﬄﬅﬆﬓﬔﬕﬖﬗ", "ﬀﬁﬂﬃﬄﬅﬆﬓﬔﬕﬖﬗ"),
        ("ὐὒὔὖᾶῆῒΐῖῗῢΰῤῦῧῶ", "ὐὒὔὖᾶῆῒΐῖῗῢΰῤῦῧῶ", "ὐὒὔὖᾶῆῒΐῖῗῢΰῤῦῧῶ"),
        ("ᾀᾇᾐᾗᾠᾧᾳῃῳ", "ᾀᾇᾐᾗᾠᾧᾳῃῳ", "ᾈᾏᾘᾟᾨᾯᾼῌῼ"),
        ("ᾈᾏᾘᾟᾨᾯᾼῌῼ", "ᾀᾇᾐᾗᾠᾧᾳῃῳ", "ᾈᾏᾘᾟᾨᾯᾼῌῼ"),
        ("ᾲᾴᾷῂῄῇῲῴῷ", "ᾲᾴᾷῂῄῇῲῴῷ", "ᾲᾴᾷῂῄῇῲῴῷ"),
        ("ǅ", "ǆ", "Ǆ"),
        ("ıſ", "ıſ", "IS"),
    ] {
        assert_eq!((case::lower(from).as_str(), case::upper(from).as_str()), (lower, upper), "{from}");
    }
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let stage: Relabel = testing::documented(include_str!("../relabel.rs"), "relabel");
    let labels: LabelSet = [("instance", "web:80")].into_iter().collect();
    let out = stage.relabel(labels.as_labels()).unwrap();
    assert_eq!(out.to_string(), "{host=\"web\", instance=\"web:80\"}");
}

#[test]
fn rules_read_from_yaml_as_prometheus_writes_them() {
    let stage: Relabel = testing::settings(
        "cache: 1MiB
rules:
- source_labels: [a, b]
  separator: ''
  regex: (?P<first>.)(.*)
  target_label: ${2}_x
  replacement: ${1}$${first}$$
- target_label: answer
  replacement: 42
- { action: HashMod, source_labels: [a], target_label: shard, modulus: 8 }
- { action: labeldrop, regex: 'a|b' }",
    )
    .unwrap();
    let labels: LabelSet = [("a", "p"), ("b", "q")].into_iter().collect();
    let out = stage.relabel(labels.as_labels()).unwrap();
    assert_eq!(out.to_string(), "{answer=\"42\", q_x=\"pp$\", shard=\"2\"}");
}

#[test]
fn mistakes_in_rules_say_where_they_are() {
    let error = testing::settings::<Relabel>(
        "rules:
- { action: drop, regex: 'a(' }
- { action: hash }
- { target_label: x, modulus: -1 }",
    );
    let error = error.unwrap_err();
    assert!(error.starts_with("2:"), "{error}");
    assert!(error.contains("expected a regular expression in `regex`: error parsing regexp: missing closing ): `a(`"));
}

#[test]
fn keeps_the_contract() {
    testing::assert_contract(Subject::transform(relabel(json!([
        {"source_labels": ["instance"], "regex": "host-[12].*", "action": "drop"},
        {"target_label": "job", "replacement": "x"},
        {"regex": "instance", "action": "labeldrop"},
    ]))));
    testing::assert_contract(Subject::transform(relabel(json!([]))));
    testing::assert_contract(Subject::transform(relabel(json!([{"action": "drop"}]))));
    testing::assert_contract(Subject::transform(relabel(json!([
        {"action": "labelmap", "regex": "job(.*)"},
    ]))));
}
