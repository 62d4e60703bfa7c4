//! A tenant's own limit of samples a second, from outside: it alone is told to come again later, and the metrics say who and why.

use std::time::Duration;

use crate::harness::weir::Weir;
use crate::harness::writers::{SERIES, body};
use crate::harness::{http, now, wait_for};

/// One tenant may send what is in a request at once, and half of that in a second.
const PIPELINES: &str = "
resources:
  main: { bucket: { local: { path: '${DIR}/bucket' } } }
  central: { store: { path: '${DIR}/central', bucket: main } }
  tenants: { limits: { tenants: { small: { samples_per_second: 25, burst: 50 } } } }
---
name: receive
source: { receive: { listen: '${RECEIVE}', limits: tenants } }
stages: [ { limit: { limits: tenants } } ]
sink: { blocks: { store: central } }
---
name: query
source: { api: { listen: '${API}' } }
sink: { promql: { store: central } }
";

fn send(weir: &Weir, tenant: &str, at: i64) -> http::Response {
    let headers = [("content-encoding", "snappy"), ("x-scope-orgid", tenant)];
    http::request(weir.receive, "POST", "/api/v1/receive", &headers, &body(0, at)).unwrap()
}

/// How many samples a tenant has.
fn samples(weir: &Weir, tenant: &str) -> usize {
    let path = format!("/api/v1/query?query={}", http::escape("sum(count_over_time(crash_total[1h]))"));
    let response = http::request(weir.api, "GET", &path, &[("x-scope-orgid", tenant)], b"").unwrap();
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    body["data"]["result"][0]["value"][1].as_str().unwrap_or_else(|| panic!("{body}")).parse().unwrap()
}

/// How often limits were hit: what the metrics say, without times.
fn hits(weir: &Weir) -> Vec<String> {
    let page = http::get(weir.api, "/metrics").unwrap().text();
    page.lines().filter(|line| line.starts_with("weir_limits_hits_total")).map(str::to_owned).collect()
}

#[test]
fn a_tenant_beyond_its_rate_is_told_to_come_again_while_others_write_unhindered() {
    let dir = tempfile::tempdir().unwrap();
    let mut weir = Weir::new(dir.path(), PIPELINES);
    weir.start(&[]);
    let start = now() - 600_000;
    assert_eq!(send(&weir, "small", start).status, 204);
    assert_eq!(hits(&weir), Vec::<String>::new());
    let (mut acked, mut refused) = (1, 0);
    for n in 1..=40 {
        let response = send(&weir, "small", start + 7 * n);
        match response.status {
            // Time goes on, and with it what may be sent.
            204 => acked += 1,
            _ => {
                refused += 1;
                assert_eq!(response.status, 429, "{}", response.text());
                assert!(response.text().contains("`small`"), "{}", response.text());
                assert!(matches!(response.header("retry-after"), Some("1" | "2")), "{:?}", response.headers);
            }
        }
        for tenant in ["large", "default-tenant"] {
            let response = send(&weir, tenant, start + 7 * n);
            assert_eq!(response.status, 204, "{tenant}: {}", response.text());
        }
    }
    assert!(refused > 0, "all of {acked} were taken");
    let expect = format!(
        "weir_limits_hits_total{{pipeline=\"receive\",limit=\"samples_per_second\",tenant=\"small\"}} {refused}"
    );
    assert_eq!(hits(&weir), [expect]);
    // Nothing of what was refused is there, and all that was not.
    assert_eq!(samples(&weir, "small"), acked * SERIES);
    assert_eq!(samples(&weir, "large"), 40 * SERIES);
    wait_for("the tenant's next turn", Duration::from_secs(20), || {
        (send(&weir, "small", start + 7 * 50).status == 204).then_some(())
    });
    assert_eq!(samples(&weir, "small"), (acked + 1) * SERIES);
    weir.stop();
}
