//! Tests of `exposition`, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::plan::{Document, Plan};
use weir_pipeline::testing::{batch, documented, settings};
use weir_pipeline::{Ack, Clock, Metrics, Outcome, Registry};

use super::*;
use crate::outage::tests::Logged;
use crate::tap::tests::{Given, given};

/// The time at which tests begin.
const NOW: i64 = 1_700_000_000_000;

/// A sink on a free port.
async fn open(more: &str) -> (Next<Write>, SocketAddr, Context) {
    let context = Context::new(Clock::starting_at(NOW), Metrics::default(), CancellationToken::new()).at("p", "p.sink");
    let sink: Exposition = settings(&format!("{{ listen: '127.0.0.1:0', {more} }}")).unwrap();
    let next = sink.open(&context).unwrap();
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    // It takes batches from then on.
    while next.send(batch("")).await.is_err() {
        tokio::task::yield_now().await;
    }
    (next, context.listeners()[0].1, context.clone())
}

async fn get(at: SocketAddr, path: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
    let client = crate::outbound::client(Duration::from_secs(5), None, 1).unwrap();
    let request =
        headers.iter().fold(Request::get(format!("http://{at}{path}")), |r, (name, value)| r.header(*name, *value));
    let response = client.request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    let (status, kind) = (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

async fn page(at: SocketAddr, query: &str) -> String {
    get(at, &format!("/federate{query}"), &[]).await.2
}

#[tokio::test]
async fn the_last_value_of_each_series_is_shown() {
    let (next, at, _context) = open("").await;
    let sent =
        format!("up{{job=\"a\"}} 1 {NOW}\nup{{job=\"a\"}} 3 {}\nx 5 {}\nold 1 {}", NOW + 2, NOW + 1, NOW - 400_000);
    assert_eq!(next.send(batch(&sent)).await.unwrap(), Ack::written(4));
    assert_eq!(page(at, "").await, format!("up{{job=\"a\"}} 3 {}\nx 5 {}\n", NOW + 2, NOW + 1));
    // What comes late does not count, and what ends is gone.
    next.send(batch(&format!("up{{job=\"a\"}} 2 {}\nx stale {}", NOW + 1, NOW + 2))).await.unwrap();
    assert_eq!(page(at, "").await, format!("up{{job=\"a\"}} 3 {}\n", NOW + 2));
    next.send(batch(&format!("up{{job=\"b c\"}} 4 {NOW}"))).await.unwrap();
    let query = "?match%5B%5D=up%7Bjob%3D%22b+c%22%7D&other=1&match[]=none";
    assert_eq!(page(at, query).await, format!("up{{job=\"b c\"}} 4 {NOW}\n"));
}

#[tokio::test]
async fn the_format_is_the_one_that_is_asked_for_and_a_tenant_sees_its_own() {
    let (next, at, _context) = open("").await;
    next.send(batch(&format!("up 1 {}", NOW + 25))).await.unwrap();
    next.send(batch(&format!("up 2 {NOW}")).with_tenant("x".parse().unwrap())).await.unwrap();
    let accept = [("accept", "application/openmetrics-text;version=1.0.0,*/*;q=0.1")];
    let (status, kind, text) = get(at, "/federate", &accept).await;
    assert_eq!((status, kind.as_str()), (200, weir_pipeline::metrics::OPENMETRICS));
    assert_eq!(text, "up 1 1700000000.025\n# EOF\n");
    let (_, kind, text) = get(at, "/federate", &[("x-scope-orgid", "x")]).await;
    assert_eq!((kind.as_str(), text), (weir_pipeline::metrics::TEXT, format!("up 2 {NOW}\n")));
    assert_eq!(get(at, "/federate?match[]=up[", &[]).await.0, 400);
    assert_eq!(get(at, "/federate", &[("x-scope-orgid", "a/b")]).await.0, 400);
    assert_eq!(get(at, "/other", &[]).await.0, 404);
    assert_eq!(get(at, "/-/ready", &[]).await.0, 200);
    let (status, kind, text) = get(at, "/metrics", &[]).await;
    assert_eq!((status, kind.as_str()), (200, weir_pipeline::metrics::TEXT));
    assert!(text.contains("# TYPE "), "{text}");
}

#[tokio::test]
async fn there_is_room_for_so_many_series() {
    let (next, at, _context) = open("series: 1").await;
    let ack = next.send(batch(&format!("a 1 {NOW}\nb 1 {NOW}\nb 2 {}", NOW + 1))).await.unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Rejected)), (1, 2));
    assert_eq!(page(at, "").await, format!("a 1 {NOW}\n"));
    next.send(batch(&format!("a stale {}\nb 3 {NOW}", NOW + 1))).await.unwrap();
    assert_eq!(page(at, "").await, format!("b 3 {NOW}\n"));
}

