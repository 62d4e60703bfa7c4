//! What is wrong with the YAML itself, beside what is wrong with what it says.

use super::{GOOD, check};

#[test]
fn what_is_not_yaml_is_said_with_its_position() {
    check(&["name: [a"], &["a.yaml:1:9: name[1]: not YAML: while parsing a flow sequence, expected ',' or ']'"]);
    check(&["a: b: c"], &["a.yaml:1:5: not YAML: mapping values are not allowed in this context"]);
    check(
        &["name: p\nsource:\n\tpulse:\n"],
        &["a.yaml:3:2: source: not YAML: tabs disallowed within this context (block indentation)"],
    );
    check(
        &["name: p\nsource: [pulse\n"],
        &["a.yaml:2:15: source[1]: not YAML: while parsing a flow sequence, expected ',' or ']'"],
    );
    check(
        &["name: \"p"],
        &["a.yaml:1:7: name: not YAML: while scanning a quoted scalar, found unexpected end of stream"],
    );
    check(
        &["- a\nb: c"],
        &["a.yaml:2:1: [1]: not YAML: while parsing a block collection, did not find expected '-' indicator"],
    );
}

#[test]
fn yaml_beyond_one_plain_document_is_refused() {
    check(&["name: p\nname: q\nsource: pulse\nsink: keep"], &["a.yaml:2:1: name: this key is also on line 1"]);
    check(
        &["name: p\nsink: keep\nsource: { pulse: { batches: 1, batches: 2 } }"],
        &["a.yaml:3:32: source.pulse.batches: this key is also on line 3"],
    );
    check(&["name: &n p\nsource: *n\nsink: keep\n"], &["a.yaml:2:9: source: aliases (`*name`) are not supported"]);
    check(&[&format!("{GOOD}---\nname: q\n")], &["a.yaml:4:1: expected one document in a file, got a second one"]);
    check(&["? [a]\n: b\n"], &["a.yaml:1:3: expected a text as key"]);
    check(&["name: !secret p\nsource: pulse\nsink: keep\n"], &["a.yaml:1:7: name: tags (`!name`) are not supported"]);
    check(
        &["source: !!map { pulse: }\nname: p\nsink: keep\n"],
        &["a.yaml:1:9: source: tags (`!name`) are not supported"],
    );
    check(&[&"[".repeat(70)], &[&format!("a.yaml:1:65: {}: expected at most 64 levels", "[0]".repeat(64))]);
    check(&["a: 1\n".repeat(300_000).as_str()], &["a.yaml:1:1: expected at most 1048576 bytes, got 1500000"]);
    check(
        &[format!("[{}]", "a,".repeat(100_001)).as_str()],
        &["a.yaml:1:200000: [99999]: expected at most 100000 values"],
    );
}

#[test]
fn variables_that_can_not_be_filled_in_are_all_found() {
    check(
        &["name: ${NAME}\nsource: { pulse: { batches: '${COUNT}' } }\nsink: ${SINK\nstages: [a, '${B:c}']"],
        &[
            "a.yaml:1:7: name: the environment has no `NAME`, and there is no default",
            "a.yaml:2:29: source.pulse.batches: the environment has no `COUNT`, and there is no default",
            "a.yaml:3:7: sink: expected `}` after `${SINK`",
            "a.yaml:4:10: stages[0].a: unknown stage `a`, expected one of `deal`, `lossy`, `pass`, `rules`, `thin`",
            "a.yaml:4:13: stages[1]: expected `}` or `:-` after `${B`, got `:c`",
        ],
    );
}

#[test]
fn a_variable_without_quotes_in_a_flow_map_gets_a_hint() {
    let hint = "quote what has `${…}` within `{ }` or `[ ]`";
    let map = "not YAML: while parsing a flow mapping, did not find expected ',' or '}'";
    let list = "not YAML: while parsing a flow sequence, expected ',' or ']'";
    check(
        &[
            "source: { pulse: { batches: ${B} } }",
            "a:\n  b: { ä: 'ö', c: 127.0.0.1:${B:-1} }",
            "a: [1, ${B}]",
            "a: { b: {} {} }",
            "a: [$ {}]",
        ],
        &[
            &format!("a.yaml:1:30: source.pulse: {map}; {hint}"),
            &format!("b.yaml:2:30: a.b: {map}; {hint}"),
            &format!("c.yaml:1:9: a[2]: {list}; {hint}"),
            &format!("d.yaml:1:12: a: {map}"),
            &format!("e.yaml:1:7: a[1]: {list}"),
        ],
    );
}

