//! Tests of `plan`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;
use crate::fixture::{plan, registry};

mod load;

#[track_caller]
fn check(texts: &[&str], expect: &str) {
    assert_eq!(plan(texts).unwrap().explain(None), expect);
}

#[test]
fn a_pipeline_is_shown_from_the_source_to_the_sink() {
    check(&["name: p\nsource: pulse\nsink: keep\n"], "p (write path, a.yaml)\n  source: pulse\n    sink: keep\n");
    check(
        &[
            "name: p\nexternal_labels: { cluster: local, az: '${HOME_DIR}' }\nsource: { pulse: { batches: 5 } }\nstages:\n  - \
           thin: { metric: up }\n  - pass:\n  - pass: {}\nsink: { keep: { takes: 5s } }\n",
        ],
        "p (write path, a.yaml)\n  source: pulse { batches: 5 }\n    external_labels: { az: /home, cluster: local }\n      \
         stages[0]: thin { metric: up }\n        stages[1]: pass\n          stages[2]: pass {}\n            \
         sink: keep { takes: 5s }\n",
    );
    check(
        &["name: p\nsource: desk\nstages: [clerk]\nsink: echo\n"],
        "p (read path, a.yaml)\n  source: desk\n    stages[0]: clerk\n      sink: echo\n",
    );
}

#[test]
fn what_is_below_a_fan_out_is_shown_once_for_all_branches() {
    check(
        &[
            "name: p\nsource: pulse\nstages:\n  - pass\n  - deal: { to: [a, b] }\n  - thin: { metric: up }\nsink: keep\n",
        ],
        "p (write path, a.yaml)\n  source: pulse\n    stages[0]: pass\n      stages[1]: deal { to: [a, b] }\n        \
         each branch:\n          stages[2]: thin { metric: up }\n            sink: keep\n",
    );
}

