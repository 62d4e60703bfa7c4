//! Settings of stages that are wrong.

use super::{GOOD, check};

#[test]
fn every_mistake_in_the_settings_of_a_stage_is_found_and_nothing_else() {
    let stage = |settings: &str| {
        let lines: String = settings.lines().map(|line| format!("      {line}\n")).collect();
        format!("{GOOD}stages:\n  - rules:\n{lines}")
    };
    check(
        &[&stage("rules: []\nwindow: 5\nlimit: 5\nratio: a\ncount: -1\non: yes\nspans: [1s, 2, 3s, x]\n")],
        &[
            "a.yaml:7:15: stages[0].rules.window: expected a duration such as `30s` or `1m30s`, got `5`",
            "a.yaml:8:14: stages[0].rules.limit: expected a size such as `64MiB` or `1GB`, got `5`",
            "a.yaml:9:14: stages[0].rules.ratio: expected a number, got `a`",
            "a.yaml:10:14: stages[0].rules.count: expected a whole number from 0 to 65535, got `-1`",
            "a.yaml:11:11: stages[0].rules.on: expected `true` or `false`, got `yes`",
            "a.yaml:12:19: stages[0].rules.spans[1]: expected a duration such as `30s` or `1m30s`, got `2`",
            "a.yaml:12:26: stages[0].rules.spans[3]: expected a duration such as `30s` or `1m30s`, got `x`",
        ],
    );
    check(
        &[&stage("ruls: []\nwindoww: 5s\nlabels: { a: [], b: 5, c: true }\n")],
        &[
            "a.yaml:6:7: stages[0].rules.ruls: unknown field `ruls`, did you mean `rules`?",
            "a.yaml:7:7: stages[0].rules.windoww: unknown field `windoww`, did you mean `window`?",
            "a.yaml:8:20: stages[0].rules.labels.a: expected a text, got a list",
        ],
    );
    check(
        &[&stage(
            "rules:\n- { action: kep, label: a }\n- { action: keep }\n- { action: { hash: { modulus: x } }, label: [] }\n- \
             { action: hash, label: b }\n- { action: { keep: 5 }, label: b }\n- { action: { every: 5 }, label: b, too: c }\n",
        )],
        &[
            "a.yaml:7:19: stages[0].rules.rules[0].action: unknown value `kep`, did you mean `keep`?",
            "a.yaml:8:9: stages[0].rules.rules[1]: `label` is missing",
            "a.yaml:9:38: stages[0].rules.rules[2].action.hash.modulus: expected a whole number of at least 0, got `x`",
            "a.yaml:9:52: stages[0].rules.rules[2].label: expected a text, got a list",
            "a.yaml:10:19: stages[0].rules.rules[3].action: `modulus` is missing",
            "a.yaml:11:27: stages[0].rules.rules[4].action.keep: expected nothing below it, got `5`",
            "a.yaml:12:28: stages[0].rules.rules[5].action.every: expected a duration such as `30s` or `1m30s`, got `5`",
            "a.yaml:12:43: stages[0].rules.rules[5].too: unknown field `too`, did you mean `to`?",
        ],
    );
    check(
        &[&stage("rules: 5\ncount: 70000\nshelf: [a]\nratio: .inf\n")],
        &[
            "a.yaml:6:14: stages[0].rules.rules: expected a list, got `5`",
            "a.yaml:7:14: stages[0].rules.count: expected a whole number from 0 to 65535, got `70000`",
            "a.yaml:8:14: stages[0].rules.shelf: expected a text, got a list",
        ],
    );
    check(
        &[&stage("rules:\ncount: 1.5\nwindow: \nlimit: 5 apples\nlabels: []\n")],
        &[
            "a.yaml:6:12: stages[0].rules.rules: expected a list, got nothing",
            "a.yaml:7:14: stages[0].rules.count: expected a whole number from 0 to 65535, got `1.5`",
            "a.yaml:9:14: stages[0].rules.limit: expected a size such as `64MiB` or `1GB`, got `5 apples`",
            "a.yaml:10:15: stages[0].rules.labels: expected a map, got a list",
        ],
    );
    check(
        &[&stage("rules: []\nfilled: [x, 5]\n")],
        &[
            "a.yaml:7:16: stages[0].rules.filled[0]: expected a duration such as `30s` or `1m30s`, got `x`",
            "a.yaml:7:19: stages[0].rules.filled[1]: expected a duration such as `30s` or `1m30s`, got `5`",
        ],
    );
    check(
        &[&stage("rules: []\nfilled: []\n")],
        &["a.yaml:7:15: stages[0].rules.filled: expected at least one duration"],
    );
    check(
        &[&stage("rules: []\nwindow: { s: 5 }\nlimit: [5MiB]\nwindow2: 1s1m\n")],
        &[
            "a.yaml:7:15: stages[0].rules.window: expected a text, got a map",
            "a.yaml:8:14: stages[0].rules.limit: expected a text, got a list",
            "a.yaml:9:7: stages[0].rules.window2: unknown field `window2`, did you mean `window`?",
        ],
    );
    // All fields that are missing, although serde stops at the first of them.
    check(
        &[&stage("rules: [{}, { to: [] }, { label: a, action: { hash: } }]\ncount: x\n")],
        &[
            "a.yaml:6:15: stages[0].rules.rules[0]: `action` is missing",
            "a.yaml:6:15: stages[0].rules.rules[0]: `label` is missing",
            "a.yaml:6:19: stages[0].rules.rules[1]: `action` is missing",
            "a.yaml:6:19: stages[0].rules.rules[1]: `label` is missing",
            "a.yaml:6:25: stages[0].rules.rules[1].to: expected a text, got a list",
            "a.yaml:6:57: stages[0].rules.rules[2].action.hash: `modulus` is missing",
            "a.yaml:7:14: stages[0].rules.count: expected a whole number from 0 to 65535, got `x`",
        ],
    );
    // A list is no map, although serde would take its items for the fields.
    check(
        &[&stage("rules: [[keep, a], []]\n")],
        &[
            "a.yaml:6:15: stages[0].rules.rules[0]: expected a map, got a list",
            "a.yaml:6:26: stages[0].rules.rules[1]: expected a map, got a list",
        ],
    );
    check(
        &[&format!("{GOOD}stages: [rules, {{ rules: }}, {{ rules: 5 }}, {{ thin: [a] }}]\n")],
        &[
            "a.yaml:4:10: stages[0].rules: `rules` is missing",
            "a.yaml:4:24: stages[1].rules: `rules` is missing",
            "a.yaml:4:38: stages[2].rules: expected a map, got `5`",
            "a.yaml:4:51: stages[3].thin: expected a map, got a list",
        ],
    );
}
