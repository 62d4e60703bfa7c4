//! Native histograms and exemplars, from remote write to PromQL: before a cut, after `kill -9`, and from blocks.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use weir_pipeline::histogram::{BucketSpan, Buckets};
use weir_pipeline::{Batch, Exemplar, Histogram, HistogramPoint, LabelSet, Tenant};
use weir_stages::remote_write::{self, Version};

use crate::harness::process::free_address;
use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::{http, now, peers, wait_for};

/// How many histograms a series has, and their distance in milliseconds.
const POINTS: i64 = 60;
const STEP: i64 = 15_000;

/// A cumulative histogram with `n` observations in each of three buckets.
fn histogram(n: i64, custom: bool) -> Histogram {
    let counts = vec![n as f64, 2.0 * n as f64, n as f64];
    let positive = Buckets { spans: vec![BucketSpan { offset: 0, length: 3 }], counts };
    let plain = Histogram { count: 4.0 * n as f64, sum: 6.0 * n as f64, positive, ..Histogram::default() };
    match custom {
        true => Histogram { schema: -53, custom: vec![1.0, 2.0], ..plain },
        // By a threshold older Prometheus knows a native histogram in protobuf.
        false => Histogram { zero_threshold: 0.001, ..plain },
    }
}

fn request(at: i64, n: i64) -> Vec<u8> {
    let mut batch = Batch::builder(Tenant::default());
    for (name, custom) in [("request_seconds", false), ("size_bytes", true)] {
        batch.series(LabelSet::from_iter([("__name__", name), ("job", "api")]).as_labels());
        batch.histogram(HistogramPoint { timestamp: at, start: 0, histogram: Arc::new(histogram(n, custom)) });
        let labels = LabelSet::from_iter([("trace_id", format!("{name}-{n}"))]);
        batch.exemplar(Exemplar { labels, value: n as f64, timestamp: at });
    }
    let (mut message, mut body) = (Vec::new(), Vec::new());
    remote_write::encode(&batch.build(), Version::V2, &mut message);
    remote_write::compress(&message, &mut body).unwrap();
    body
}

/// Writes all histograms, the first of each series at `start`.
fn write(weir: &Weir, start: i64) {
    let content_type = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    let headers = [("Content-Encoding", "snappy"), ("Content-Type", content_type)];
    for n in 0..POINTS {
        let body = request(start + n * STEP, n);
        let got = http::request(weir.receive, "POST", "/api/v1/receive", &headers, &body).unwrap();
        let header = |what: &str| {
            let name = format!("x-prometheus-remote-write-{what}-written");
            got.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.clone())
        };
        let written = ["samples", "histograms", "exemplars"].map(|what| header(what).unwrap());
        assert_eq!((got.status, written), (204, ["0", "2", "2"].map(str::to_owned)));
    }
}

/// The answers to all questions.
fn answers(weir: &Weir, start: i64, end: i64) -> Vec<Value> {
    let seconds = |ms: i64| (ms / 1000).to_string();
    let (start, end) = (seconds(start), seconds(end));
    let range = |query: &str| {
        let params = [("query", query), ("start", start.as_str()), ("end", end.as_str()), ("step", "15")];
        http::api(weir.api, "query_range", &params)
    };
    let mut all: Vec<Value> = [
        "histogram_quantile(0.9, rate(request_seconds[5m]))",
        "histogram_quantile(0.5, sum by (job) (rate(size_bytes[5m])))",
        "histogram_count(request_seconds)",
        "request_seconds",
        "size_bytes",
    ]
    .map(range)
    .into();
    all.push(http::api(weir.api, "query", &[("query", "size_bytes"), ("time", &end)]));
    let params = [("query", "request_seconds"), ("start", start.as_str()), ("end", end.as_str())];
    all.push(http::api(weir.api, "query_exemplars", &params));
    all
}

#[test]
fn histograms_answer_alike_before_a_cut_after_a_kill_and_from_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    let end = now() / STEP * STEP;
    let start = end - (POINTS - 1) * STEP;
    write(&weir, start);
    let before = answers(&weir, start, end);
    // Nine tenths of the observations are below, within the third bucket, from 2 to 4.
    let last = before[0]["result"][0]["values"].as_array().unwrap().last().unwrap().clone();
    let quantile: f64 = last[1].as_str().unwrap().parse().unwrap();
    assert!((2.0..=4.0).contains(&quantile), "{quantile}");
    let shown = &before[5]["result"][0]["histogram"][1];
    let n = POINTS - 1;
    assert_eq!(shown["count"], (4 * n).to_string());
    assert_eq!(shown["sum"], (6 * n).to_string());
    assert_eq!(shown["buckets"].as_array().unwrap().len(), 3, "{shown}");
    let exemplars = before[6][0]["exemplars"].as_array().unwrap();
    assert_eq!((exemplars.len(), &exemplars[7]["value"]), (POINTS as usize, &Value::from("7")));
    assert_eq!(before[3]["result"][0]["histograms"].as_array().unwrap().len(), POINTS as usize);

    weir.kill();
    weir.start(&[]);
    assert_eq!(answers(&weir, start, end), before, "after kill -9, from the log");

    weir.stop();
    weir.start(&[("CUT_AFTER", "1s")]);
    wait_for("a cut", Duration::from_secs(60), || {
        (weir.metric("prometheus_tsdb_blocks_loaded") > 0.0 && weir.metric("weir_store_head_samples") == 0.0)
            .then_some(())
    });
    assert_eq!(answers(&weir, start, end), before, "after a cut, from blocks");
    weir.kill();
    weir.start(&[]);
    assert_eq!(answers(&weir, start, end), before, "after kill -9, from blocks");
    weir.stop();
}

#[test]
fn a_prometheus_federates_native_histograms() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    let end = now() / STEP * STEP;
    write(&weir, end - (POINTS - 1) * STEP);
    let config = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs:
- job_name: federate
  metrics_path: /federate
  honor_labels: true
  params: {{ 'match[]': ['request_seconds'] }}
  static_configs: [ {{ targets: ['{api}'] }} ]
",
        api = weir.api
    );
    let flag = ["--enable-feature=native-histograms"];
    let Some(prometheus) = peers::prometheus_with(dir.path(), &config, free_address(), &flag) else { return };
    let n = POINTS - 1;
    for (query, expect) in [("histogram_count", 4 * n), ("histogram_sum", 6 * n)] {
        let query = format!("{query}(request_seconds)");
        wait_for("a federation", Duration::from_secs(30), || {
            let data = http::api(prometheus.address, "query", &[("query", &query)]);
            let value = data["result"][0]["value"][1].as_str().map(str::to_owned);
            value.map(|value| assert_eq!(value, expect.to_string(), "{query}"))
        });
    }
    weir.stop();
}
