//! Beside a real Prometheus: it scrapes a real node exporter and writes to Weir; both must answer alike.

mod outage;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use weir_pipeline::{Tenant, exposition};

use crate::harness::cluster::Cluster;
use crate::harness::peers::{self, Peer};
use crate::harness::s3::S3;
use crate::harness::shared::{BUCKET, QUERY, STORE};
use crate::harness::weir::{PIPELINES, Weir};
use crate::harness::{http, wait_for};

/// Thirty queries within the supported language. `$range` is a range that holds several samples.
const QUERIES: [&str; 36] = [
    "node_load1",
    "up",
    r#"node_cpu_seconds_total{mode="idle"}"#,
    r#"node_cpu_seconds_total{mode!="idle",cpu=~"0|1"}"#,
    r#"{__name__=~"node_memory_(MemFree|MemTotal)_bytes"}"#,
    r#"node_cpu_seconds_total{mode!~"idle|iowait.*"}"#,
    "node_memory_MemFree_bytes offset 5s",
    "node_load1 @ $mid",
    "node_load1 @ end()",
    "rate(node_cpu_seconds_total[$range])",
    "increase(node_cpu_seconds_total[$range])",
    "irate(node_cpu_seconds_total[$range])",
    "delta(node_memory_MemFree_bytes[$range])",
    "rate(node_cpu_seconds_total[$range] offset 4s)",
    "sum(rate(node_cpu_seconds_total[$range]))",
    "sum by (mode) (rate(node_cpu_seconds_total[$range]))",
    "sum without (cpu) (node_cpu_seconds_total)",
    "avg by (mode) (node_cpu_seconds_total)",
    "min without (cpu, mode) (node_cpu_seconds_total)",
    "max by (cpu) (node_cpu_seconds_total)",
    "count(node_cpu_seconds_total)",
    "count by (device) (node_filesystem_size_bytes)",
    "node_memory_MemTotal_bytes - node_memory_MemFree_bytes",
    "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)",
    "node_memory_MemFree_bytes / 1024 ^ 2",
    "-node_load1 % 3",
    "node_cpu_seconds_total > 10",
    "node_load1 < bool 100",
    "node_filesystem_avail_bytes / on (job, device, mountpoint) node_filesystem_size_bytes",
    "node_network_receive_bytes_total + ignoring (mode) node_network_transmit_bytes_total",
    "avg_over_time(node_memory_MemFree_bytes[$range])",
    "min_over_time(node_memory_MemFree_bytes[$range])",
    "max_over_time(node_memory_MemFree_bytes[$range]) - min_over_time(node_memory_MemFree_bytes[$range])",
    "sum_over_time(up[$range]) + count_over_time(up[$range])",
    "last_over_time(node_load1[$range])",
    "histogram_quantile(0.9, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[$range])))",
];

/// How long Prometheus collects. Long enough for ranges, short enough for CI.
const COLLECT: Duration = Duration::from_secs(40);

struct Pair {
    /// Kept for its lifetime.
    _dir: tempfile::TempDir,
    sources: Sources,
    weir: Weir,
}

/// What writes to Weir.
struct Sources {
    /// Kept for its lifetime.
    exporter: Option<Peer>,
    prometheus: Peer,
}

/// Starts an exporter, and a Prometheus that scrapes it and itself and writes to Weir.
fn sources(dir: &Path, receive: SocketAddr) -> Option<Sources> {
    let exporter = peers::node_exporter(dir)?;
    let config = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
remote_write: [ {{ url: 'http://{receive}/api/v1/receive', queue_config: {{ batch_send_deadline: 500ms }} }} ]
scrape_configs:
- {{ job_name: node, static_configs: [ {{ targets: ['{}'] }} ] }}
- {{ job_name: node2, static_configs: [ {{ targets: ['{}'] }} ] }}
- {{ job_name: prometheus, static_configs: [ {{ targets: ['PROM'] }} ] }}
",
        exporter.address, exporter.address
    );
    let prometheus = {
        // Prometheus is to scrape itself, at an address that is known only when it runs: let the first one tell.
        let address = crate::harness::process::free_address();
        peers::prometheus_at(dir, &config.replace("PROM", &address.to_string()), address)?
    };
    Some(Sources { exporter: Some(exporter), prometheus })
}

