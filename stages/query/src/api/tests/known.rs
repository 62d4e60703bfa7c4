//! What the store knows of metrics, and what its recent series are made of.

use serde_json::json;
use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::{Ask, Cardinality, Error};

use super::*;

fn said(metric: &str, kind: MetricKind, help: &str) -> Metadata {
    Metadata { metric: metric.into(), kind, help: help.into(), unit: String::new() }
}

#[tokio::test]
async fn what_is_said_of_metrics_comes_by_metric() {
    let all = vec![
        said("a", MetricKind::Counter, "one"),
        said("a", MetricKind::Gauge, "two"),
        said("b", MetricKind::GaugeHistogram, "<three>"),
    ];
    let running = start_with(Data::Metadata(all)).await;
    let check = async |path: &str, metric: Option<&str>, expect: serde_json::Value| {
        let got = running.get(&format!("/api/v1/metadata{path}")).await;
        assert_eq!((got.status, &got.json()["data"]), (200, &expect), "{path}");
        let asked = running.seen().remove(0).ask;
        assert!(
            matches!(&asked, Ask::Metadata { metric: asked, bucket: None } if asked.as_deref() == metric),
            "{asked:?}"
        );
    };
    let one = json!({ "type": "counter", "help": "one", "unit": "" });
    let two = json!({ "type": "gauge", "help": "two", "unit": "" });
    let three = json!({ "type": "gaugehistogram", "help": "<three>", "unit": "" });
    check("", None, json!({ "a": [one, two], "b": [three] })).await;
    check("?limit=1", None, json!({ "a": [one, two] })).await;
    check("?limit=0", None, json!({})).await;
    check("?limit=-1&limit_per_metric=1&metric=a", Some("a"), json!({ "a": [one], "b": [three] })).await;
    for (path, error) in [("?limit=x", "limit must be a number"), ("?limit_per_metric=", "")] {
        let got = running.get(&format!("/api/v1/metadata{path}")).await;
        assert_eq!(got.error(), error);
    }
}

#[tokio::test]
async fn what_recent_series_are_made_of_has_prometheus_shape() {
    let found = Cardinality {
        series: 3,
        label_pairs: 5,
        chunks: 4,
        times: Some((1, 9)),
        by_metric: vec![("up".into(), 2)],
        values_by_label: vec![("job".into(), 2)],
        bytes_by_label: vec![("job".into(), 20)],
        by_pair: vec![("job=a".into(), 2)],
    };
    let running = start_with(Data::Cardinality(found)).await;
    let got = running.get("/api/v1/status/tsdb?limit=7").await.json();
    assert!(matches!(running.seen().remove(0).ask, Ask::Cardinality { limit: 7 }));
    let expect = json!({
        "headStats": { "numSeries": 3, "numLabelPairs": 5, "chunkCount": 4, "minTime": 1, "maxTime": 9 },
        "seriesCountByMetricName": [{ "name": "up", "value": 2 }],
        "labelValueCountByLabelName": [{ "name": "job", "value": 2 }],
        "memoryInBytesByLabelName": [{ "name": "job", "value": 20 }],
        "seriesCountByLabelValuePair": [{ "name": "job=a", "value": 2 }],
    });
    assert_eq!(got["data"], expect);
    running.get("/api/v1/status/tsdb").await;
    assert!(matches!(running.seen().remove(0).ask, Ask::Cardinality { limit: 10 }));
    for (limit, error) in [("0", "a positive number"), ("x", "a positive number"), ("10001", "not exceed 10000")] {
        let got = running.get(&format!("/api/v1/status/tsdb?limit={limit}")).await;
        assert!(got.status == 400 && got.error().contains(error), "{limit}: {}", got.text());
    }
}

#[tokio::test]
async fn who_does_not_know_says_so() {
    let running = over_two_instances().await;
    assert_eq!(running.get("/api/v1/metadata").await.json()["data"], json!({}));
    let got = running.get("/api/v1/status/tsdb").await;
    assert_eq!((got.status, got.error().contains("does not tell")), (422, true));
    let running = start(settings(""), async |_| Err(Error::unavailable("away"))).await;
    assert_eq!(running.get("/api/v1/metadata").await.status, 503);
}
