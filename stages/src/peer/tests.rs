//! Tests of `peer`, over real sockets, to a `peers` source or to something that is none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod packed;
mod versions;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weir_pipeline::testing::{Recorder, batch, documented, settings, text};
use weir_pipeline::{Clock, Metrics, Outcome, Source};

use super::*;
use crate::peers::Peers;

fn context() -> Context {
    Context::new(Clock::system(), Metrics::default(), CancellationToken::new()).at("in", "in.peers")
}

/// A node on a free port, whose pipeline answers so.
async fn node(
    answer: impl Fn(&Batch) -> Result<Ack> + Send + Sync + 'static,
) -> (SocketAddr, Recorder<Write>, Context) {
    let (context, rest) = (context(), Recorder::new(answer));
    let peers: Peers = settings("listen: 127.0.0.1:0").unwrap();
    tokio::spawn(peers.run(context.clone(), rest.next()));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    (context.listeners()[0].1, rest, context)
}

fn way(address: &str, yaml: &str) -> Result<Next<Write>> {
    let member = Member { name: "a".into(), address: address.into(), read_address: String::new(), zone: String::new() };
    settings::<Peer>(yaml).unwrap().open(&context().with(Arc::new(member)))
}

fn written(batch: &Batch) -> Result<Ack> {
    Ok(Ack::written(batch.sample_count() as u64))
}

#[tokio::test]
async fn a_batch_arrives_whole_and_the_ack_comes_back() {
    let (address, rest, _context) = node(|_| Ok(Ack::written(1).with(Outcome::Rejected, "too_old", 1))).await;
    let sent = batch("up 1 1\nup 2 2").with_tenant("team".parse().unwrap());
    let ack = way(&address.to_string(), "{}").unwrap().send(sent.clone()).await.unwrap();
    assert_eq!((ack.count(Outcome::Written), ack.count(Outcome::Rejected)), (1, 1));
    let got = rest.requests().remove(0);
    assert_eq!((text(&got), got.tenant()), (text(&sent), sent.tenant()));
}

#[tokio::test]
async fn a_batch_is_encoded_once_for_all_members_that_are_sent_it() {
    let (first, second) = (node(written).await, node(written).await);
    let nodes = [&first, &second];
    nodes.iter().for_each(|(_, rest, _)| rest.set_open(false));
    let sent = batch("up 1 1\nup 2 2");
    let sends = nodes.map(|(address, ..)| {
        let (way, sent) = (way(&address.to_string(), "{}").unwrap(), sent.clone());
        tokio::spawn(async move { way.send(sent).await })
    });
    while nodes.iter().any(|(_, rest, _)| rest.in_flight() == 0) {
        tokio::task::yield_now().await;
    }
    let encoded = sent.shared(|_| -> Encoded { panic!("it is encoded again") });
    // Both requests, and this.
    assert_eq!(Arc::strong_count(&encoded), 3);
    nodes.iter().for_each(|(_, rest, _)| rest.set_open(true));
    for send in sends {
        assert_eq!(send.await.unwrap().unwrap(), Ack::written(2));
    }
    assert_eq!(Arc::strong_count(&encoded), 1);
}

#[tokio::test]
async fn errors_of_the_node_keep_their_kind_and_say_who_said_so() {
    let (address, rest, _context) = node(written).await;
    let way = way(&address.to_string(), "{}").unwrap();
    let check = async |kind: Kind, expect: Kind, text: &str| {
        rest.answer(move |_| Err(Error::new(kind, "no").at(&"in.sink.blocks".into())));
        let error = way.send(batch("up 1")).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (expect, format!("member `a` at {address}{text}").as_str()));
    };
    let retry_after = Some(Duration::from_secs(7));
    for kind in [
        Kind::Invalid,
        Kind::Unprocessable,
        Kind::TimedOut,
        Kind::Unavailable { retry_after },
        Kind::Overloaded { retry_after },
        Kind::Internal,
    ] {
        check(kind, kind, ": in.sink.blocks: no").await;
    }
    // The node goes; the pipeline here does not.
    check(Kind::Closed, Kind::Unavailable { retry_after: None }, " is shutting down").await;
}

#[tokio::test]
async fn what_a_node_says_of_a_tenant_alone_still_says_so_here() {
    let (address, rest, _context) = node(written).await;
    let way = way(&address.to_string(), "{}").unwrap();
    let check = async |answer: fn() -> Error, expect: bool| {
        rest.answer(move |_| Err(answer()));
        assert_eq!(way.send(batch("up 1")).await.unwrap_err().is_of_tenant(), expect);
    };
    check(|| Error::unavailable("it is being deleted").of_tenant(), true).await;
    check(|| Error::unavailable("the head is full"), false).await;
}