/// Starts Weir, and what writes to it.
fn pair() -> Option<Pair> {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    let sources = sources(dir.path(), weir.receive)?;
    Some(Pair { _dir: dir, sources, weir })
}

/// The timestamp, in milliseconds, of the newest sample that both have of every job.
fn settled(prometheus: SocketAddr, weir: SocketAddr) -> i64 {
    let last = |at, job: &str| -> Option<f64> {
        let body = http::api(at, "query", &[("query", &format!("up{{job=\"{job}\"}}[60s]"))]);
        let values = body["result"][0]["values"].as_array()?.clone();
        values.last()?[0].as_f64()
    };
    let jobs = ["node", "node2", "prometheus"];
    let newest: f64 = jobs.iter().filter_map(|job| last(prometheus, job)).fold(f64::INFINITY, f64::min);
    wait_for("remote write to catch up", Duration::from_secs(30), || {
        jobs.iter().all(|job| last(weir, job).is_some_and(|t| t >= newest)).then_some(())
    });
    (newest * 1000.0).round() as i64
}

/// Times, in seconds, at which no sample of any job stands on the edge of a window of whole seconds.
fn off_edge(prometheus: SocketAddr, near: i64) -> i64 {
    let body = http::api(prometheus, "query", &[("query", "{__name__=~\"up|scrape_duration_seconds\"}[30s]")]);
    let mut phases: Vec<i64> = vec![];
    for series in body["result"].as_array().unwrap() {
        for value in series["values"].as_array().unwrap() {
            phases.push((value[0].as_f64().unwrap() * 1000.0).round() as i64 % 1000);
        }
    }
    let clear =
        |t: i64| phases.iter().map(|p| (t.rem_euclid(1000) - p).rem_euclid(1000)).map(|d| d.min(1000 - d)).min();
    (near - 1000..near).max_by_key(|t| clear(*t)).unwrap()
}

fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// A number as the API writes it.
fn number(value: &Value) -> f64 {
    match value.as_str().unwrap() {
        "NaN" => f64::NAN,
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().unwrap(),
    }
}

type Points = BTreeMap<String, Vec<(i64, f64)>>;

/// The result of a query: points by label set.
fn points(data: &Value) -> Points {
    let mut out = Points::new();
    let at = |v: &Value| ((v[0].as_f64().unwrap() * 1000.0).round() as i64, number(&v[1]));
    if data["resultType"] == "scalar" {
        return Points::from([("scalar".into(), vec![at(&data["result"])])]);
    }
    for series in data["result"].as_array().unwrap() {
        let labels = series["metric"].to_string();
        let values = match series.get("values") {
            Some(values) => values.as_array().unwrap().iter().map(at).collect(),
            None => vec![at(&series["value"])],
        };
        assert!(out.insert(labels.clone(), values).is_none(), "{labels} comes twice");
    }
    out
}

/// Two implementations may add floats in another order, and no more than that.
fn alike(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

fn assert_alike(query: &str, theirs: &Points, ours: &Points) {
    let names = |p: &Points| p.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(theirs), names(ours), "{query}: other series");
    for (labels, theirs) in theirs {
        let ours = &ours[labels];
        assert_eq!(theirs.len(), ours.len(), "{query} {labels}: {theirs:?} {ours:?}");
        for (t, o) in theirs.iter().zip(ours) {
            assert!(t.0 == o.0 && alike(t.1, o.1), "{query} {labels}: prometheus {t:?}, weir {o:?}");
        }
    }
}

/// Asks both all queries, as instants and as ranges, and returns how many answers were not empty.
fn compare(prometheus: SocketAddr, weir: SocketAddr, end: i64) -> usize {
    compare_some(&QUERIES, prometheus, weir, end)
}