#[tokio::test]
async fn metrics_are_described_of_which_a_series_is_shown() {
    let (next, at, context) = open("").await;
    let said = |samples: &str, metrics: &[&str]| {
        let mut out = Batch::builder(Default::default());
        let samples = batch(samples);
        samples.iter().for_each(|series| _ = out.series(series.labels).samples_of(series));
        for metric in metrics {
            let (metric, help) = ((*metric).to_owned(), format!("about {metric}"));
            out.metadata(Metadata { metric, help, kind: MetricKind::Gauge, ..Metadata::default() });
        }
        out.build()
    };
    let samples = format!("up 1 {NOW}\nx_bucket 2 {NOW}\nold 3 {}", NOW - 400_000);
    next.send(said(&samples, &["up", "x", "old", "nothing"])).await.unwrap();
    let up = format!("# HELP up about up\n# TYPE up gauge\nup 1 {NOW}\n");
    let x = format!("# HELP x about x\n# TYPE x gauge\nx_bucket 2 {NOW}\n");
    assert_eq!(page(at, "").await, format!("{up}{x}"));
    assert_eq!(page(at, "?match[]=up").await, up);
    // What is said of a metric without series is forgotten with these.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(400)).await;
    tokio::time::resume();
    let later = context.clock.now();
    next.send(batch(&format!("y 1 {later}"))).await.unwrap();
    next.send(batch(&format!("up 1 {later}"))).await.unwrap();
    assert_eq!(page(at, "").await, format!("up 1 {later}\ny 1 {later}\n"));
}

/// A pipeline with the page on this address.
fn plan(address: &str, more: &str) -> Plan {
    let mut registry = Registry::default();
    registry.source::<Write, Given>().sink::<Write, Exposition>();
    let text =
        format!("name: edge\nsource: {{ given: {{}} }}\nsink: {{ exposition: {{ listen: '{address}', {more} }} }}\n");
    let document = Document { name: "a.yaml".into(), text };
    Plan::read(&[document], &registry, &weir_pipeline::config::Env::from_fn(|_| None)).unwrap()
}

#[tokio::test]
async fn a_reload_keeps_the_page_and_its_address_and_refuses_nothing() {
    let (log, clock) = (Logged::start(), Clock::starting_at(NOW));
    let mut running = plan("127.0.0.1:0", "").start(clock, Metrics::default()).await.unwrap();
    let next = given::take().await;
    while next.send(batch(&format!("a 1 {NOW}\nb 1 {}\nc 3 {NOW}", NOW - 100_000))).await.is_err() {
        tokio::task::yield_now().await;
    }
    let at = running.listeners().await.last().unwrap().1;
    for i in 0..10 {
        // A page that changes, and with it its tree.
        running.reload(Ok(plan("127.0.0.1:0", &format!("within: {}s", 60 + i)))).await.unwrap();
        next.send(batch(&format!("a 2 {}", NOW + 1 + i))).await.unwrap();
        assert_eq!(page(at, "").await, format!("a 2 {}\nc 3 {NOW}\n", NOW + 1 + i));
    }
    assert!(log.take("ERROR").is_empty() && log.take("WARN").is_empty());
    let errors = running.shutdown(Duration::from_secs(10)).await;
    assert!(errors.is_empty(), "{errors:?}");
    assert!(std::net::TcpListener::bind(at).is_ok());
}

#[tokio::test]
async fn a_page_that_moves_keeps_what_is_shown() {
    let mut running = plan("127.0.0.1:0", "").start(Clock::starting_at(NOW), Metrics::default()).await.unwrap();
    let next = given::take().await;
    while next.send(batch(&format!("a 1 {NOW}"))).await.is_err() {
        tokio::task::yield_now().await;
    }
    let before = running.listeners().await.last().unwrap().1;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    running.reload(Ok(plan(&free.to_string(), ""))).await.unwrap();
    while next.send(batch(&format!("b 1 {NOW}"))).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(page(free, "").await, format!("a 1 {NOW}\nb 1 {NOW}\n"));
    // The one before lets go of its address.
    while std::net::TcpListener::bind(before).is_err() {
        tokio::task::yield_now().await;
    }
    running.shutdown(Duration::from_secs(10)).await;
}

#[test]
fn openmetrics_has_seconds() {
    assert_eq!(
        page::openmetrics("# TYPE a gauge\na{b=\"c d\"} NaN -1500\nx 1 7\n"),
        "a{b=\"c d\"} NaN -1.500\nx 1 0.007\n# EOF\n"
    );
}

#[tokio::test]
async fn where_it_can_not_listen_batches_are_unavailable_and_it_ends_all_the_same() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let context = weir_pipeline::testing::context();
    let yaml = format!("listen: '{}'", held.local_addr().unwrap());
    let next = settings::<Exposition>(&yaml).unwrap().open(&context).unwrap();
    let error = next.send(batch("up 1")).await.unwrap_err();
    assert!(error.kind().is_retryable() && error.message().starts_with("expected"), "{error:?}");
    assert!(context.close().await.is_empty());
}

#[test]
fn wrong_settings_are_refused() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Exposition>(yaml).unwrap_err(), expect);
    check("listen: a", "1:9: listen: expected a host and a port such as `127.0.0.1:9090`, got `a`");
    check(
        "{ within: 0s, series: 0 }",
        "1:11: within: expected more than 0, got `0s`\n1:23: series: expected a whole number of at least 1, got `0`",
    );
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let sink: BTreeMap<String, Exposition> = documented(include_str!("../exposition.rs"), "sink");
    assert_eq!(sink["exposition"].listen, default_listen());
}

#[tokio::test]
async fn it_keeps_the_contract_of_sinks() {
    let (next, _, _context) = open("").await;
    weir_pipeline::testing::check_sink_contract("exposition", next).await.unwrap();
}
