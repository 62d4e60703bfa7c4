//! What a sender hears of a sample whose time has another value already: over one store, and over three.

use std::net::SocketAddr;

use serde_json::json;
use weir_pipeline::{Batch, LabelSet, Tenant};
use weir_stages::remote_write::{self, Version};

use crate::cluster::QUERY;
use crate::harness::cluster::Cluster;
use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::{http, now};

/// The resources of a store node whose head is not cut meanwhile.
const STORE: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main, head: { cut_after: 1h } } }
";

/// Sends a sample of each of these series at one time, by remote write 2.0: the status, how many were written, and the text.
fn send(to: SocketAddr, at: i64, samples: &[(&str, f64)]) -> (u16, String, String) {
    let mut batch = Batch::builder(Tenant::default());
    for (of, value) in samples {
        batch.series(LabelSet::from_iter([("__name__", "up"), ("of", *of)]).as_labels());
        batch.sample(at, *value);
    }
    let (mut message, mut body) = (Vec::new(), Vec::new());
    remote_write::encode(&batch.build(), Version::V2, &mut message);
    remote_write::compress(&message, &mut body).unwrap();
    let content_type = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    let headers = [("Content-Encoding", "snappy"), ("Content-Type", content_type)];
    let response = http::request(to, "POST", "/api/v1/receive", &headers, &body).unwrap();
    let written = response.header("x-prometheus-remote-write-samples-written").unwrap_or("none").to_owned();
    (response.status, written, response.text())
}

/// What is said of each sample is what is read.
fn check(to: SocketAddr, api: SocketAddr) {
    let at = now() / 1000 * 1000;
    let read = |of: &str, expect: &str| {
        let (query, time) = (format!("up{{of=\"{of}\"}}"), (at / 1000).to_string());
        let found = http::api(api, "query", &[("query", &query), ("time", &time)]);
        assert_eq!(found["result"][0]["value"][1], json!(expect), "{found}");
    };
    let written = |samples: &[(&str, f64)]| {
        let (status, written, text) = send(to, at, samples);
        assert_eq!((status, written), (204, samples.len().to_string()), "{text}");
    };
    written(&[("a", 5.0)]);
    // Another value that loses is told, and what is beside it is written.
    let (status, of_two, text) = send(to, at, &[("a", 3.0), ("b", 1.0)]);
    assert_eq!((status, of_two.as_str()), (400, "1"), "{text}");
    assert!(text.contains("has another value at") && text.contains("which stays"), "{text}");
    read("a", "5");
    read("b", "1");
    // The same again is none, and one that wins is written.
    written(&[("a", 5.0), ("b", 1.0)]);
    written(&[("a", 7.0)]);
    read("a", "7");
}

#[test]
fn a_sample_whose_time_has_another_value_that_stays_is_told_and_not_counted_as_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    check(weir.receive, weir.api);
    weir.stop();
}

#[test]
fn a_cluster_tells_of_it_as_one_store_does() {
    let cluster = Cluster::start(tempfile::tempdir().unwrap(), STORE, QUERY, &[]);
    check(cluster.router.receive, cluster.query.api);
}