fn compare_some(queries: &[&str], prometheus: SocketAddr, weir: SocketAddr, end: i64) -> usize {
    let mut full = 0;
    for query in queries {
        let query = query.replace("$range", "10s").replace("$mid", &seconds(end - 7_000));
        let at = seconds(end);
        let instant = [("query", query.as_str()), ("time", at.as_str())];
        let theirs = points(&http::api(prometheus, "query", &instant));
        assert_alike(&query, &theirs, &points(&http::api(weir, "query", &instant)));
        let start = seconds(end - 20_000);
        let range = [("query", query.as_str()), ("start", start.as_str()), ("end", at.as_str()), ("step", "3")];
        let theirs_range = points(&http::api(prometheus, "query_range", &range));
        assert_alike(&query, &theirs_range, &points(&http::api(weir, "query_range", &range)));
        full += usize::from(!theirs.is_empty()) + usize::from(!theirs_range.is_empty());
    }
    full
}

#[test]
fn thirty_queries_answer_as_prometheus_does_before_a_cut_after_it_and_after_a_crash() {
    let Some(mut pair) = pair() else { return };
    let prometheus = pair.sources.prometheus.address;
    crate::harness::pause(COLLECT);
    let end = off_edge(prometheus, settled(prometheus, pair.weir.api) - 2_000);
    // Nothing more comes in: the exporter is gone, and Weir is asked about the time before.
    let exporter = pair.sources.exporter.take();
    drop(exporter);

    let full = compare(prometheus, pair.weir.api, end);
    assert!(full >= 60, "only {full} answers had anything in them");
    assert_eq!(pair.weir.metric("prometheus_tsdb_blocks_loaded"), 0.0, "this was to be before any cut");

    pair.weir.kill();
    pair.weir.start(&[]);
    assert_eq!(compare(prometheus, pair.weir.api, end), full, "after kill -9, from the log");

    pair.weir.stop();
    // Without a receiver nothing new comes in, so that the head runs empty.
    std::fs::remove_file(pair.weir.pipelines.join("10.yaml")).unwrap();
    pair.weir.start(&[("CUT_AFTER", "1s")]);
    wait_for("a cut", Duration::from_secs(60), || {
        (pair.weir.metric("prometheus_tsdb_blocks_loaded") > 0.0 && pair.weir.metric("weir_store_head_samples") == 0.0)
            .then_some(())
    });
    assert_eq!(compare(prometheus, pair.weir.api, end), full, "after a cut, from blocks");

    pair.weir.kill();
    pair.weir.start(&[("CUT_AFTER", "1h")]);
    assert_eq!(compare(prometheus, pair.weir.api, end), full, "after kill -9, from blocks");
    drop(pair);
}

#[test]
fn a_cluster_answers_as_prometheus_does_while_its_nodes_die_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let (path, s3) = (dir.path().to_owned(), S3::start(dir.path()));
    let place = s3.place();
    let (stores, query) = (format!("\nresources:{BUCKET}{STORE}"), format!("{BUCKET}{QUERY}"));
    // A few seconds at a time are in heads, on disks, and in the bucket.
    let env = [&place.env()[..], &[("UPLOAD_AFTER", "6s")]].concat();
    let mut cluster = Cluster::start(dir, &stores, &query, &env);
    let Some(mut sources) = sources(&path, cluster.router.receive) else { return };
    let prometheus = sources.prometheus.address;
    // All of them take a minute: one third each time, and all of them in the end.
    let part = |i: usize| QUERIES.iter().copied().skip(i).step_by(3).collect::<Vec<_>>();
    let settled = |cluster: &Cluster| off_edge(prometheus, settled(prometheus, cluster.query.api) - 2_000);
    crate::harness::phase(Duration::from_secs(15));
    let mut end = 0;
    for i in 0..3 {
        crate::harness::phase(Duration::from_secs(2));
        cluster.stores[i].kill();
        crate::harness::phase(Duration::from_secs(2));
        // While it is dead samples go on coming, and answers about those are whole as well.
        end = settled(&cluster);
        let full = compare_some(&part(i), prometheus, cluster.query.api, end);
        assert!(full >= 16, "only {full} answers had anything in them while node {i} was dead");
        cluster.start_store(i);
        crate::harness::phase(Duration::from_millis(1500));
    }
    assert!(settled(&cluster) > end, "nothing came since");
    end = settled(&cluster);
    drop(sources.exporter.take());
    let uploads: f64 = cluster.stores.iter().map(|store| store.metric("thanos_shipper_uploads_total")).sum();
    assert!(uploads > 0.0, "nothing was uploaded");

    let full = compare(prometheus, cluster.query.api, end);
    assert!(full >= 60, "only {full} answers had anything in them");
    for i in [1, 2] {
        cluster.stores[i].kill();
        compare_some(&part(i), prometheus, cluster.query.api, end);
        cluster.start_store(i);
        crate::harness::phase(Duration::from_millis(1500));
    }
    cluster.stores[0].kill();
    assert_eq!(compare(prometheus, cluster.query.api, end), full, "with one node dead");
    cluster.start_store(0);
    crate::harness::phase(Duration::from_millis(1500));
    cluster.stores[2].freeze();
    assert_eq!(compare(prometheus, cluster.query.api, end), full, "with one node that hangs");
    cluster.stores[2].thaw();
}

