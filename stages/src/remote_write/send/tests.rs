//! Tests of the sink `remote_write`, over real sockets: to a server that answers as the test says, and to `receive`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;
use weir_pipeline::testing::{Recorder, batch, check_sink_contract, documented, settings, text};
use weir_pipeline::{Metrics, Outcome, Sink, Source, Tenant};

use super::*;
use crate::outbound::AGENT;
use crate::outbound::tests::server::{Asked as Got, Says, Server};
use crate::receive::Receive;
use crate::remote_write::{Limits, SAMPLES_WRITTEN, decode, decompress};

mod yaml;

fn context() -> Context {
    Context::new(Clock::system(), Metrics::default(), CancellationToken::new()).at("out", "out.sink.remote_write")
}

fn sink_in(context: &Context, address: SocketAddr, more: &str) -> Next<Write> {
    let yaml = format!("{{ url: 'http://{address}/api/v1/write?secret=s', {more} }}");
    settings::<RemoteWrite>(&yaml).unwrap().open(context).unwrap()
}

fn sink(address: SocketAddr, more: &str) -> Next<Write> {
    sink_in(&context(), address, more)
}

/// Which version a request is of.
fn version(asked: &Got) -> Version {
    let of = |version: &Version| asked.header("content-type") == Some(version.content_type());
    Version::ALL.into_iter().find(of).expect("a version")
}

fn says(status: u16) -> Says {
    Says(status, Vec::new(), "")
}

/// As a server that knows 2.0 and writes all.
fn written(asked: &Got) -> Says {
    let written = read(asked).sample_count().to_string();
    Says(204, vec![(SAMPLES_WRITTEN, written)], "")
}

/// The batch of a request.
fn read(asked: &Got) -> Batch {
    let mut message = Vec::new();
    decompress(&asked.body, 1 << 24, &mut message).unwrap();
    let tenant = asked.header("x-scope-orgid").map_or_else(Tenant::default, |name| name.parse().unwrap());
    decode(&message, version(asked), tenant, &Limits::default()).unwrap().batch
}

/// A `receive` source on a free port, whose pipeline answers so.
async fn receiver(answer: impl Fn(&Batch) -> Result<Ack> + Send + Sync + 'static) -> (SocketAddr, Recorder<Write>) {
    let (context, rest) = (context(), Recorder::new(answer));
    let receive: Receive = settings("listen: 127.0.0.1:0").unwrap();
    tokio::spawn(receive.run(context.clone(), rest.next()));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    (context.listeners()[0].1, rest)
}

#[tokio::test]
async fn a_batch_arrives_whole_with_its_tenant_and_the_headers_of_the_protocol() {
    let server = Server::start(written).await;
    let more = "headers: { X-More: m }, basic_auth: { username: u, password: p }";
    let sent = batch("up{job=\"a\"} 1 1000\nup{job=\"b\"} 2 1000").with_tenant("team".parse().unwrap());
    for (asked, version) in [("auto", Version::V2), ("2", Version::V2), ("1", Version::V1)] {
        let sink = sink(server.address, &format!("version: {asked}, {more}"));
        assert_eq!(sink.send(sent.clone()).await.unwrap(), Ack::written(2));
        let got = server.asked().pop().unwrap();
        assert_eq!((text(&read(&got)), read(&got).tenant()), (text(&sent), sent.tenant()));
        let all = [
            ("content-type", version.content_type()),
            ("content-encoding", "snappy"),
            ("x-prometheus-remote-write-version", version.header()),
            ("user-agent", AGENT),
            ("x-scope-orgid", "team"),
            ("x-more", "m"),
            ("authorization", "Basic dTpw"),
        ];
        all.iter().for_each(|(name, value)| assert_eq!(got.header(name), Some(*value), "{name}"));
        assert_eq!(got.path, "/api/v1/write?secret=s");
    }
    let sink = sink(server.address, "tenant_header: ''");
    sink.send(sent).await.unwrap();
    assert_eq!(server.asked().pop().unwrap().header("x-scope-orgid"), None);
}

#[tokio::test]
async fn a_server_that_does_not_know_the_new_version_is_sent_the_old_one_from_then_on() {
    // One says so; the other reads an empty message and is content.
    for unknown in [415, 204, 200] {
        let server = Server::start(move |asked| match version(asked) {
            Version::V1 => says(204),
            Version::V2 => says(unknown),
        })
        .await;
        let context = context();
        let sink = sink_in(&context, server.address, "");
        for _ in 0..2 {
            assert_eq!(sink.send(batch("up 1")).await.unwrap(), Ack::written(1));
        }
        let versions: Vec<_> = server.asked().iter().map(version).collect();
        assert_eq!(versions, [Version::V2, Version::V1, Version::V1]);
        let url = format!("http://{}/api/v1/write", server.address);
        let count = format!("weir_remote_write_fallbacks_total{{pipeline=\"out\",url=\"{url}\"}} 1\n");
        let metrics = context.metrics.encode();
        assert!(metrics.contains(&count) && !metrics.contains("secret"), "{metrics}");
    }
}

