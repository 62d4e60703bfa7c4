//! Tests of `peers`, over real sockets, by requests as they are on the wire.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_pipeline::testing::{Recorder, batch, documented, settings, text};
use weir_pipeline::{Ack, Batch, Clock, Error, Kind, Metrics, Outcome};

use super::*;
use crate::node::wire;

/// A source on a free port, and what its pipeline saw.
struct Running {
    address: SocketAddr,
    context: Context,
    rest: Recorder<Write>,
    task: JoinHandle<Result<()>>,
    client: Client<HttpConnector, Full<bytes::Bytes>>,
}

fn written(batch: &Batch) -> Result<Ack> {
    Ok(Ack::written(batch.sample_count() as u64))
}

async fn start(yaml: &str) -> Running {
    let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new()).at("in", "in.peers");
    let rest = Recorder::new(written);
    let peers: Peers = settings(yaml).unwrap();
    let task = tokio::spawn(peers.run(context.clone(), rest.next()));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    let address = context.listeners()[0].1;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    Running { address, context, rest, task, client }
}

async fn start_good() -> Running {
    start("listen: 127.0.0.1:0").await
}

fn message(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    wire::encode_batch(batch, &mut out);
    out
}

impl Running {
    async fn send(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> (u16, bytes::Bytes) {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        let request = request.header("content-type", kind).body(Full::new(body.into())).unwrap();
        let response = self.client.request(request).await.expect("a reply");
        (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
    }

    async fn post(&self, body: Vec<u8>) -> Result<Ack, (u16, Error)> {
        let (status, body) = self.send(Method::POST, "/weir/v1/write", "application/vnd.weir.batch", body).await;
        if status == 200 {
            return Ok(wire::decode_ack(&body, &wire::Limits::default()).unwrap());
        }
        Err((status, wire::decode_error(&body, &wire::Limits::default()).unwrap()))
    }
}

#[tokio::test]
async fn a_batch_comes_as_it_was_sent_and_its_ack_goes_back() {
    let running = start_good().await;
    let sent = batch("up{job=\"a\"} 1 1\nup{job=\"a\"} 2 2\ndown NaN 1").with_tenant("team".parse().unwrap());
    running.rest.answer(|_| {
        let mut ack = Ack::written(1).with(Outcome::Dropped, "filter", 1);
        ack.reject("too_old", "series up at 1", 1);
        Ok(ack)
    });
    let ack = running.post(message(&sent)).await.unwrap();
    let got = running.rest.requests().remove(0);
    assert_eq!((text(&got), got.tenant().as_str()), (text(&sent), "team"));
    assert_eq!(Outcome::ALL.map(|outcome| ack.count(outcome)), [1, 0, 0, 1, 1]);
    assert_eq!(ack.entries().iter().find_map(|e| e.detail.as_deref()), Some("series up at 1"));
}

#[tokio::test]
async fn an_error_of_the_pipeline_goes_back_whole() {
    let running = start_good().await;
    let retry_after = Some(Duration::from_millis(2500));
    for (kind, status) in [
        (Kind::Invalid, 400),
        (Kind::Unprocessable, 422),
        (Kind::TimedOut, 503),
        (Kind::Unavailable { retry_after }, 503),
        (Kind::Overloaded { retry_after: None }, 429),
        (Kind::Closed, 503),
        (Kind::Internal, 500),
    ] {
        running.rest.answer(move |_| Err(Error::new(kind, "no").at(&"in.sink.blocks".into())));
        let (got, error) = running.post(message(&batch("up 1"))).await.unwrap_err();
        assert_eq!((got, error.kind(), error.to_string().as_str()), (status, kind, "in.sink.blocks: no"));
    }
}

#[tokio::test]
async fn what_is_no_batch_is_refused_and_says_why() {
    let running = start("{ listen: 127.0.0.1:0, max_body: 1KiB, max_batch: 1KiB }").await;
    let good = message(&batch("up 1"));
    let flipped = |i: usize| {
        let mut bytes = good.clone();
        bytes[i] ^= 0x10;
        bytes
    };
    let check = async |body: Vec<u8>, expect: &str| {
        let (status, error) = running.post(body).await.unwrap_err();
        assert_eq!((status, error.kind()), (400, Kind::Invalid), "{error}");
        assert!(error.message().contains(expect), "{error}, not {expect}");
    };
    check(Vec::new(), "expected").await;
    check(b"WNB".to_vec(), "expected").await;
    check(good[..good.len() - 1].to_vec(), "expected").await;
    check([good.as_slice(), b"x"].concat(), "expected").await;
    check(flipped(0), "expected").await;
    check(flipped(3), "version").await;
    check(flipped(good.len() - 1), "checksum").await;
    check(vec![0; 1025], "expected a message of at most 1KiB").await;
    let bomb = wire::pack(&vec![0; 2 << 20]).unwrap();
    assert!(bomb.len() < 1024, "{}", bomb.len());
    check(bomb, "expected at most 1024 bytes after decompression, got `2097152`").await;
    check([b"\x28\xb5\x2f\xfd".as_slice(), &good].concat(), "expected").await;
    let wide: String = (0..20).map(|i| format!("a_metric_of_some_length{{i=\"{i}\"}} 1\n")).collect();
    check(message(&batch(&wide)), "expected").await;
    assert!(running.rest.requests().is_empty());
    let other = running.send(Method::POST, "/weir/v1/write", "application/x-protobuf", good.clone()).await;
    let error = wire::decode_error(&other.1, &wire::Limits::default()).unwrap();
    let text = "expected the content type `application/vnd.weir.batch`, got `application/x-protobuf`";
    assert_eq!((other.0, error.message()), (400, text));
    let other = running.send(Method::PUT, "/weir/v1/write", "application/vnd.weir.batch", good.clone()).await;
    let error = wire::decode_error(&other.1, &wire::Limits::default()).unwrap();
    assert_eq!((other.0, error.message()), (400, "expected the method `POST`, got `PUT`"));
    let other = running.send(Method::POST, "/api/v1/write", "application/vnd.weir.batch", good.clone()).await;
    assert_eq!(other.0, 404);
    running.post(good).await.unwrap();
}

#[tokio::test]
async fn health_is_answered_and_readiness_ends_with_the_program() {
    let running = start_good().await;
    assert_eq!(running.send(Method::GET, "/-/healthy", "", Vec::new()).await.0, 200);
    let (status, metrics) = running.send(Method::GET, "/metrics", "", Vec::new()).await;
    assert!(status == 200 && String::from_utf8_lossy(&metrics).contains("weir_peers_samples_total"), "{metrics:?}");
    assert_eq!(running.send(Method::GET, "/-/ready", "", Vec::new()).await.0, 200);
    running.context.shutdown.cancel();
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_taken_is_answered_before_the_source_ends() {
    let running = start_good().await;
    running.rest.set_open(false);
    let sent = tokio::spawn({
        let (client, address, body) = (running.client.clone(), running.address, message(&batch("up 1")));
        async move {
            let request = Request::post(format!("http://{address}/weir/v1/write"));
            let request = request.header("content-type", "application/vnd.weir.batch");
            client.request(request.body(Full::new(body.into())).unwrap()).await.unwrap().status()
        }
    });
    while running.rest.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    running.context.shutdown.cancel();
    tokio::task::yield_now().await;
    assert!(!running.task.is_finished());
    running.rest.set_open(true);
    assert_eq!(sent.await.unwrap(), 200);
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn it_tells_what_it_took() {
    let running = start_good().await;
    let body = message(&batch("up 1\nup 2"));
    let bytes = body.len();
    running.post(body).await.unwrap();
    running.post(b"no".to_vec()).await.unwrap_err();
    let metrics = running.context.metrics.encode();
    for line in [
        "weir_peers_requests_total{pipeline=\"in\",code=\"200\"} 1",
        "weir_peers_requests_total{pipeline=\"in\",code=\"400\"} 1",
        "weir_peers_samples_total{pipeline=\"in\"} 2",
        &format!("weir_peers_body_bytes_total{{pipeline=\"in\"}} {}", bytes + 2),
        "weir_peers_request_duration_seconds_count{pipeline=\"in\"} 2",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} in\n{metrics}");
    }
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let source: BTreeMap<String, Peers> = documented(include_str!("../peers.rs"), "source");
    assert_eq!(source["peers"].listen.as_str(), "127.0.0.1:19391");
}

#[test]
fn settings_that_can_not_work_are_refused() {
    let check = |text: &str, expect: &str| assert_eq!(settings::<Peers>(text).unwrap_err(), expect, "{text}");
    check("listen: foo", "1:9: listen: expected a host and a port such as `127.0.0.1:9090`, got `foo`");
    check(
        "{ listen: ':1', max_body: 0B, max_batch: 0B, timeout: 0s }",
        "1:11: listen: expected a host before the port, `0.0.0.0:1` for all of IPv4, got `:1`\n\
         1:27: max_body: expected more than 0, got `0B`\n1:42: max_batch: expected more than 0, got `0B`\n\
         1:55: timeout: expected more than 0, got `0s`",
    );
}

#[test]
fn it_keeps_the_contract_of_sources() {
    weir_pipeline::testing::assert_source_contract(settings::<Peers>("listen: 127.0.0.1:0").unwrap());
}