/// The agent: what it scrapes from the exporter, and nothing else.
const AGENT: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main } }
---
name: agent
source:
  scrape:
    jobs:
      - job_name: node
        scrape_interval: 1s
        scrape_timeout: 1s
        static_configs: [ { targets: ['${EXPORTER}'] } ]
sink: { blocks: { store: central } }
---
name: query
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

#[test]
fn the_agent_scrapes_what_prometheus_scrapes() {
    let dir = tempfile::tempdir().unwrap();
    let Some(exporter) = peers::node_exporter(dir.path()) else { return };
    let config = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}
scrape_configs: [ {{ job_name: node, static_configs: [ {{ targets: ['{}'] }} ] }} ]",
        exporter.address
    );
    let Some(prometheus) = peers::prometheus(dir.path(), &config) else { return };
    let mut weir = Weir::new(dir.path(), AGENT);
    weir.start(&[("EXPORTER", &exporter.address.to_string())]);

    let names = |at| -> BTreeSet<String> {
        points(&http::api(at, "query", &[("query", r#"{job="node"}"#)])).into_keys().collect()
    };
    // The first scrapes of an exporter differ from later ones: its own counters of HTTP requests come into being.
    let (theirs, ours) = wait_for("both to have scraped a few times", Duration::from_secs(30), || {
        let (theirs, ours) = (names(prometheus.address), names(weir.api));
        (theirs.len() > 100 && theirs == ours).then_some((theirs, ours))
    });
    assert_eq!(theirs, ours);

    let (theirs, ours) = (their_kinds(prometheus.address), own_kinds(exporter.address));
    assert!(theirs.len() > 50, "{theirs:?}");
    assert_eq!(theirs, ours);

    // What stands still between two scrapes must have the same value, bit for bit.
    let still = r#"{__name__=~"node_uname_info|node_memory_MemTotal_bytes|node_boot_time_seconds|node_filesystem_size_bytes|node_exporter_build_info|up|node_time_zone_offset_seconds"}"#;
    let values = |at| -> BTreeMap<String, f64> {
        let found = points(&http::api(at, "query", &[("query", still)]));
        found.into_iter().map(|(labels, values)| (labels, values[0].1)).collect()
    };
    let (theirs, ours) = (values(prometheus.address), values(weir.api));
    assert!(theirs.len() >= 5, "{theirs:?}");
    assert_eq!(theirs, ours);
}

/// The kind and help of each family, as Prometheus keeps them.
fn their_kinds(prometheus: SocketAddr) -> BTreeMap<String, (String, String)> {
    let metadata = http::api(prometheus, "metadata", &[]);
    let text = |said: &Value, key: &str| said[key].as_str().unwrap().to_owned();
    let families = metadata.as_object().unwrap().iter();
    families.map(|(name, said)| (name.clone(), (text(&said[0], "type"), text(&said[0], "help")))).collect()
}

/// The kind and help of each family, as Weir's scrape reads them from the exporter.
fn own_kinds(exporter: SocketAddr) -> BTreeMap<String, (String, String)> {
    let body = http::get(exporter, "/metrics").unwrap().body;
    let batch = exposition::batch(std::str::from_utf8(&body).unwrap(), Tenant::default(), 0).unwrap();
    let kind = |kind| format!("{kind:?}").to_lowercase();
    batch.metadata().iter().map(|m| (m.metric.clone(), (kind(m.kind), m.help.clone()))).collect()
}
