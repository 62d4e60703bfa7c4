//! Tenants from outside: what is written is readable by its tenant alone, limits hold while they change, and a tenant that is
//! deleted is gone for good. What OTLP and remote write bring is read back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::cluster::Cluster;
use crate::harness::s3::S3;
use crate::harness::shared::{BUCKET, PATIENT, QUERY, STORE, wait_for_uploads};
use crate::harness::weir::Weir;
use crate::harness::{http, now, wait_for};

/// The labels of a series.
type Labels<'a> = &'a [(&'a str, &'a str)];

const PIPELINES: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main, upload: { after: '${UPLOAD:-2h}' } } }
  tenants: { limits: { file: '${DIR}/limits.yaml', poll: 100ms } }
---
name: receive
source: { receive: { listen: '${RECEIVE}', limits: tenants, split_tenant_label: team } }
stages: [ { limit: { limits: tenants } } ]
sink: { blocks: { store: central } }
---
name: query
source: { api: { listen: '${API}', admin: true } }
sink: { promql: { store: central } }
";

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut len = bytes.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(bytes);
    out
}

/// A request of 1.0 with one sample of each series.
fn remote_write(series: &[&[(&str, &str)]], timestamp: i64, value: f64) -> Vec<u8> {
    let mut sample = vec![0x09];
    sample.extend_from_slice(&value.to_le_bytes());
    sample.push(0x10);
    let mut rest = timestamp as u64;
    while rest >= 0x80 {
        sample.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    sample.push(rest as u8);
    let mut body = Vec::new();
    for labels in series {
        let labels: Vec<u8> = labels
            .iter()
            .flat_map(|(n, v)| field(1, &[field(1, n.as_bytes()), field(2, v.as_bytes())].concat()))
            .collect();
        body.extend(field(1, &[labels, field(2, &sample)].concat()));
    }
    body
}

/// A snappy block that holds the bytes as they are.
fn snappy(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut len = body.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    for part in body.chunks(60) {
        out.push(((part.len() - 1) << 2) as u8);
        out.extend_from_slice(part);
    }
    out
}

fn write(weir: &Weir, tenant: &str, series: &[&[(&str, &str)]], value: f64) -> u16 {
    let body = snappy(&remote_write(series, now(), value));
    http::request(weir.receive, "POST", "/api/v1/receive", &[("x-scope-orgid", tenant)], &body).unwrap().status
}

/// What a tenant reads: labels and values.
fn read(weir: &Weir, tenant: &str, expr: &str) -> Vec<(Value, String)> {
    let path = format!("/api/v1/query?query={}", http::escape(expr));
    let response = http::request(weir.api, "GET", &path, &[("x-scope-orgid", tenant)], b"").unwrap();
    let json: Value = serde_json::from_str(&response.text()).unwrap();
    let result = json["data"]["result"].as_array().unwrap_or_else(|| panic!("{json}"));
    let mut found: Vec<_> =
        result.iter().map(|s| (s["metric"].clone(), s["value"][1].as_str().unwrap().to_owned())).collect();
    found.sort_by_key(|(labels, _)| labels.to_string());
    found
}

fn started(dir: &std::path::Path, env: &[(&str, &str)]) -> Weir {
    std::fs::write(dir.join("limits.yaml"), "default: { series: 100 }\n").unwrap();
    let mut weir = Weir::new(dir, PIPELINES);
    weir.start(env);
    weir
}

fn tenants(weir: &Weir) -> Vec<String> {
    let text = http::get(weir.api, "/api/v1/admin/tenants").unwrap().text();
    let json: Value = serde_json::from_str(&text).unwrap();
    let all = json["data"]["tenants"].as_array().unwrap_or_else(|| panic!("{json}"));
    all.iter().map(|of| of["tenant"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_tenant_reads_its_own_and_when_it_is_deleted_nothing_of_it_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = started(dir.path(), &[("UPLOAD", "1s")]);
    assert_eq!(write(&weir, "a", &[&[("__name__", "up"), ("of", "a")]], 1.0), 204);
    assert_eq!(write(&weir, "b", &[&[("__name__", "up"), ("of", "b")]], 2.0), 204);
    // By a label, which is taken off it.
    assert_eq!(write(&weir, "b", &[&[("__name__", "up"), ("of", "c"), ("team", "a")]], 3.0), 204);
    let labels = |of: &str| json!({ "__name__": "up", "of": of });
    let of_a = vec![(labels("a"), "1".to_owned()), (labels("c"), "3".to_owned())];
    assert_eq!(read(&weir, "a", "up"), of_a);
    assert_eq!(read(&weir, "b", "up"), [(labels("b"), "2".to_owned())]);
    assert_eq!(read(&weir, "c", "up"), []);
    assert_eq!(tenants(&weir), ["a", "b"]);
    // After a crash all is there, in the log alone.
    weir.kill();
    weir.start(&[("UPLOAD", "1s")]);
    assert_eq!(read(&weir, "a", "up"), of_a);
    let deleted = http::request(weir.api, "DELETE", "/api/v1/admin/tenants/a", &[], b"").unwrap();
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    let gone = |weir: &Weir| {
        assert_eq!((read(weir, "a", "up"), tenants(weir)), (vec![], vec!["b".to_owned()]));
        assert_eq!(read(weir, "b", "up"), [(labels("b"), "2".to_owned())]);
    };
    gone(&weir);
    weir.kill();
    weir.start(&[("UPLOAD", "1s")]);
    gone(&weir);
    let again = http::request(weir.api, "DELETE", "/api/v1/admin/tenants/a", &[], b"").unwrap();
    assert_eq!(again.status, 404, "{}", again.text());
    weir.stop();
}

#[test]
fn a_query_node_deletes_a_tenant_from_all_nodes_and_their_bucket_or_says_which_one_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let s3 = S3::start(dir.path());
    let place = s3.place();
    let env = [&place.env()[..], &[PATIENT, ("ADMIN", "true")]].concat();
    let (stores, query) = (format!("\nresources:{BUCKET}{STORE}"), format!("{BUCKET}{QUERY}"));
    let allow = |store: &mut Weir| {
        let file = store.pipelines.join("20.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let allowed = text.replace("samples: { store: central }", "samples: { store: central, admin: true }");
        assert_ne!(allowed, text);
        std::fs::write(&file, allowed).unwrap();
    };
    let mut cluster = Cluster::prepared(dir, &stores, &query, &env, allow);
    let send = |cluster: &Cluster, of: &str, value: f64| {
        assert_eq!(write(&cluster.router, of, &[&[("__name__", "up"), ("of", of)]], value), 204);
    };
    let labels = |of: &str| json!({ "__name__": "up", "of": of });
    // Some is in the bucket, and some in logs and heads.
    send(&cluster, "a", 1.0);
    send(&cluster, "b", 2.0);
    cluster.stores.iter().for_each(wait_for_uploads);
    send(&cluster, "a", 3.0);
    assert_eq!(read(&cluster.query, "a", "up"), [(labels("a"), "3".to_owned())]);
    assert_eq!(tenants(&cluster.query), ["a", "b"]);
    let delete =
        |cluster: &Cluster| http::request(cluster.query.api, "DELETE", "/api/v1/admin/tenants/a", &[], b"").unwrap();
    cluster.stores[1].kill();
    let refused = delete(&cluster);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.text().contains("heard 2 of the 3 members of `all members`"), "{}", refused.text());
    assert!(refused.text().contains("member `b`"), "{}", refused.text());
    cluster.start_store(1);
    let deleted = delete(&cluster);
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    let gone = |cluster: &Cluster| {
        assert_eq!((read(&cluster.query, "a", "up"), tenants(&cluster.query)), (vec![], vec!["b".to_owned()]));
        assert_eq!(read(&cluster.query, "b", "up"), [(labels("b"), "2".to_owned())]);
        for store in &cluster.stores {
            assert_eq!(read(store, "a", "up"), []);
        }
    };
    gone(&cluster);
    for i in 0..3 {
        cluster.stores[i].kill();
        cluster.start_store(i);
    }
    cluster.stores.iter().for_each(wait_for_uploads);
    gone(&cluster);
    assert_eq!(delete(&cluster).status, 404);
}

#[test]
fn limits_of_a_tenant_hold_and_change_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = started(dir.path(), &[]);
    let two: [&[(&str, &str)]; 2] = [&[("__name__", "one")], &[("__name__", "two")]];
    assert_eq!(write(&weir, "a", &two, 1.0), 204);
    let limits =
        "default: { series: 100 }\ntenants: { a: { request_series: 1 }, b: { samples_per_second: 1, burst: 2 } }\n";
    std::fs::write(dir.path().join("limits.yaml"), limits).unwrap();
    let limit = || (write(&weir, "a", &two, 1.0) == 413).then_some(());
    wait_for("the limit to hold", Duration::from_secs(20), limit);
    // Another tenant is not touched, and one that sends too much is told when to come again.
    assert_eq!(write(&weir, "c", &two, 1.0), 204);
    assert_eq!((write(&weir, "b", &two, 1.0), write(&weir, "b", &two, 1.0)), (204, 429));
    weir.stop();
}

#[test]
fn a_tenant_that_all_stores_refuse_holds_up_no_other_at_a_router() {
    let (dir, one) = (tempfile::tempdir().unwrap(), "{ max_tenants: 1 }");
    let bucket = "main: { bucket: { local: { path: '${DIR}/bucket' } } }";
    let central = format!("{{ path: '${{DIR}}/central', bucket: main, head: {one} }}");
    let store = format!("\nresources:\n  {bucket}\n  central: {{ store: {central} }}\n");
    let query = "\n  all: { cluster: { ring: members, hedge: 200ms, connect_timeout: 500ms } }\n";
    let cluster = Cluster::start(dir, &store, query, &[]);
    let up: Labels = &[("__name__", "up")];
    assert_eq!(write(&cluster.router, "first", &[up], 1.0), 204);
    let begin = Instant::now();
    for _ in 0..20 {
        assert_eq!(write(&cluster.router, "second", &[up], 1.0), 503);
        assert_eq!(write(&cluster.router, "first", &[up], 1.0), 204);
    }
    // Who waits for a quorum that there can't be is told so after two seconds, each time.
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn what_a_receiver_takes_is_readable_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = started(dir.path(), &[]);
    // The cases of remote write's compliance tests, whose tests look at statuses alone.
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    let cases: [(Labels, f64, &str); 7] = [
        (&[("__name__", "simple")], 1.0, "1"),
        (&[("__name__", "several"), ("b", "2"), ("a", "1")], 1.0, "1"),
        (&[("__name__", "newline"), ("text", "a\nb")], 1.0, "1"),
        (&[("__name__", "dots.in.it")], 1.0, "1"),
        (&[("__name__", "spaces in it")], 1.0, "1"),
        (&[("__name__", "nan")], f64::NAN, "NaN"),
        (&[("__name__", "inf")], f64::NEG_INFINITY, "-Inf"),
    ];
    for (labels, value, expect) in cases {
        assert_eq!(write(&weir, "a", &[labels], value), 204, "{labels:?}");
        let name = labels[0].1;
        let all: serde_json::Map<_, _> = labels.iter().map(|(n, v)| ((*n).to_owned(), json!(v))).collect();
        let found = read(&weir, "a", &format!("{{__name__=\"{name}\"}}"));
        assert_eq!(found, [(Value::Object(all), expect.to_owned())], "{labels:?}");
    }
    assert_eq!(write(&weir, "a", &[&[("__name__", "ends")]], stale), 204);
    assert_eq!(read(&weir, "a", "ends"), []);
    // Of four series one has no name: the others are there.
    let four: [Labels; 4] = [
        &[("__name__", "four"), ("i", "1")],
        &[("i", "2")],
        &[("__name__", "four"), ("i", "3")],
        &[("__name__", "four")],
    ];
    assert_eq!(write(&weir, "a", &four, 1.0), 204);
    assert_eq!(read(&weir, "a", "count(four)"), [(json!({}), "3".to_owned())]);
    // A gauge of OTLP.
    let mut point = vec![0x19];
    point.extend_from_slice(&(now() as u64 * 1_000_000).to_le_bytes());
    point.push(0x21);
    point.extend_from_slice(&7.5f64.to_le_bytes());
    let metric = [field(1, b"queue.size"), field(3, b"By"), field(5, &field(1, &point))].concat();
    let attribute = [field(1, b"service.name"), field(2, &field(1, b"api"))].concat();
    let body = field(1, &[field(1, &field(1, &attribute)), field(2, &field(2, &metric))].concat());
    let headers = [("x-scope-orgid", "a"), ("content-type", "application/x-protobuf")];
    let response = http::request(weir.receive, "POST", "/api/v1/otlp/v1/metrics", &headers, &body).unwrap();
    assert_eq!(response.status, 200);
    let labels = json!({ "__name__": "queue_size_bytes", "job": "api" });
    assert_eq!(read(&weir, "a", "queue_size_bytes"), [(labels, "7.5".to_owned())]);
    weir.stop();
}