#[test]
fn a_mistake_of_yaml_costs_only_the_node_that_it_is_at() {
    let settings = "      ratio: a\n      typo: 1\n";
    let stage = |text: &str| format!("{GOOD}stages:\n  - rules:\n{text}{settings}");
    let others = |line: usize| {
        [
            format!("a.yaml:{line}:14: stages[0].rules.ratio: expected a number, got `a`"),
            format!("a.yaml:{}:7: stages[0].rules.typo: unknown field `typo`, did you mean `on`?", line + 1),
        ]
    };
    let check_with = |text: &str, told: &str| {
        let [ratio, typo] = others(6 + text.lines().count());
        let typo = typo.replace("did you mean `on`?", FIELDS);
        check(&[&stage(text)], &[told, &ratio, &typo]);
    };
    check_with(
        "      rules: ${X}\n",
        "a.yaml:6:14: stages[0].rules.rules: the environment has no `X`, and there is no default",
    );
    check_with("      rules: !x []\n", "a.yaml:6:14: stages[0].rules.rules: tags (`!name`) are not supported");
    check_with(
        "      rules: !x [{ a: [b] }]\n",
        "a.yaml:6:14: stages[0].rules.rules: tags (`!name`) are not supported",
    );
    check_with(
        "      rules: &r []\n      spans: *r\n",
        "a.yaml:7:14: stages[0].rules.spans: aliases (`*name`) are not supported",
    );
    check_with("      rules: []\n      rules: [5]\n", "a.yaml:7:7: stages[0].rules.rules: this key is also on line 6");
    check_with(
        "      rules: []\n      filled: [1s, '${X}']\n",
        "a.yaml:7:20: stages[0].rules.filled[1]: the environment has no `X`, and there is no default",
    );
    // Wherever a value can stand.
    for field in ["window", "limit", "ratio", "count", "on", "shelf", "labels", "spans", "filled"] {
        let unset = "the environment has no `X`, and there is no default";
        let column = 31 + field.len();
        check(
            &[&format!("{GOOD}stages:\n  - rules: {{ rules: [], {field}: '${{X}}', typo: 1 }}\n")],
            &[
                &format!("a.yaml:5:{}: stages[0].rules.{field}: {unset}", column - 4),
                &format!("a.yaml:5:{}: stages[0].rules.typo: unknown field `typo`, {FIELDS}", column + 4),
            ],
        );
    }
}

const FIELDS: &str =
    "expected one of `rules`, `window`, `limit`, `ratio`, `count`, `on`, `shelf`, `labels`, `spans`, `filled`";

#[test]
fn what_stands_in_place_of_a_part_costs_only_that_part() {
    let unset = |place: &str| format!("a.yaml:{place}: the environment has no `X`, and there is no default");
    let typo = "a.yaml:4:1: typo: unknown field `typo`, expected one of `name`, `external_labels`, `source`, `stages`, \
                `sink`, `resources`, `tests`";
    check(&["name: ${X}\nsource: pulse\nsink: keep\ntypo: 1\n"], &[&unset("1:7: name"), typo]);
    check(&["name: p\nsource: ${X}\nsink: keep\ntypo: 1\n"], &[&unset("2:9: source"), typo]);
    check(&["name: p\nsource: pulse\nsink: ${X}\ntypo: 1\n"], &[&unset("3:7: sink"), typo]);
    check(&[&format!("{GOOD}stages: ${{X}}\n")], &[&unset("4:9: stages")]);
    check(
        &[&format!("{GOOD}stages: ['${{X}}', pass: 5]\n")],
        &[&unset("4:10: stages[0]"), "a.yaml:4:24: stages[1].pass: expected a map, got `5`"],
    );
    check(
        &[&format!("{GOOD}external_labels: {{ a: '${{X}}', b: [] }}\n")],
        &[&unset("4:23: external_labels.a"), "a.yaml:4:34: external_labels.b: expected a text, got a list"],
    );
    check(&["${X}"], &[&unset("1:1")]);
    check(&["? [a]\n: 1\nname: q\n"], &["a.yaml:1:3: expected a text as key"]);
    check(&["&a name: p\n*a : q\n"], &["a.yaml:2:1: aliases (`*name`) are not supported"]);
    check(
        &[&format!("{GOOD}stages: [thin: &t {{ metric: 5 }}, thin: {{ <<: *t }}, thin: {{ !x a: b }}, pass: 5]\n")],
        &[
            "a.yaml:4:46: stages[1].thin.<<: aliases (`*name`) are not supported",
            "a.yaml:4:60: stages[2].thin: tags (`!name`) are not supported",
            "a.yaml:4:77: stages[3].pass: expected a map, got `5`",
        ],
    );
}

#[test]
fn what_a_mistake_may_hide_is_not_reported_as_absent() {
    let user = "name: p\nsource: pulse\nsink: { keep: { shelf: s, takes: 5 } }";
    let takes = "b.yaml:3:34: sink.keep.takes: expected a duration such as `30s` or `1m30s`, got `5`";
    let unknown = |of: &str| format!("b.yaml:3:24: sink.keep.shelf: unknown resource `s`, {of}");
    // The resource itself is there.
    check(
        &["resources: { s: { shelf: { path: '${X}', zebra: 1 } } }", user],
        &[
            "a.yaml:1:34: resources.s.shelf.path: the environment has no `X`, and there is no default",
            "a.yaml:1:42: resources.s.shelf.zebra: unknown field `zebra`, expected one of `path`, `size`, `beside`, `fails`",
            takes,
        ],
    );
    check(
        &["resources: { s: '${X}' }", user],
        &["a.yaml:1:17: resources.s: the environment has no `X`, and there is no default", takes],
    );
    // A mistake elsewhere in its file hides nothing.
    check(
        &["resources: { r: { shelf: { path: '${X}' } } }", user],
        &[
            "a.yaml:1:34: resources.r.shelf.path: the environment has no `X`, and there is no default",
            &unknown("did you mean `r`?").replace("did you mean `r`?", "expected one of `r`"),
            takes,
        ],
    );
    // These may declare it.
    let hides = |text: &str, told: &str| check(&[text, user], &[told, takes]);
    hides("resources: ${X}", "a.yaml:1:12: resources: the environment has no `X`, and there is no default");
    hides("resources: {}\nresources: { s: 5 }", "a.yaml:2:1: resources: this key is also on line 1");
    hides("resources: { ? [a] : b }", "a.yaml:1:16: resources: expected a text as key");
    hides("resources: {}\n---\nresources: {}", "a.yaml:2:1: expected one document in a file, got a second one");
    hides("!x { resources: {} }", "a.yaml:1:1: tags (`!name`) are not supported");
}
