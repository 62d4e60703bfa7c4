//! Tests of `scale`.

#![allow(clippy::unwrap_used)]

use weir_pipeline::Tenant;
use weir_pipeline::testing::{self, Subject};

use super::*;

fn scale(yaml: &str) -> Scale {
    testing::settings(yaml).unwrap()
}

#[track_caller]
fn check(yaml: &str, sent: &str, expect: &str) {
    let (out, ack) = scale(yaml).apply(testing::batch(sent)).unwrap();
    assert_eq!(out.iter().len(), testing::batch(expect).iter().len());
    assert_eq!((testing::text(&out), ack), (testing::text(&testing::batch(expect)), Ack::default()));
}

#[test]
fn multiplies_what_the_selector_selects() {
    check(
        "{ selector: 'temp{room=\"a\"}', factor: 0.5 }",
        r#"
        temp{room="a"} 20 1000
        temp{room="a"} 22 2000
        temp{room="b"} 20 1000
        "#,
        r#"
        temp{room="a"} 10 1000
        temp{room="a"} 11 2000
        temp{room="b"} 20 1000
        "#,
    );
}

#[test]
fn staleness_markers_stay() {
    check("{ selector: '{}', factor: 2 }", "temp 1 1\ntemp stale 2\ntemp NaN 3", "temp 2 1\ntemp stale 2\ntemp NaN 3");
}

#[test]
fn everything_else_stays() {
    let mut sent = Batch::builder(Tenant::new("acme").unwrap());
    let metadata = weir_pipeline::batch::Metadata { metric: "temp".into(), ..Default::default() };
    sent.series(testing::batch("temp 1").series(0).labels).sample_since(5, 7, 3.0).metadata(metadata.clone());
    let (out, _) = scale("{ selector: temp, factor: -1 }").apply(sent.build()).unwrap();
    assert_eq!((out.tenant().as_str(), out.metadata()), ("acme", &[metadata][..]));
    assert_eq!((out.series(0).start_timestamps, out.series(0).values), (&[5][..], &[-3.0][..]));
}

#[test]
fn registers_under_its_name() {
    let registry = weir_pipeline::Registry::default().with(crate::register);
    assert_eq!(registry.names::<weir_pipeline::Write>()[1], ["scale"]);
    assert!(registry.twice().is_empty());
}

#[test]
fn keeps_the_contract() {
    testing::assert_contract(Subject::transform(scale("{ selector: up, factor: 2 }")));
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let scale: Scale = testing::documented(include_str!("../scale.rs"), "scale");
    assert_eq!(scale.factor, 0.001);
}

#[test]
fn refuses_wrong_settings() {
    let error = |yaml: &str| testing::settings::<Scale>(yaml).unwrap_err();
    assert_eq!(error("{ selector: up }"), "1:1: `factor` is missing");
    assert_eq!(error("{ selector: up, factor: two }"), "1:25: factor: expected a number, got `two`");
    assert_eq!(
        error("{ selector: 'up{', factor: 2 }"),
        "1:13: selector: expected a selector such as `{job=\"a\"}`, got `up{`: 1:4: expected a label name or `}`, got \
         the end"
    );
    assert_eq!(
        error("{ metric: up, selector: up, factor: 2 }"),
        "1:3: metric: unknown field `metric`, expected one of `selector`, `factor`"
    );
}
