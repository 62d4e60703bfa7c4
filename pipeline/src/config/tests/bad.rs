//! Files that are wrong, with everything that is said about them.

use crate::fixture::plan;

/// The mistakes of files `a.yaml`, `b.yaml` and so on, a line each.
#[track_caller]
fn check(texts: &[&str], expect: &[&str]) {
    let mistakes = plan(texts).map(|plan| plan.explain(None)).expect_err("expected mistakes");
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(told, expect, "\n{}", texts.join("\n---\n"));
}

const GOOD: &str = "name: p\nsource: pulse\nsink: keep\n";

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
        &["source: { pulse: { batches: 1, batches: 2 } }"],
        &["a.yaml:1:32: source.pulse.batches: this key is also on line 1"],
    );
    check(&["name: &n p\nsource: *n\n"], &["a.yaml:2:9: source: aliases (`*name`) are not supported"]);
    check(&["name: p\n---\nname: q\n"], &["a.yaml:2:1: expected one document in a file, got a second one"]);
    check(&["? [a]\n: b\n"], &["a.yaml:1:3: expected a text as key"]);
    check(&["name: !secret p\n"], &["a.yaml:1:7: name: tags (`!name`) are not supported"]);
    check(&["source: !!map { pulse: }\n"], &["a.yaml:1:9: source: tags (`!name`) are not supported"]);
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
            "a.yaml:4:13: stages[1]: expected `}` or `:-` after `${B`, got `:c`",
        ],
    );
}

#[test]
fn the_top_of_a_file_is_a_map_of_known_fields() {
    check(
        &[""],
        &[
            "a.yaml:1:1: expected a map with `name`, `external_labels`, `source`, `stages`, `sink`, `resources`, `tests`, got nothing",
        ],
    );
    check(
        &["# nothing\n"],
        &[
            "a.yaml:1:1: expected a map with `name`, `external_labels`, `source`, `stages`, `sink`, `resources`, `tests`, got nothing",
        ],
    );
    check(
        &["{}"],
        &[
            "a.yaml:1:1: expected `name`, `external_labels`, `source`, `stages`, `sink`, `resources`, `tests`, got nothing",
        ],
    );
    check(
        &["- a"],
        &[
            "a.yaml:1:1: expected a map with `name`, `external_labels`, `source`, `stages`, `sink`, `resources`, `tests`, got a list",
        ],
    );
    check(
        &["text"],
        &[
            "a.yaml:1:1: expected a map with `name`, `external_labels`, `source`, `stages`, `sink`, `resources`, `tests`, got `text`",
        ],
    );
    check(&[&format!("{GOOD}stage: []\n")], &["a.yaml:4:1: stage: unknown field `stage`, did you mean `stages`?"]);
    check(
        &[&format!("{GOOD}zebra: []\n")],
        &[
            "a.yaml:4:1: zebra: unknown field `zebra`, expected one of `name`, `external_labels`, `source`, `stages`, `sink`, `resources`, `tests`",
        ],
    );
    check(&[&format!("{GOOD}tests: 5\n")], &["a.yaml:4:8: tests: expected a list, got `5`"]);
}

#[test]
fn a_pipeline_has_a_name_a_source_and_a_sink() {
    check(
        &["stages: []"],
        &["a.yaml:1:1: `name` is missing", "a.yaml:1:1: `sink` is missing", "a.yaml:1:1: `source` is missing"],
    );
    check(
        &["nam: p\nsourc: pulse\nsnk: keep"],
        &[
            "a.yaml:1:1: nam: unknown field `nam`, did you mean `name`?",
            "a.yaml:2:1: sourc: unknown field `sourc`, did you mean `source`?",
            "a.yaml:3:1: snk: unknown field `snk`, did you mean `sink`?",
        ],
    );
    check(
        &["name:\nsource:\nsink:\n"],
        &[
            "a.yaml:1:5: name: expected a text, got nothing",
            "a.yaml:2:7: source: expected a kind and its settings, got nothing",
            "a.yaml:3:5: sink: expected a kind and its settings, got nothing",
        ],
    );
    check(
        &["name: [a]\nsource: [pulse]\nsink: { keep: , echo: }\n"],
        &[
            "a.yaml:1:7: name: expected a text, got a list",
            "a.yaml:2:9: source: expected a kind and its settings, got a list",
            "a.yaml:3:7: sink: expected one kind with its settings below it, got `keep`, `echo`",
        ],
    );
    for name in ["-p", "_p", "5", "a.b", "a b", "\"\"", "ä"] {
        let message = format!(
            "a.yaml:1:7: name: expected letters, digits, `-` and `_`, a letter first, got `{}`",
            name.trim_matches('"')
        );
        check(&[&format!("name: {name}\nsource: pulse\nsink: keep\n")], &[&message]);
    }
}

