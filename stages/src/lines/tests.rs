//! Tests of `lines`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use weir_pipeline::histogram::BucketSpan;
use weir_pipeline::testing::{assert_sink_contract, batch};
use weir_pipeline::{Histogram, LabelSet};

use super::*;

#[test]
fn a_batch_is_text_or_json() {
    let batch = batch("up{job=\"a\"} 1 1000\nup{job=\"a\"} stale 2000\nx -0.5 3\nx NaN 4\nx +Inf 5");
    assert_eq!(
        Format::Text.lines(&batch),
        "up{job=\"a\"} 1 1000\nup{job=\"a\"} NaN 2000\nx -0.5 3\nx NaN 4\nx +Inf 5\n"
    );
    let json = Format::Json.lines(&batch.with_tenant("t".parse().unwrap()));
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines,
        [
            json!({ "tenant": "t", "metric": { "__name__": "up", "job": "a" }, "values": [1.0, "stale"], "timestamps": [1000, 2000] }),
            json!({ "tenant": "t", "metric": { "__name__": "x" }, "values": [-0.5, "NaN", "+Inf"], "timestamps": [3, 4, 5] }),
        ]
    );
}

#[tokio::test]
async fn json_has_native_histograms_and_text_drops_them() {
    let mut batch = Batch::builder("t".parse().unwrap());
    let positive = Buckets { spans: vec![BucketSpan { offset: -1, length: 1 }], counts: vec![2.0] };
    let histogram = Histogram { count: 2.0, sum: f64::NAN, positive, ..Histogram::default() };
    batch.series(LabelSet::from_iter([("__name__", "h")]).as_labels()).sample(5, 1.0);
    batch.histogram(HistogramPoint { timestamp: 1000, start: 0, histogram: histogram.into() });
    let batch = batch.build();
    let json: Value = serde_json::from_str(&Format::Json.lines(&batch)).unwrap();
    let none = json!({ "spans": [], "counts": [] });
    let expect = json!([{
        "timestamp": 1000, "schema": 0, "count": 2.0, "sum": "NaN", "zero_threshold": 0.0, "zero_count": 0.0,
        "positive": { "spans": [[-1, 1]], "counts": [2.0] }, "negative": none, "custom_bounds": [],
    }]);
    assert_eq!(json["histograms"], expect);
    for (format, written) in [(Format::Text, 1), (Format::Json, 2)] {
        let ack = sink(format, Vec::new(), "a list", |_| Ok(())).send(batch.clone()).await.unwrap();
        assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Dropped)), (written, 2 - written));
    }
}

#[test]
fn a_sink_of_lines_keeps_the_contract() {
    for format in [Format::Text, Format::Json] {
        assert_sink_contract::<Write>("lines", |_| Ok(sink(format, Vec::new(), "a list", |_| Ok(()))));
    }
}
