//! Tests of `receive`, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::{HeaderMap, Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_pipeline::{Ack, Batch, Clock, Error, Kind, LabelSet, Metrics, Outcome};

mod kinds;
mod lifecycle;
mod mutated;
mod otlp;
mod outcomes;
mod tenants;
mod yaml;

use super::*;
use crate::remote_write::{SAMPLES_WRITTEN, Version, compress, encode};

type Body = http_body_util::combinators::BoxBody<bytes::Bytes, std::convert::Infallible>;

/// A receiver on a free port, and what its pipeline saw.
struct Running {
    address: SocketAddr,
    context: Context,
    seen: Arc<Mutex<Vec<Batch>>>,
    task: JoinHandle<Result<()>>,
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Body>,
}

/// A reply, as far as tests look at it.
#[derive(Debug)]
struct Got {
    status: u16,
    text: String,
    headers: HeaderMap,
}

fn settings() -> Receive {
    yaml::read("{ listen: 127.0.0.1:0 }").unwrap()
}

fn context() -> Context {
    Context::new(Clock::system(), Metrics::default(), CancellationToken::new()).at("in", "in.receive")
}

async fn start(
    settings: Receive,
    answer: impl Fn(Batch) -> BoxFuture<'static, Result<Ack>> + Clone + Send + Sync + 'static,
) -> Running {
    start_in(context(), settings, answer).await
}

async fn start_in(
    context: Context,
    settings: Receive,
    answer: impl Fn(Batch) -> BoxFuture<'static, Result<Ack>> + Clone + Send + Sync + 'static,
) -> Running {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = seen.clone();
    let next = Next::new(tower::service_fn(move |batch: Batch| {
        keep.lock().unwrap().push(batch.clone());
        answer(batch)
    }));
    let task = tokio::spawn(settings.run(context.clone(), next));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    let address = context.listeners()[0].1;
    Running { address, context, seen, task, client: Client::builder(TokioExecutor::new()).build_http() }
}

/// A receiver whose pipeline writes all.
async fn start_good() -> Running {
    start(settings(), |batch| Box::pin(async move { Ok(Ack::written(batch.sample_count() as u64)) })).await
}

impl Running {
    fn post(&self, path: &str) -> hyper::http::request::Builder {
        Request::post(format!("http://{}{path}", self.address))
    }

    async fn send(&self, request: Request<Body>) -> Got {
        let response = self.client.request(request).await.expect("a reply");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap();
        Got { status, text, headers }
    }

    /// Posts a body with these headers.
    async fn write(&self, headers: &[(&str, &str)], body: Vec<u8>) -> Got {
        let request = headers.iter().fold(self.post("/api/v1/receive"), |r, (name, value)| r.header(*name, *value));
        self.send(request.body(full(body)).unwrap()).await
    }