#[test]
fn resources_have_names_that_can_stand_in_a_place() {
    check(
        &["resources: { '': { shelf: { path: x } }, a.b: { shelf: { path: x } }, a-b_1: { shelf: { path: x } } }\n"],
        &[
            "a.yaml:1:14: resources.: expected letters, digits, `-` and `_`, a letter first, got ``",
            "a.yaml:1:42: resources.a.b: expected letters, digits, `-` and `_`, a letter first, got `a.b`",
        ],
    );
}

#[test]
fn unknown_kinds_are_said_with_the_nearest_one() {
    check(
        &["name: p\nsource: puls\nsink: kep\nstages: [thinn, { passs: {} }, zebra]\n"],
        &[
            "a.yaml:2:9: source.puls: unknown source `puls`, did you mean `pulse`?",
            "a.yaml:3:7: sink.kep: unknown sink `kep`, did you mean `keep`?",
            "a.yaml:4:10: stages[0].thinn: unknown stage `thinn`, did you mean `thin`?",
            "a.yaml:4:19: stages[1].passs: unknown stage `passs`, did you mean `pass`?",
            "a.yaml:4:32: stages[2].zebra: unknown stage `zebra`, expected one of `deal`, `lossy`, `pass`, `rules`, `thin`",
        ],
    );
    check(
        &["name: p\nsource: zebra\nsink: zebra\n"],
        &[
            "a.yaml:2:9: source.zebra: unknown source `zebra`, expected one of `door`, `pulse`, `desk`",
            "a.yaml:3:7: sink.zebra: unknown sink `zebra`, expected one of `keep`",
        ],
    );
    check(
        &["name: p\nsource: dusk\nsink: echo\n"],
        &["a.yaml:2:9: source.dusk: unknown source `dusk`, did you mean `desk`?"],
    );
    check(
        &["resources: { a: { shel: { path: x } }, b: { zebra: }, c: }\n"],
        &[
            "a.yaml:1:19: resources.a.shel: unknown resource `shel`, did you mean `shelf`?",
            "a.yaml:1:45: resources.b.zebra: unknown resource `zebra`, expected one of `shelf`",
            "a.yaml:1:56: resources.c: expected a kind and its settings, got nothing",
        ],
    );
}

#[test]
fn a_component_of_the_other_path_is_refused() {
    check(
        &["name: p\nsource: desk\nstages: [thin, pass, rules]\nsink: keep\n"],
        &[
            "a.yaml:3:10: stages[0].thin: stage `thin` is not for the read path, which the source begins",
            "a.yaml:3:22: stages[2].rules: stage `rules` is not for the read path, which the source begins",
            "a.yaml:4:7: sink.keep: sink `keep` is not for the read path, which the source begins",
        ],
    );
    check(
        &["name: p\nsource: pulse\nstages: [clerk, pass]\nsink: echo\n"],
        &[
            "a.yaml:3:10: stages[0].clerk: stage `clerk` is not for the write path, which the source begins",
            "a.yaml:4:7: sink.echo: sink `echo` is not for the write path, which the source begins",
        ],
    );
}

#[test]
fn stages_are_a_list_of_one_kind_each() {
    check(&[&format!("{GOOD}stages: pass\n")], &["a.yaml:4:9: stages: expected a list, got `pass`"]);
    check(&[&format!("{GOOD}stages: {{ pass: }}\n")], &["a.yaml:4:9: stages: expected a list, got a map"]);
    check(
        &[&format!("{GOOD}stages:\n  - pass:\n    thin: {{ metric: a }}\n  -\n  - [pass]\n  - {{}}\n")],
        &[
            "a.yaml:5:5: stages[0]: expected one kind with its settings below it, got `pass`, `thin`",
            "a.yaml:7:4: stages[1]: expected a kind and its settings, got nothing",
            "a.yaml:8:5: stages[2]: expected a kind and its settings, got a list",
            "a.yaml:9:5: stages[3]: expected a kind and its settings, got a map",
        ],
    );
}

#[test]
fn external_labels_are_texts_of_a_pipeline_that_writes() {
    check(
        &["name: p\nsource: desk\nsink: echo\nexternal_labels: { a: b }\n"],
        &["a.yaml:4:18: external_labels: external labels belong to a pipeline that writes"],
    );
    check(
        &[&format!("{GOOD}external_labels: {{ __name__: a, '': b, c: [d], e: }}\n")],
        &[
            "a.yaml:4:20: external_labels.__name__: expected the name of a label, got `__name__`",
            "a.yaml:4:33: external_labels.: expected the name of a label, got ``",
            "a.yaml:4:43: external_labels.c: expected a text, got a list",
            "a.yaml:4:49: external_labels.e: expected a text, got nothing",
        ],
    );
    check(&[&format!("{GOOD}external_labels: a\n")], &["a.yaml:4:18: external_labels: expected a map, got `a`"]);
    check(&[&format!("{GOOD}external_labels:\n")], &["a.yaml:4:16: external_labels: expected a map, got nothing"]);
}