#[tokio::test]
async fn a_node_that_can_not_be_reached_or_is_none_is_unavailable() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let error = way(&gone, "{}").unwrap().send(batch("up 1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: None });
    assert!(error.report().starts_with(&format!("member `a` at {gone} can't be reached: ")), "{}", error.report());

    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = other.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = other.accept().await.unwrap();
        let mut some = [0; 16];
        let _ = stream.read(&mut some).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
    });
    let error = way(&address, "{}").unwrap().send(batch("up 1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: None });
}

#[tokio::test]
async fn a_node_that_takes_too_long_is_timed_out() {
    let (address, rest, _context) = node(written).await;
    rest.set_open(false);
    let error = way(&address.to_string(), "timeout: 50ms").unwrap().send(batch("up 1")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::TimedOut, format!("member `a` at {address} did not answer within 50ms").as_str())
    );
}

#[tokio::test]
async fn an_ack_that_does_not_account_for_every_sample_is_a_fault() {
    let (address, _rest, _context) = node(|_| Ok(Ack::written(1))).await;
    let error = way(&address.to_string(), "{}").unwrap().send(batch("up 1\nup 2")).await.unwrap_err();
    let text = format!("member `a` at {address} does not account for every sample");
    assert_eq!((error.kind(), error.message()), (Kind::Internal, text.as_str()));
}

#[tokio::test]
async fn it_is_ready_while_there_is_room_for_requests() {
    let (address, rest, _context) = node(written).await;
    rest.set_open(false);
    let way = way(&address.to_string(), "concurrency: 2").unwrap();
    let ready = async || futures_util::poll!(std::pin::pin!(tower::ServiceExt::ready(&mut way.clone()))).is_ready();
    let sends: Vec<_> = (0..2)
        .map(|_| {
            let way = way.clone();
            tokio::spawn(async move { way.send(batch("up 1")).await })
        })
        .collect();
    while rest.in_flight() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(!ready().await);
    rest.set_open(true);
    for send in sends {
        send.await.unwrap().unwrap();
    }
    assert!(ready().await);
}

#[tokio::test]
async fn after_the_node_was_gone_the_next_request_finds_it_again() {
    let (address, _rest, context) = node(written).await;
    let way = way(&address.to_string(), "{}").unwrap();
    way.send(batch("up 1")).await.unwrap();
    context.shutdown.cancel();
    // The old connection ends; whether a request still catches it is a matter of luck, that it fails in kind is not.
    let peers: Peers = settings(&format!("listen: {address}")).unwrap();
    let (again, rest) = (self::context(), Recorder::new(written));
    let mut running = None;
    for _ in 0..10_000 {
        let task = tokio::spawn(peers.clone().run(again.clone(), rest.next()));
        tokio::task::yield_now().await;
        if !task.is_finished() {
            running = Some(task);
            break;
        }
    }
    assert!(running.is_some());
    let mut left = 100;
    while let Err(error) = way.send(batch("up 1")).await {
        assert!(error.kind().is_retryable(), "{error:?}");
        left -= 1;
        assert!(left > 0, "{error:?}");
    }
    assert_eq!(rest.requests().len(), 1);
}

#[tokio::test]
async fn it_does_not_open_without_a_member_or_with_an_address_that_is_none() {
    let error = settings::<Peer>("{}").unwrap().open(&context()).unwrap_err();
    assert_eq!(error.to_string(), "expected `replicate` above, which says which member it is");
    let error = way("no address", "{}").unwrap_err();
    assert_eq!(error.to_string(), "expected a host and a port, got `no address`");
}

#[test]
fn refuses_wrong_settings() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Peer>(yaml).unwrap_err(), expect);
    check("timeout: 5", "1:10: timeout: expected a duration such as `30s` or `1m30s`, got `5`");
    check(
        "{ timeout: 0s, connect_timeout: 0 }",
        "1:12: timeout: expected more than 0, got `0s`\n1:33: connect_timeout: expected more than 0, got `0s`",
    );
    check("concurrency: 0", "1:14: concurrency: expected a whole number of at least 1, got `0`");
    check(
        "url: a",
        "1:1: url: unknown field `url`, expected one of `timeout`, `connect_timeout`, `concurrency`, `compression`, `tls_config`, `bearer_token_file`, `basic_auth`",
    );
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let _: BTreeMap<String, Peer> = documented(include_str!("../peer.rs"), "sink");
}

#[tokio::test]
async fn it_keeps_the_contract_of_sinks() {
    let (address, _rest, _context) = node(written).await;
    // Over real sockets time can't be paused.
    let way = way(&address.to_string(), "{}").unwrap();
    weir_pipeline::testing::check_sink_contract("peer", way).await.unwrap();
}