#[tokio::test]
async fn a_server_is_asked_again_for_the_new_version_after_a_while() {
    let server = Server::start(|asked| match version(asked) {
        Version::V1 => says(204),
        Version::V2 => says(415),
    })
    .await;
    let settings: RemoteWrite = settings(&format!("{{ url: 'http://{}/' }}", server.address)).unwrap();
    let (context, url) = (context(), settings.server.url.clone());
    let client = outbound::client(Duration::from_secs(9), None, 1).unwrap();
    let (clock, telemetry) = (context.clock.clone(), Telemetry::new(&context, &url));
    let shared = Remote { settings, client, clock, telemetry, fallback: Mutex::new(None) };
    shared.write(batch("up 1")).await.unwrap();
    assert_eq!(shared.version(), Version::V1);
    *shared.fallback.lock().unwrap() = Some(Instant::now());
    assert_eq!(shared.version(), Version::V2);
}

#[tokio::test]
async fn with_a_version_that_is_fixed_nothing_else_is_tried() {
    for (asked, status, reason) in
        [("2", 415, "version_unknown"), ("2", 204, "version_unknown"), ("1", 415, "unsupported_media_type")]
    {
        let server = Server::start(move |_| says(status)).await;
        let ack = sink(server.address, &format!("version: {asked}")).send(batch("up 1")).await.unwrap();
        assert_eq!((ack.count(Outcome::Rejected), ack.entries()[0].reason), (1, reason), "{status}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn what_a_server_will_never_take_is_rejected_with_its_words() {
    let check = async |status: u16, reason: &str| {
        let server = Server::start(move |_| Says(status, Vec::new(), "out of order\nand more")).await;
        let ack = sink(server.address, "").send(batch("up 1\nup 2")).await.unwrap();
        assert_eq!((ack.count(Outcome::Rejected), ack.total()), (2, 2), "{status}");
        let entry = &ack.entries()[0];
        let detail = entry.detail.clone().unwrap();
        assert_eq!(entry.reason, reason);
        let begin = format!("http://{}/api/v1/write answered `{status} ", server.address);
        assert!(detail.starts_with(&begin) && detail.ends_with("`: out of order"), "{detail}");
    };
    check(400, "bad_request").await;
    check(401, "unauthorized").await;
    check(403, "forbidden").await;
    check(404, "not_found").await;
    check(409, "conflict").await;
    check(413, "too_large").await;
    check(422, "unprocessable").await;
    check(418, "refused").await;
    check(301, "redirected").await;
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_sent_in_halves() {
    // It takes three samples at most; and one series that is too long by itself.
    let server = Server::start(|asked| match read(asked).sample_count() {
        n if n > 3 => says(413),
        _ => written(asked),
    })
    .await;
    let context = context();
    let sink = sink_in(&context, server.address, "");
    let mut sent = Batch::builder(Tenant::default());
    for i in 0..7 {
        let labels: weir_pipeline::LabelSet =
            [("__name__", "up".to_owned()), ("i", i.to_string())].into_iter().collect();
        sent.series(labels.as_labels());
        (0..if i == 5 { 4 } else { 1 }).for_each(|at| _ = sent.sample(at, 1.0));
    }
    let ack = sink.send(sent.build()).await.unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Rejected)), (6, 4), "{ack:?}");
    assert_eq!(ack.entries().iter().find(|e| e.outcome == Outcome::Rejected).unwrap().reason, "too_large");
    let taken = server.asked().iter().map(read).filter(|batch| batch.sample_count() <= 3).collect::<Vec<_>>();
    let order: String = taken.iter().flat_map(Batch::iter).map(|s| s.labels.get("i").unwrap().to_owned()).collect();
    assert_eq!(order, "012346");
    let url = format!("http://{}/api/v1/write", server.address);
    // All; 3 to 6; 5 and 6.
    let count = format!("weir_remote_write_splits_total{{pipeline=\"out\",url=\"{url}\"}} 3\n");
    assert!(context.metrics.encode().contains(&count), "{}", context.metrics.encode());
}

#[tokio::test]
async fn what_a_server_has_written_of_a_request_is_written() {
    let check = async |status: u16, wrote: &'static str, written: u64, reason: &str| {
        let server = Server::start(move |_| Says(status, vec![(SAMPLES_WRITTEN, wrote.to_owned())], "")).await;
        let ack = sink(server.address, "").send(batch("up 1\nup 2\nup 3")).await.unwrap();
        assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Rejected)), (written, 3 - written), "{status}");
        assert!(written == 3 || ack.entries().iter().any(|entry| entry.reason == reason), "{ack:?}");
    };
    check(204, "3", 3, "").await;
    check(204, "2", 2, "not_written").await;
    check(204, "0", 0, "not_written").await;
    check(204, "99", 3, "").await;
    check(400, "2", 2, "bad_request").await;
}

