//! Labels of targets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::Labels;
use weir_pipeline::exposition::{Event, Format, Parser};

use super::super::tests::job;
use super::*;

fn target(labels: &str) -> Target {
    let settings = format!("static_configs: [ {{ targets: ['h:1'], labels: {{ {labels} }} }} ]");
    job(&settings).targets().remove(0)
}

/// What becomes of a series of the body at a target with these labels.
fn attached(labels: &str, series: &str, honor: bool) -> String {
    let body = format!("{series} 1\n");
    let target = target(labels);
    let Some(Ok(Event::Sample(sample))) = Parser::new(body.as_bytes(), Format::Text).next() else {
        panic!("expected a sample: {body}");
    };
    let mut all = SeriesLabels::default();
    target.attach(all.read(&sample), honor);
    let mut encoded = Vec::new();
    all.encode_into(&mut encoded);
    Labels::check(&encoded).unwrap().to_string()
}

#[test]
fn labels_of_the_body_that_the_target_has_too_are_renamed() {
    let check =
        |labels: &str, series: &str, expect: &str| assert_eq!(attached(labels, series, false), expect, "{series}");
    check("", "a", r#"a{instance="h:1", job="j"}"#);
    check("x: y", r#"a{b="c"}"#, r#"a{b="c", instance="h:1", job="j", x="y"}"#);
    check("", r#"a{job="mine"}"#, r#"a{exported_job="mine", instance="h:1", job="j"}"#);
    check("", r#"a{job="",instance="i"}"#, r#"a{exported_instance="i", instance="h:1", job="j"}"#);
    check(
        "",
        r#"a{job="1",exported_job="2"}"#,
        r#"a{exported_exported_job="1", exported_job="2", instance="h:1", job="j"}"#,
    );
    check("", r#"a{job="1",exported_job=""}"#, r#"a{exported_job="1", instance="h:1", job="j"}"#);
}

#[test]
fn short_names_are_renamed_first() {
    // Both are taken: `job` becomes what then is taken from `exported_job`.
    assert_eq!(
        attached("exported_job: e", r#"a{exported_job="2",job="1"}"#, false),
        r#"a{exported_exported_exported_job="2", exported_exported_job="1", exported_job="e", instance="h:1", job="j"}"#
    );
}

#[test]
fn labels_of_the_body_win_where_they_are_honored() {
    let check = |series: &str, expect: &str| assert_eq!(attached("x: y", series, true), expect, "{series}");
    check("a", r#"a{instance="h:1", job="j", x="y"}"#);
    check(r#"a{job="mine",x="z"}"#, r#"a{instance="h:1", job="mine", x="z"}"#);
    check(r#"a{instance=""}"#, r#"a{job="j", x="y"}"#);
}

#[test]
fn job_and_instance_can_be_set_by_hand() {
    assert_eq!(target("job: x, instance: y").own("up").to_string(), r#"up{instance="y", job="x"}"#);
    assert_eq!(target("job: '', b: ''").own("up").to_string(), r#"up{instance="h:1", job="j"}"#);
}

#[test]
fn targets_that_differ_have_other_hashes() {
    let hash = |settings: &str| job(settings).targets()[0].hash();
    let all = [
        hash("static_configs: [ { targets: ['h:1'] } ]"),
        hash("static_configs: [ { targets: ['h:2'] } ]"),
        hash("static_configs: [ { targets: ['h:1'], labels: { a: b } } ]"),
        hash("metrics_path: /x, static_configs: [ { targets: ['h:1'] } ]"),
        hash("params: { x: [y] }, static_configs: [ { targets: ['h:1'] } ]"),
    ];
    let different: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    // The same at every start: it places the target's scrapes.
    assert_eq!(all[0], hash("static_configs: [ { targets: ['h:1'] } ]"));
}
