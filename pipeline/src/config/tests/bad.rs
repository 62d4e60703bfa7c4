//! Files that are wrong, with everything that is said about them.

use crate::fixture::plan;

mod stages;
mod yaml;

/// The mistakes of files `a.yaml`, `b.yaml` and so on, a line each.
#[track_caller]
fn check(texts: &[&str], expect: &[&str]) {
    let mistakes = plan(texts).map(|plan| plan.explain(None)).expect_err("expected mistakes");
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(told, expect, "\n{}", texts.join("\n---\n"));
}

const GOOD: &str = "name: p\nsource: pulse\nsink: keep\n";

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