    async fn get(&self, method: Method, path: &str) -> Got {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        self.send(request.body(full(Vec::new())).unwrap()).await
    }
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

fn full(body: Vec<u8>) -> Body {
    Full::new(bytes::Bytes::from(body)).boxed()
}

fn batch(samples: usize) -> Batch {
    let mut builder = Batch::builder(Tenant::default());
    let labels: LabelSet = [("__name__", "up"), ("job", "node")].into_iter().collect();
    builder.series(labels.as_labels());
    for i in 0..samples {
        builder.sample(i as i64, 1.0);
    }
    builder.build()
}

/// A request body with so many samples.
fn body(version: Version, samples: usize) -> Vec<u8> {
    let mut body = Vec::new();
    encode(&batch(samples), version, &mut body);
    packed(&body)
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    compress(body, &mut packed).unwrap();
    packed
}

const V2: (&str, &str) = ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request");

#[tokio::test]
async fn a_request_of_either_version_becomes_one_batch() {
    let running = start_good().await;
    for (path, version, written) in [("/api/v1/receive", Version::V1, None), ("/api/v1/write", Version::V2, Some("3"))]
    {
        let request = running.post(path).header("content-type", version.content_type());
        let request = request.header("content-encoding", "snappy");
        let got = running.send(request.body(full(body(version, 3))).unwrap()).await;
        assert_eq!((got.status, got.text.as_str(), got.header(SAMPLES_WRITTEN)), (204, "", written));
    }
    let seen = running.seen.lock().unwrap();
    let shown: Vec<String> = seen.iter().map(|batch| format!("{batch:?}")).collect();
    assert_eq!(shown, ["Batch(default-tenant, 1 series, 3 samples)"; 2]);
    assert_eq!(seen[1].series(0).labels.to_string(), "up{job=\"node\"}");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_in_the_order_of_the_checks() {
    let mut settings = settings();
    (settings.max_body, settings.max_decoded) = (Bytes::kib(1), Bytes::kib(2));
    let running = start(settings, |_| Box::pin(async { Ok(Ack::default()) })).await;
    let good = || body(Version::V1, 1);
    let check = async |headers: &[(&str, &str)], body: Vec<u8>, status: u16, text: &str| {
        let got = running.write(headers, body).await;
        assert_eq!((got.status, got.text.trim_end()), (status, text), "{headers:?}");
    };
    let snappy = |encoding: &str| format!("expected the content encoding `snappy`, got `{encoding}`");
    let media = |got: &str| format!("expected the content type `application/x-protobuf`, got `{got}`");
    let message = "expected the message `prometheus.WriteRequest` or `io.prometheus.write.v2.Request`, got ";
    for encoding in ["gzip", "deflate", "identity", "snappy, gzip"] {
        check(&[("content-encoding", encoding), ("content-type", "x")], vec![0; 9], 415, &snappy(encoding)).await;
    }
    check(&[("content-encoding", ""), ("content-type", "")], good(), 204, "").await;
    check(&[], vec![1; 1025], 413, "expected a body of at most 1024 bytes").await;
    check(&[("content-encoding", "gzip")], vec![1; 1025], 415, &snappy("gzip")).await;
    let corrupt = "expected a snappy block: snappy: corrupt input (invalid header)";
    check(&[("content-type", "image/png")], vec![0xff; 9], 400, corrupt).await;
    check(&[], Vec::new(), 400, "expected a snappy block: snappy: corrupt input (empty)").await;
    let bomb = "expected at most 2048 bytes after decompression, got `4294967295`";
    check(&[], vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0], 400, bomb).await;
    check(&[], packed(&[7; 2049]), 400, "expected at most 2048 bytes after decompression, got `2049`").await;
    for (kind, text) in [
        ("application/json", media("application/json")),
        ("image/png", media("image/png")),
        ("application/x-protobuf;proto", "expected parameters `name=value`, got `application/x-protobuf;proto`".into()),
        ("application/x-protobuf;proto=x", format!("{message}`application/x-protobuf;proto=x`")),
        ("application/x-protobuf; proto=\"\"", format!("{message}`application/x-protobuf; proto=\"\"`")),
    ] {
        check(&[("content-type", kind)], packed(b"\0"), 415, &text).await;
    }
    for kind in ["application/x-protobuf", "Application/X-Protobuf; charset=x; proto=prometheus.WriteRequest;"] {
        check(&[("content-type", kind)], good(), 204, "").await;
    }
    let malformed = "expected a `prometheus.WriteRequest`, got a field number that does not exist at byte 0";
    check(&[], packed(b"\0"), 400, malformed).await;
    check(&[], packed(b""), 204, "").await;
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let running = start_good().await;
    for (method, path, status) in [
        (Method::GET, "/api/v1/receive", 405),
        (Method::PUT, "/api/v1/write", 405),
        (Method::GET, "/api/v1/otlp/v1/metrics", 405),
        (Method::GET, "/", 404),
        (Method::GET, "/api/v1/receive/", 404),
        (Method::GET, "/-/healthy", 200),
        (Method::GET, "/metrics", 200),
        (Method::GET, "/-/ready", 200),
    ] {
        assert_eq!(running.get(method, path).await.status, status, "{path}");
    }
    for path in ["/api/v1/receive", "/api/v1/otlp/v1/metrics"] {
        assert_eq!(running.get(Method::GET, path).await.header("allow"), Some("POST"), "{path}");
    }
}

#[tokio::test]
async fn the_tenant_is_named_by_one_header_or_by_two_that_agree() {
    let (both, mut one) = (start_good().await, settings());
    one.tenant_header = Some("X-Team".to_owned().try_into().unwrap());
    one.default_tenant = "nobody".parse().unwrap();
    let one = start(one, |batch| Box::pin(async move { Ok(Ack::written(batch.sample_count() as u64)) })).await;
    let check = async |running: &Running, headers: &[(&str, &str)], expect: Result<&str, &str>| {
        let got = running.write(headers, body(Version::V1, 1)).await;
        let tenant = running.seen.lock().unwrap().drain(..).next().map(|batch| batch.tenant().to_string());
        match expect {
            Ok(expect) => assert_eq!((got.status, tenant.as_deref()), (204, Some(expect)), "{headers:?}"),
            Err(text) => assert_eq!((got.status, got.text.trim_end(), tenant), (400, text, None), "{headers:?}"),
        }
    };
    let grammar = "expected a tenant of 1 to 150 characters from a-z A-Z 0-9 !-_.*'(), got";
    check(&both, &[], Ok("default-tenant")).await;
    check(&both, &[("X-Scope-OrgID", "")], Ok("default-tenant")).await;
    check(&both, &[("X-Scope-OrgID", "a")], Ok("a")).await;
    check(&both, &[("THANOS-TENANT", "b")], Ok("b")).await;
    check(&both, &[("THANOS-TENANT", "a"), ("X-Scope-OrgID", "a")], Ok("a")).await;
    let two = "expected one tenant, got `a` and `b`";
    check(&both, &[("X-Scope-OrgID", "a"), ("THANOS-TENANT", "b")], Err(two)).await;
    check(&both, &[("X-Scope-OrgID", "a"), ("X-Scope-OrgID", "b")], Err(two)).await;
    check(&both, &[("X-Scope-OrgID", "a|b")], Err(&format!("{grammar} `a|b`"))).await;
    check(&both, &[("X-Scope-OrgID", "..")], Err(&format!("{grammar} `..`"))).await;
    check(&both, &[("X-Scope-OrgID", "../etc")], Err(&format!("{grammar} `../etc`"))).await;
    check(&both, &[("X-Team", "c")], Ok("default-tenant")).await;
    check(&one, &[("X-Scope-OrgID", "a"), ("X-Team", "c")], Ok("c")).await;
    check(&one, &[("X-Scope-OrgID", "a")], Ok("nobody")).await;
}

#[tokio::test]
async fn a_body_without_a_length_is_limited_as_it_comes() {
    let mut settings = settings();
    settings.max_body = Bytes::kib(1);
    let running = start(settings, |_| Box::pin(async { Ok(Ack::default()) })).await;
    let chunk = |_| Ok(Frame::data(bytes::Bytes::from(vec![0xffu8; 512])));
    let stream = StreamBody::new(futures_util::stream::iter((0..100).map(chunk)));
    let got = running.send(running.post("/api/v1/receive").body(stream.boxed()).unwrap()).await;
    assert_eq!((got.status, got.text.as_str()), (413, "expected a body of at most 1024 bytes\n"));
}

#[tokio::test]
async fn what_the_pipeline_says_becomes_a_status_and_headers() {
    let check = async |answer: Result<Ack>, expect: (u16, &str, Option<&str>, &str)| {
        let running = start(settings(), move |_| Box::pin(std::future::ready(answer.clone()))).await;
        let got = running.write(&[V2], body(Version::V2, 5)).await;
        let written = got.header(SAMPLES_WRITTEN).expect("a count");
        assert_eq!((got.status, got.text.trim_end(), got.header("retry-after"), written), expect);
        assert_eq!(got.header("x-prometheus-remote-write-histograms-written"), Some("0"));
        assert_eq!(got.header("x-prometheus-remote-write-exemplars-written"), Some("0"));
        let got = running.write(&[], body(Version::V1, 5)).await;
        assert_eq!((got.status, got.text.trim_end(), got.header(SAMPLES_WRITTEN)), (expect.0, expect.1, None));
    };
    let error = |kind| Err(Error::new(kind, "no").at(&"in.blocks".into()));
    let after = |ms| Some(Duration::from_millis(ms));
    check(Ok(Ack::written(5)), (204, "", None, "5")).await;
    check(Ok(Ack::written(2).with(Outcome::Dropped, "filter", 3)), (204, "", None, "5")).await;
    let mut partly = Ack::written(3);
    partly.reject("out_of_order", "series up at 7", 1);
    partly.add(Outcome::Rejected, "too_old", 1);
    let texts = "out_of_order: 1 rejected: series up at 7\ntoo_old: 1 rejected";
    check(Ok(partly), (400, texts, None, "3")).await;
    check(error(Kind::Invalid), (400, "in.blocks: no", None, "0")).await;
    check(error(Kind::Unprocessable), (400, "in.blocks: no", None, "0")).await;
    check(error(Kind::TimedOut), (503, "in.blocks: no", Some("1"), "0")).await;
    check(error(Kind::Closed), (503, "in.blocks: no", Some("1"), "0")).await;
    check(error(Kind::Unavailable { retry_after: None }), (503, "in.blocks: no", Some("1"), "0")).await;
    check(error(Kind::Unavailable { retry_after: after(2500) }), (503, "in.blocks: no", Some("3"), "0")).await;
    check(error(Kind::Overloaded { retry_after: after(7000) }), (429, "in.blocks: no", Some("7"), "0")).await;
    check(error(Kind::Internal), (500, "in.blocks: no", None, "0")).await;
}

#[tokio::test]
async fn the_good_part_of_a_request_is_written_and_the_rest_is_told_and_counted() {
    let running = start_good().await;
    // `up 1 1`, and a series whose reference points nowhere.
    let two = b"\x22\0\x22\x08__name__\x22\x02up\x2a\x08\x0a\x02\x01\x02\x12\x02\x10\x01\x2a\x08\x0a\x02\x01\x09\x12\x02\x10\x01";
    let got = running.write(&[V2], packed(two)).await;
    assert_eq!((got.status, got.header(SAMPLES_WRITTEN)), (400, Some("1")));
    assert_eq!(got.text, "series 2 {}: expected a label among 3 symbols, got `9`\n");
    // A series of 1.0 without a name is passed over in silence, one with a histogram that makes no sense is not.
    let nameless = b"\x0a\x0a\x0a\x06\x0a\x01a\x12\x01b\x12\0";
    assert_eq!(running.write(&[], packed(nameless)).await.status, 204);
    let histogram = b"\x0a\x14\x0a\x0e\x0a\x08__name__\x12\x02up\x22\x02\x08\x01";
    let got = running.write(&[], packed(histogram)).await;
    let text = "series 1 {__name__=\"up\"}: a histogram: expected buckets with the `1` observations counted, got `0`\n";
    assert_eq!((got.status, got.text.as_str()), (400, text));
    assert_eq!(running.seen.lock().unwrap().len(), 1);
    let metrics = running.context.metrics.encode();
    for line in [
        "weir_receive_rejected_samples_total{pipeline=\"in\",reason=\"invalid_references\"} 1",
        "weir_receive_rejected_samples_total{pipeline=\"in\",reason=\"invalid_labels\"} 1",
        "weir_receive_rejected_samples_total{pipeline=\"in\",reason=\"invalid_histogram\"} 1",
        "prometheus_api_remote_write_invalid_labels_samples_total{pipeline=\"in\"} 1",
        "weir_receive_requests_total{pipeline=\"in\",code=\"400\"} 2",
        "weir_receive_samples_total{pipeline=\"in\",protocol=\"2.0\"} 1",
        "weir_receive_request_duration_seconds_count{pipeline=\"in\"} 3",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn histograms_and_exemplars_are_passed_on_and_counted_as_written() {
    let running = start_good().await;
    // `up` with an empty histogram, and with an exemplar of 1.
    let two = b"\x22\0\x22\x08__name__\x22\x02up\x2a\x06\x0a\x02\x01\x02\x1a\0\
        \x2a\x0f\x0a\x02\x01\x02\x22\x09\x11\0\0\0\0\0\0\xf0\x3f";
    let got = running.write(&[V2], packed(two)).await;
    let written = ["samples", "histograms", "exemplars"];
    let written = written.map(|what| got.header(&format!("x-prometheus-remote-write-{what}-written")));
    assert_eq!((got.status, written), (204, [Some("0"), Some("1"), Some("1")]));
    let seen = running.seen.lock().unwrap();
    assert_eq!((seen[0].histogram_count(), seen[0].exemplar_count(), seen[0].sample_count()), (1, 1, 1));
}

#[test]
fn it_keeps_the_contract_of_sources() {
    weir_pipeline::testing::assert_source_contract(settings());
}