#[tokio::test]
async fn what_may_pass_is_an_error_that_says_when_to_come_again() {
    let seconds = |n| Some(Duration::from_secs(n));
    let check = async |status: u16, after: Option<&'static str>, kind: Kind| {
        let headers: Vec<_> = after.iter().map(|after| ("retry-after", (*after).to_owned())).collect();
        let server = Server::start(move |_| Says(status, headers.clone(), "busy")).await;
        let error = sink(server.address, "").send(batch("up 1")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        let text = error.message();
        assert!(text.contains(&format!("/api/v1/write answered `{status} ")) && text.ends_with(": busy"), "{text}");
    };
    check(429, Some("7"), Kind::Overloaded { retry_after: seconds(7) }).await;
    check(429, None, Kind::Overloaded { retry_after: None }).await;
    check(503, Some("Sun, 06 Nov 1994 08:49:37 GMT"), Kind::Unavailable { retry_after: seconds(0) }).await;
    check(500, None, Kind::Unavailable { retry_after: None }).await;
    check(408, Some("1"), Kind::Unavailable { retry_after: seconds(1) }).await;
}

#[tokio::test]
async fn a_server_that_can_not_be_reached_or_takes_too_long_may_come_back() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = sink(gone, "").send(batch("up 1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: None });
    let text = error.report();
    assert!(text.starts_with(&format!("http://{gone}/api/v1/write can't be reached: ")), "{text}");
    assert!(!text.contains("secret"), "{text}");

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = silent.local_addr().unwrap();
    let error = sink(at, "timeout: 50ms").send(batch("up 1")).await.unwrap_err();
    let text = format!("http://{at}/api/v1/write did not answer within 50ms");
    assert_eq!((error.kind(), error.message()), (Kind::TimedOut, text.as_str()));
}

#[tokio::test]
async fn a_secret_that_can_not_be_read_is_an_error_that_may_pass() {
    let server = Server::start(written).await;
    let error = sink(server.address, "bearer_token_file: /nowhere/token").send(batch("up 1")).await.unwrap_err();
    assert_eq!(error.message(), "expected a secret in the file `/nowhere/token`");
    assert!(error.kind().is_retryable() && server.asked().is_empty());
}

#[tokio::test]
async fn a_batch_that_says_nothing_is_not_sent() {
    let server = Server::start(written).await;
    assert_eq!(sink(server.address, "").send(batch("")).await.unwrap(), Ack::default());
    let mut said = Batch::builder(Tenant::default());
    said.metadata(weir_pipeline::batch::Metadata { metric: "up".into(), ..Default::default() });
    let said = said.build();
    assert_eq!(sink(server.address, "").send(said.clone()).await.unwrap(), Ack::default());
    assert!(server.asked().is_empty());
    sink(server.address, "version: 1").send(said).await.unwrap();
    assert_eq!(read(&server.asked()[0]).metadata().len(), 1);
}

#[tokio::test]
async fn it_is_ready_while_there_is_room_for_requests() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sink = sink(silent.local_addr().unwrap(), "concurrency: 1");
    let sending = tokio::spawn({
        let sink = sink.clone();
        async move { sink.send(batch("up 1")).await }
    });
    let _held = silent.accept().await.unwrap();
    let ready = futures_util::poll!(std::pin::pin!(tower::ServiceExt::ready(&mut sink.clone()))).is_ready();
    assert!(!ready);
    sending.abort();
    let _ = sending.await;
    assert!(futures_util::poll!(std::pin::pin!(tower::ServiceExt::ready(&mut sink.clone()))).is_ready());
}

#[tokio::test]
async fn receive_takes_what_it_sends() {
    let (address, rest) = receiver(|batch| {
        let n = batch.sample_count() as u64;
        Ok(Ack::written(n - 1).with(Outcome::Rejected, "too_old", 1))
    })
    .await;
    let sent = batch("up{job=\"a\"} 1 1000\nup{job=\"a\"} stale 2000\nup{job=\"b\"} NaN 1000");
    let ack = sink(address, "").send(sent.clone()).await.unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Rejected)), (2, 1));
    assert_eq!(ack.entries().iter().find(|e| e.outcome == Outcome::Rejected).unwrap().reason, "bad_request");
    assert_eq!(text(&rest.requests()[0]), text(&sent));
    rest.answer(|_| Err(Error::new(Kind::Overloaded { retry_after: Some(Duration::from_secs(9)) }, "slowly")));
    let error = sink(address, "").send(sent).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Overloaded { retry_after: Some(Duration::from_secs(9)) });
}

#[tokio::test]
async fn it_keeps_the_contract_of_sinks() {
    let (address, _rest) = receiver(|batch| Ok(Ack::written(batch.sample_count() as u64))).await;
    for version in ["auto", "1", "2"] {
        let sink = sink(address, &format!("version: {version}"));
        check_sink_contract("remote_write", sink).await.unwrap();
    }
}
