//! A real Prometheus reads from Weir: remote read and federation, over TLS, with a password and with a token.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::harness::certificates::certificates;
use crate::harness::peers;
use crate::harness::process::free_address;
use crate::harness::weir::{PIPELINES, SECURE, Weir};
use crate::harness::writers::{SERIES, body, post};
use crate::harness::{http, now, wait_for};

/// How many samples each series has, and their distance in milliseconds: several chunks.
const SAMPLES: i64 = 300;
const STEP: i64 = 1000;

/// The values of each series of a range query.
fn values(data: &Value) -> BTreeMap<String, Value> {
    let series = data["result"].as_array().unwrap().iter();
    series.map(|series| (series["metric"].to_string(), series["values"].clone())).collect()
}

#[test]
fn a_prometheus_reads_and_federates_what_weir_has() {
    let dir = tempfile::tempdir().unwrap();
    let (path, secure) = (dir.path(), free_address());
    certificates(path);
    std::fs::write(path.join("tokens"), "a-token-of-a-test\n").unwrap();
    let config = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
remote_read:
- url: 'https://{secure}/api/v1/read'
  read_recent: true
  basic_auth: {{ username: alice, password: wonderland }}
  tls_config: {{ ca_file: '{ca}' }}
scrape_configs:
- job_name: federate
  scheme: https
  metrics_path: /federate
  honor_labels: true
  params: {{ 'match[]': ['crash_total'] }}
  authorization: {{ credentials: a-token-of-a-test }}
  tls_config: {{ ca_file: '{ca}' }}
  static_configs: [ {{ targets: ['{secure}'] }} ]
",
        ca = path.join("ca.crt").display()
    );
    let mut weir = Weir::new(path, &format!("{PIPELINES}{SECURE}"));
    weir.start(&[("SECURE", &secure.to_string())]);
    let end = now() / STEP * STEP;
    let start = end - (SAMPLES - 1) * STEP;
    for n in 0..SAMPLES {
        assert_eq!(post(weir.receive, &body(0, start + n * STEP)).unwrap().status, 204);
    }
    let Some(prometheus) = peers::prometheus(path, &config) else { return };

    let (first, last, step) = ((start / 1000).to_string(), (end / 1000).to_string(), (STEP / 1000).to_string());
    let ask = |at, query: &str| {
        let range = [("query", query), ("start", first.as_str()), ("end", last.as_str()), ("step", step.as_str())];
        http::api(at, "query_range", &range)
    };
    for query in ["crash_total{job=\"\"}", "max_over_time(crash_total{job=\"\"}[10s])"] {
        let (ours, theirs) = (values(&ask(weir.api, query)), values(&ask(prometheus.address, query)));
        assert_eq!(ours.len(), SERIES, "{query}");
        assert!(ours == theirs, "{query}");
    }
    let samples = values(&ask(prometheus.address, "crash_total{job=\"\"}"));
    assert!(samples.values().all(|values| values.as_array().is_some_and(|values| values.len() == SAMPLES as usize)));

    let federated = [("query", "count(crash_total{job=\"federate\"})")];
    wait_for("a federation", Duration::from_secs(30), || {
        let data = http::api(prometheus.address, "query", &federated);
        (data["result"][0]["value"][1].as_str() == Some(SERIES.to_string().as_str())).then_some(())
    });
    // Everybody showed what is right; and nobody sees the hash.
    assert_eq!(weir.metric("weir_http_unauthorized_total"), 0.0);
    assert!(http::get(weir.api, "/api/v1/status/config").unwrap().text().contains("alice: \\\"<secret>\\\""));
    weir.stop();
}
