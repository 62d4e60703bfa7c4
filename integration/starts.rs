//! Start timestamps of floats, from remote write 2.0 to PromQL: before a cut, after `kill -9`, from blocks, and over a cluster.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use weir_pipeline::{Batch, LabelSet, Tenant};
use weir_stages::remote_write::{self, Version};

use crate::cluster::{QUERY, STORE};
use crate::harness::cluster::Cluster;
use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::{http, now, wait_for};

/// How many samples the series has, and their distance in milliseconds.
const POINTS: i64 = 60;
const STEP: i64 = 15_000;

/// Writes a counter that begins anew with every 20th sample, each time above the value before: only its starts tell.
fn write(to: SocketAddr, end: i64) {
    let time = |n: i64| end - (POINTS - 1 - n) * STEP;
    let mut batch = Batch::builder(Tenant::default());
    batch.series(LabelSet::from_iter([("__name__", "jobs_total"), ("job", "api")]).as_labels());
    (0..POINTS).for_each(|n| _ = batch.sample_since(time(n / 20 * 20) - 5_000, time(n), (10 * n) as f64));
    let (mut message, mut body) = (Vec::new(), Vec::new());
    remote_write::encode(&batch.build(), Version::V2, &mut message);
    remote_write::compress(&message, &mut body).unwrap();
    let content_type = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    let headers = [("Content-Encoding", "snappy"), ("Content-Type", content_type)];
    assert_eq!(http::request(to, "POST", "/api/v1/receive", &headers, &body).unwrap().status, 204);
}

/// The answers to all questions, the first of which tells how often the counter began anew.
fn answers(api: SocketAddr, end: i64) -> Vec<Value> {
    let time = (end / 1000).to_string();
    let instant = |query: &str| http::api(api, "query", &[("query", query), ("time", &time)]);
    ["resets(jobs_total[20m])", "increase(jobs_total[15m])", "rate(jobs_total[10m])", "start_timestamp(jobs_total)"]
        .map(instant)
        .into()
}

/// Holds the answers to what was written.
fn check(answers: &[Value], end: i64) {
    let value = |n: usize| answers[n]["result"][0]["value"][1].as_str().unwrap().parse::<f64>().unwrap();
    assert_eq!(value(0), 2.0);
    // What the counter had before it began anew counts, too.
    assert!(value(1) > 10.0 * POINTS as f64, "{}", value(1));
    assert_eq!(value(3), (end - 19 * STEP - 5_000) as f64 / 1000.0);
}

#[test]
fn starts_answer_alike_before_a_cut_after_a_kill_and_from_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    let end = now() / STEP * STEP;
    write(weir.receive, end);
    let before = answers(weir.api, end);
    check(&before, end);

    weir.kill();
    weir.start(&[]);
    assert_eq!(answers(weir.api, end), before, "after kill -9, from the log");

    weir.stop();
    weir.start(&[("CUT_AFTER", "1s")]);
    wait_for("a cut", Duration::from_secs(60), || {
        (weir.metric("prometheus_tsdb_blocks_loaded") > 0.0 && weir.metric("weir_store_head_samples") == 0.0)
            .then_some(())
    });
    assert_eq!(answers(weir.api, end), before, "after a cut, from blocks");
    weir.stop();
}

#[test]
fn a_cluster_that_lost_a_node_answers_with_starts_from_the_others() {
    let mut cluster = Cluster::start(tempfile::tempdir().unwrap(), STORE, QUERY, &[]);
    let end = now() / STEP * STEP;
    write(cluster.router.receive, end);
    let before = answers(cluster.query.api, end);
    check(&before, end);
    cluster.stores[0].kill();
    wait_for("cuts", Duration::from_secs(60), || {
        cluster.stores[1..].iter().all(|store| store.metric("weir_store_head_samples") == 0.0).then_some(())
    });
    assert_eq!(answers(cluster.query.api, end), before);
}