#[test]
fn secrets_are_not_shown_whatever_is_said_of_them() {
    let text = "name: p\nsource: pulse\nsink: { keep: { passwords: ['hunter2', '${HOME_DIR}', 5], takes: 5s } }\n";
    let plan = plan(&[text]).unwrap();
    let hidden = "name: p\nsource:\n  pulse:\nsink:\n  keep:\n    passwords:\n      - \"<secret>\"\n      - \"<secret>\"\n      \
                  - \"<secret>\"\n    takes: 5s\n";
    assert_eq!(plan.yaml(), hidden);
    assert_eq!(
        plan.explain(None),
        "p (write path, a.yaml)\n  source: pulse\n    \
         sink: keep { passwords: [<secret>, <secret>, <secret>], takes: 5s }\n"
    );
    let wrong = |passwords: &str| {
        let text = format!("name: p\nsource: pulse\nsink: {{ keep: {{ passwords: {passwords} }} }}\n");
        crate::fixture::plan(&[&text]).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(wrong("['']"), "a.yaml:3:29: sink.keep.passwords[0]: expected a text, got an empty one");
    assert!(!wrong("[['hunter2']]").contains("hunter2"));
}

#[test]
fn addresses_are_shown_without_what_follows_their_question_mark() {
    let text =
        "name: p\nsource: pulse\nsink: { keep: { locations: ['http://a/b?key=hunter2', http://a/b, '?x?y'] } }\n";
    let plan = plan(&[text]).unwrap();
    let hidden = "name: p\nsource:\n  pulse:\nsink:\n  keep:\n    locations:\n      - \"http://a/b?<secret>\"\n      \
                  - \"http://a/b\"\n      - \"?<secret>\"\n";
    assert_eq!(plan.yaml(), hidden);
    let shown = "sink: keep { locations: [http://a/b?<secret>, http://a/b, ?<secret>] }\n";
    assert!(plan.explain(None).ends_with(shown), "{}", plan.explain(None));
}

#[test]
fn as_yaml_it_reads_as_the_same_again() {
    let texts = [
        "resources:\n  a: { shelf: { path: '- x: #1', size: 5MiB, beside: [b] } }\n  b: { shelf: { path: 'ä\"\\' } }\n",
        "name: p\nexternal_labels: { cluster: '', az: \"1\\n2\" }\nsource: { pulse: { batches: 5 } }\nstages:\n  \
         - pass\n  - thin: { metric: '$${HOME_DIR}' }\n  - deal: { to: [a, b] }\n  - pass: {}\nsink: { keep: { shelf: a } }\n",
        "name: q\nsource: desk\nsink: echo\n",
    ];
    let first = plan(&texts).unwrap();
    let documents: Vec<String> = first.yaml().split("---\n").map(str::to_owned).collect();
    let again = plan(&documents.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    assert_eq!(again.yaml(), first.yaml());
    let tree = |plan: &Plan| plan.explain(None).replace("c.yaml", "b.yaml").replace("b.yaml", "a.yaml");
    assert_eq!(tree(&again), tree(&first), "{}", first.yaml());
}

#[test]
fn long_settings_are_cut() {
    let metric = "ä".repeat(200);
    check(
        &[&format!("name: p\nsource: pulse\nstages: [thin: {{ metric: {metric} }}]\nsink: keep\n")],
        &format!(
            "p (write path, a.yaml)\n  source: pulse\n    stages[0]: thin {{ metric: {}…\n      sink: keep\n",
            &metric[..180]
        ),
    );
}

#[test]
fn resources_come_after_those_that_they_name() {
    check(
        &[
            "resources:\n  a: { shelf: { path: a, beside: [b, d] } }\n  b: { shelf: { path: b, beside: [c] } }\n",
            "resources:\n  c: { shelf: { path: c, beside: [d] } }\n  d: { shelf: { path: d, size: 5MiB } }\n  \
             e: { shelf: { path: e } }\n",
        ],
        "resources, in the order in which they are opened\n  d: shelf { path: d, size: 5MiB }\n  \
         c: shelf { path: c, beside: [d] }\n  b: shelf { path: b, beside: [c] }\n  \
         a: shelf { path: a, beside: [b, d] }\n  e: shelf { path: e }\n",
    );
}

#[test]
fn one_file_of_several_can_be_shown() {
    let texts = ["name: p\nsource: pulse\nsink: keep\n", "name: q\nsource: desk\nsink: echo\n"];
    let plan = plan(&texts).unwrap();
    assert_eq!(plan.names(), ["p", "q"]);
    assert_eq!(plan.explain(Some("b.yaml")), "q (read path, b.yaml)\n  source: desk\n    sink: echo\n");
    assert_eq!(plan.explain(Some("c.yaml")), "");
}

#[test]
fn a_component_may_stand_without_settings_or_with_empty_ones() {
    for sink in ["keep", "{ keep: }", "{ keep: {} }", "{ keep: ~ }", "'keep'"] {
        assert!(plan(&[&format!("name: p\nsource: pulse\nsink: {sink}\n")]).is_ok(), "{sink}");
    }
    for stages in ["", "[]", "~", "[pass, pass, pass: {}]"] {
        assert!(plan(&[&format!("name: p\nsource: pulse\nstages: {stages}\nsink: keep\n")]).is_ok(), "{stages}");
    }
}

#[test]
fn a_component_of_both_paths_is_of_the_path_of_its_source() {
    let plan = plan(&["name: p\nsource: desk\nstages: [pass]\nsink: echo\n"]).unwrap();
    assert!(matches!(&plan.pipelines[0], Pipeline::Read(_)));
}

#[test]
fn every_name_is_snake_case() {
    let registry = registry();
    let names = [registry.names::<Write>(), registry.names::<Read>()].concat().concat();
    let snake_case = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !name.contains("__")
            && !name.ends_with('_')
    };
    let all: Vec<&str> = names.into_iter().chain(registry.resource_names()).collect();
    assert_eq!(all.iter().filter(|name| !snake_case(name)).count(), 0, "{all:?}");
    assert!(all.len() > 10 && registry.twice().is_empty());
}
