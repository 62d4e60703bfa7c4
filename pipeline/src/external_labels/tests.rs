//! Tests of `external_labels`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::batch::Metadata;
use crate::labels::Labels;
use crate::testing::{self, Subject, settings, text};

fn check(labels: &str, batch: &str, expect: &str) {
    let labels: ExternalLabels = settings(labels).unwrap();
    let (out, ack) = labels.apply(testing::batch(batch)).unwrap();
    assert_eq!(text(&out), text(&testing::batch(expect)));
    assert_eq!(ack, Ack::default());
    for series in out.iter() {
        assert!(Labels::check(series.labels.encoded()).is_ok());
        assert_eq!(series.id, series.labels.id());
    }
}

#[test]
fn labels_are_added_in_their_place() {
    check(
        "{ cluster: eu, zone: 1, aaa: x }",
        r#"up{job="node"} 1 1000
           up{job="node"} stale 2000
           {zz="9"} 2"#,
        r#"up{aaa="x", cluster="eu", job="node", zone="1"} 1 1000
           up{aaa="x", cluster="eu", job="node", zone="1"} stale 2000
           {aaa="x", cluster="eu", zone="1", zz="9"} 2"#,
    );
}

#[test]
fn a_label_that_is_there_stays() {
    check("{ cluster: eu }", r#"up{cluster="us"} 1"#, r#"up{cluster="us"} 1"#);
}

#[test]
fn an_empty_value_adds_nothing() {
    check("{ cluster: '' }", "up 1", "up 1");
}

#[test]
fn values_are_texts_also_where_they_look_like_numbers() {
    check("{ replica: 0, on: true }", "up 1", r#"up{on="true", replica="0"} 1"#);
}

#[test]
fn what_is_known_of_metrics_and_start_timestamps_stays() {
    let labels: ExternalLabels = settings("{ cluster: eu }").unwrap();
    let mut batch = Batch::builder("acme".parse().unwrap());
    batch.series(testing::batch("up 1").series(0).labels).sample_since(500, 1_000, 1.0);
    batch.metadata(Metadata { metric: "up".into(), ..Metadata::default() });
    let (out, _) = labels.apply(batch.build()).unwrap();
    assert_eq!((out.tenant().as_str(), out.metadata().len()), ("acme", 1));
    assert_eq!(out.series(0).start_timestamps, [500]);
}

#[test]
fn it_keeps_the_contract_of_stages() {
    testing::assert_contract(Subject::transform(settings::<ExternalLabels>("{ cluster: eu }").unwrap()));
}
