//! Tests of `trial`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use crate::fixture::plan;

/// The outcome of the one test of a pipeline with these stages.
#[track_caller]
fn check(stages: &str, test: &str, expect: &[&str]) {
    let text = format!(
        "name: p\nexternal_labels: {{ az: a }}\nsource: pulse\nstages: {stages}\nsink: {{ keep: {{ error: no }} }}\ntests:\n  - name: it\n{test}"
    );
    let trials = plan(&[&text]).unwrap().test().unwrap();
    let [trial] = trials.as_slice() else { panic!("expected one, got {trials:?}") };
    assert_eq!(trial.differences, expect);
    assert_eq!(trial.passed(), expect.is_empty());
}

const INPUT: &str = "    input: |\n      a 1 1000\n      b{x=\"y\"} stale 2000\n";

#[test]
fn what_reaches_the_sink_is_compared() {
    let output =
        "    output: |\n      # in any order\n      b{x=\"y\", az=\"a\"} stale 2000\n\n      a{az=\"a\"} 1 1000\n";
    check("[]", &format!("{INPUT}{output}"), &[]);
    check("[pass, pass]", &format!("{INPUT}{output}"), &[]);
    check("[thin: { metric: a }]", &format!("{INPUT}{output}"), &["- a{az=\"a\"} 1 1000"]);
    check("[]", INPUT, &["+ a{az=\"a\"} 1 1000", "+ b{az=\"a\", x=\"y\"} stale 2000"]);
    check("[]", "    input: a 1\n    output: a 1", &["- a 1", "+ a{az=\"a\"} 1"]);
}

#[test]
fn a_sample_that_comes_twice_is_one_too_many_but_below_a_fan_out() {
    check("[]", "    input: |\n      a 1\n      a 1\n    output: a{az=\"a\"} 1\n", &["+ a{az=\"a\"} 1"]);
    let twice =
        "    input: |\n      a 1\n      b 1\n      a 1\n    output: |\n      a{az=\"a\"} 1\n      b{az=\"a\"} 1\n";
    check("[deal: { to: [x, y] }]", twice, &[]);
}

#[test]
fn what_is_dropped_is_compared_where_the_test_says_it() {
    let dropped = |n| format!("{INPUT}    output: b{{az=\"a\", x=\"y\"}} stale 2000\n    dropped: {{ thin: {n} }}\n");
    check("[thin: { metric: a }]", &dropped(1), &[]);
    check("[thin: { metric: a }]", &dropped(2), &["+ dropped thin: 1", "- dropped thin: 2"]);
    check("[]", "    input: a 1\n    output: a{az=\"a\"} 1\n    dropped: {}\n", &[]);
}

#[test]
fn an_error_is_told_in_the_place_of_what_was_expected() {
    let expect = ["+ the error `p.stages[0].pass: torn`"];
    check("[pass: { error: torn }]", &format!("{INPUT}    output: a 1"), &expect);
    let expect = ["+ the error `p.stages[0].pass: expected something to build with`"];
    check("[pass: { unbuildable: true }]", INPUT, &expect);
}

#[test]
fn each_test_of_each_file_is_there_with_its_place() {
    let p = "name: p\nsource: pulse\nsink: keep\ntests:\n  - { name: one, input: a 1, output: a 1 }\n  - { name: two, input: a 1 }\n";
    let q = "name: q\nsource: desk\nsink: echo\ntests:\n";
    let trials = plan(&[p, q]).unwrap().test().unwrap();
    let shown: Vec<String> = trials.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["passed  a.yaml:5:5: p: one", "FAILED  a.yaml:6:5: p: two\n    + a 1"]);
}

#[test]
fn mistakes_in_tests_are_mistakes_of_the_file() {
    let check = |text: &str, expect: &[&str]| {
        let told: Vec<String> = plan(&[text]).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(told, expect, "{text}");
    };
    let p = "name: p\nsource: pulse\nsink: keep\ntests:\n";
    check(
        &format!("{p}  - {{ name: one, input: 'a b', outputs: a 1 }}\n"),
        &[
            "a.yaml:5:25: tests[0].input: the line `a b`: expected a value, got `b`",
            "a.yaml:5:32: tests[0].outputs: unknown field `outputs`, did you mean `output`?",
        ],
    );
    check(&format!("{p}  - {{ name: one }}\n"), &["a.yaml:5:5: tests[0]: `input` is missing"]);
    check(
        &format!("{p}  - {{ name: one, input: a 1 }}\n  - {{ name: one, input: a 1 }}\n"),
        &["a.yaml:6:5: tests[1]: `one` is also the test on line 5"],
    );
    check(
        "name: q\nsource: desk\nsink: echo\ntests:\n  - { name: one, input: a 1 }\n",
        &["a.yaml:5:3: tests: tests belong to a pipeline that writes"],
    );
}