#[test]
fn names_are_unique_over_all_files() {
    check(&[GOOD, GOOD], &["b.yaml:1:7: name: `p` is also the pipeline at a.yaml:1:7"]);
    check(
        &[
            "resources: { r: { shelf: { path: a } } }",
            "resources:\n  r: { shelf: { path: b } }\n  s: { shelf: { path: c } }",
        ],
        &["b.yaml:2:3: resources.r: `r` is also declared at a.yaml:1:14"],
    );
}

#[test]
fn resources_that_are_named_exist_and_do_not_need_each_other() {
    check(
        &["resources: { central: { shelf: { path: a } } }\nname: p\nsource: pulse\nsink: { keep: { shelf: centrl } }"],
        &["a.yaml:4:24: sink.keep.shelf: unknown resource `centrl`, did you mean `central`?"],
    );
    check(
        &["name: p\nsource: pulse\nsink: { keep: { shelf: central } }"],
        &["a.yaml:3:24: sink.keep.shelf: unknown resource `central`, there is none"],
    );
    check(
        &["resources:\n  a: { shelf: { path: a, beside: [b] } }\n  b: { shelf: { path: b, beside: [x, c] } }\n  \
           c: { shelf: { path: b, beside: [b] } }\n"],
        &[
            "a.yaml:3:3: resources.b: resources that need each other: b → c → b",
            "a.yaml:3:35: resources.b.shelf.beside[0]: unknown resource `x`, expected one of `a`, `b`, `c`",
        ],
    );
    check(
        &["resources: { a: { shelf: { path: a, beside: [a] } } }"],
        &["a.yaml:1:14: resources.a: resources that need each other: a → a"],
    );
    // What is declared but wrong is no unknown resource.
    check(
        &["resources: { a: { shelf: { pat: a } } }\nname: p\nsource: pulse\nsink: { keep: { shelf: a } }"],
        &["a.yaml:1:28: resources.a.shelf.pat: unknown field `pat`, did you mean `path`?"],
    );
    // What is named may be declared in the file that can't be read.
    check(
        &["resources: { a: { shelf: { path: a }", "name: p\nsource: pulse\nsink: { keep: { shelf: a } }"],
        &["a.yaml:1:37: resources.a: not YAML: while parsing a flow mapping, did not find expected ',' or '}'"],
    );
    check(
        &["resources: [a]", "name: p\nsource: pulse\nsink: { keep: { shelf: a } }"],
        &["a.yaml:1:12: resources: expected a map, got a list"],
    );
}

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

#[test]
fn mistakes_of_several_files_come_sorted_by_file_and_position() {
    check(
        &[
            "name: p\nsource: { pulse: { batches: x } }\nsink: kep\nstage: 1\n",
            "name: [",
            "resources: { r: { shelf: } }\n",
            "name: p\nsource: pulse\nsink: { keep: { shelf: s, error: [], takes: 1 } }\n",
        ],
        &[
            "a.yaml:2:29: source.pulse.batches: expected a whole number from 0 to 4294967295, got `x`",
            "a.yaml:3:7: sink.kep: unknown sink `kep`, did you mean `keep`?",
            "a.yaml:4:1: stage: unknown field `stage`, did you mean `stages`?",
            "b.yaml:1:8: name[0]: not YAML: while parsing a node, did not find expected node content",
            "c.yaml:1:24: resources.r.shelf: `path` is missing",
            "d.yaml:1:7: name: `p` is also the pipeline at a.yaml:1:7",
            "d.yaml:3:34: sink.keep.error: expected a text, got a list",
            "d.yaml:3:45: sink.keep.takes: expected a duration such as `30s` or `1m30s`, got `1`",
        ],
    );
}

#[test]
fn a_program_that_registers_a_name_twice_says_so() {
    use crate::config::Env;
    let registry = crate::fixture::registry().with(|r| {
        r.sink::<crate::Write, crate::fixture::Keep>();
    });
    let mistakes = crate::plan::Plan::read(&[], &registry, &Env::from_fn(|_| None)).unwrap_err();
    assert_eq!(mistakes[0].to_string(), "weir:1:1: sink `keep` is registered twice");
}
