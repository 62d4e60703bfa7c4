//! Beside Debian's Prometheus, where it is installed: the same requests, the same errors and the same formatting.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;

/// Requests that 2.42 and 3.14 refuse in the same words.
const REQUESTS: [&str; 21] = [
    "query?query=sum(",
    "query?query=foo%20bar",
    "query?query=rate(foo)",
    "query?query=sum%20by%20(5)%20(foo)",
    "query?query={}",
    "query?query=1%20%3E%202",
    "query?query=unknown(foo)",
    "query?query=%22abc",
    "query?query=foo%20and%201",
    "query?query=up&timeout=x",
    "query?query=up&timeout=1e300",
    "query_range?query=up",
    "query_range?query=up&start=1",
    "query_range?query=up&start=2&end=1&step=1",
    "query_range?query=up&start=1&end=2",
    "query_range?query=up&start=1&end=2&step=0",
    "query_range?query=up&start=0&end=11001&step=1",
    "series",
    "series?match[]=up{",
    "labels?match[]={}",
    "labels?match[]=up%20offset%205m",
];

/// Scalars and strings whose values show how numbers are written.
const VALUES: [&str; 8] = ["1e21", "0.1", "1e-7", "-Inf", "NaN", "1e20", "0.000001", "%22a%5Cnb%22"];

/// Queries that both format alike, some of them in lines.
const FORMATTED: [&str; 4] = [
    "sum(a%3Ebool%201)by(b)",
    "a{c=%221%22,b!~%222%22,b=%223%22}",
    "topk(5,-(a_metric_whose_name_is_quite_long_as_some_are/another_metric_whose_name_is_even_longer_than_the_first))",
    "max_over_time(rate(a_metric_whose_name_is_quite_long_as_some_are_and_even_longer_than_others[5m])[1h:60s]offset%201m)",
];

struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a Prometheus without targets on a free port; `None` where it is not installed.
fn prometheus(dir: &std::path::Path) -> Option<(Prometheus, SocketAddr)> {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = dir.join("prometheus.yml");
    std::fs::write(&config, "scrape_configs: []\n").unwrap();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Some((Prometheus(child.ok()?), address))
}

#[tokio::test]
async fn a_real_prometheus_refuses_in_the_same_words() {
    let dir = tempfile::tempdir().unwrap();
    let Some((_prometheus, address)) = prometheus(dir.path()) else {
        assert!(std::env::var_os("WEIR_REQUIRE_PEERS").is_none(), "prometheus is not installed");
        println!("skipped: prometheus is not installed");
        return;
    };
    let running = start(settings(""), async |query| {
        let weir_pipeline::Ask::Instant { expr, time } = query.ask else { return Err(Error::internal("a query")) };
        // Literals answer themselves.
        let expr = crate::syntax::parse(&expr)?;
        match expr.kind {
            crate::syntax::ast::ExprKind::Number(value) => Ok(Data::Scalar(time, value).into()),
            crate::syntax::ast::ExprKind::String(text) => Ok(Data::String(time, text).into()),
            _ => Err(Error::internal("a literal")),
        }
    })
    .await;
    let peer = Running { address, ..start_with(Data::Names(Vec::new())).await };
    for tries in 0.. {
        let request = peer.request(Method::GET, "/-/ready").body(Body::default()).unwrap();
        match peer.client.request(request).await {
            Ok(response) if response.status() == 200 => break,
            _ if tries > 300 => panic!("prometheus does not get ready"),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    let mut wrong = Vec::new();
    let values = VALUES.map(|value| format!("query?query={value}&time=1435781451.781"));
    let formatted = FORMATTED.map(|query| format!("format_query?query={query}"));
    for path in REQUESTS.iter().map(ToString::to_string).chain(values).chain(formatted) {
        let path = format!("/api/v1/{path}");
        let (own, theirs) = (running.get(&path).await, peer.get(&path).await);
        if (own.status, own.text()) != (theirs.status, theirs.text()) {
            wrong.push(format!(
                "{path}\n  own: {} {}\ntheirs: {} {}",
                own.status,
                own.text(),
                theirs.status,
                theirs.text()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
