//! Tests of `peers::hints`: nodes over real sockets, one of which is away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use weir_pipeline::testing::{Recorder, batch, settings, text};
use weir_pipeline::{Clock, Kind, Metrics, Source};

use super::super::Peers;
use super::*;
use crate::replicate::HintFor;

/// A node.
struct Node {
    address: SocketAddr,
    context: Context,
    rest: Recorder<Write>,
    task: JoinHandle<Result<()>>,
}

async fn node(listen: SocketAddr, extra: &str) -> Node {
    let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new()).at("in", "in.peers");
    let rest = Recorder::new(|batch: &Batch| Ok(Ack::written(batch.sample_count() as u64)));
    let peers: Peers = settings(&format!("{{ listen: '{listen}', {extra} }}")).unwrap();
    let task = tokio::spawn(peers.run(context.clone(), rest.next()));
    while context.listeners().is_empty() {
        assert!(!task.is_finished(), "it has failed");
        tokio::task::yield_now().await;
    }
    Node { address: context.listeners()[0].1, context, rest, task }
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// An address where nobody listens.
fn nowhere() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Node {
    async fn stop(self) {
        self.context.shutdown.cancel();
        self.task.await.unwrap().unwrap();
        assert!(self.context.close().await.is_empty());
    }

    /// Waits until as many batches have come.
    async fn got(&self, count: usize) -> String {
        let come = async {
            while self.rest.requests().len() < count {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), come).await.expect("batches");
        self.rest.requests().iter().map(text).collect::<Vec<_>>().concat()
    }
}

fn member(name: &str, address: SocketAddr) -> Member {
    Member::new(name.into(), address.to_string(), None, String::new()).unwrap()
}

/// Sends a batch to a node that is to keep it for another.
async fn send(holder: &Node, owner: Member, batch: Batch) -> Result<Ack> {
    let context = weir_pipeline::testing::context();
    let context = context.with(Arc::new(member("holder", holder.address))).with(Arc::new(HintFor(owner)));
    Peer::default().open(&context).unwrap().send(batch).await
}

#[tokio::test]
async fn what_is_kept_goes_to_its_owner_once_that_is_back_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let hints = format!("hints: {{ path: '{}' }}", dir.path().join("hints").display());
    let holder = node(anywhere(), &hints).await;
    let owner = member("..", nowhere());
    let ack = send(&holder, owner.clone(), batch("up 1 1")).await.unwrap();
    assert_eq!(ack.count(weir_pipeline::Outcome::Accepted), 1);
    assert!(holder.rest.requests().is_empty(), "it is not its own");
    let metrics = holder.context.metrics.encode();
    let line = "weir_queue_accepted_samples_total{pipeline=\"in\",place=\"in.peers.hints...\"} 1";
    assert!(metrics.lines().any(|l| l == line), "{metrics}");
    holder.stop().await;
    let holder = node(anywhere(), &hints).await;
    let back = node(owner.address.parse().unwrap(), "").await;
    assert_eq!(back.got(1).await, text(&batch("up 1 1")));
    // What comes later goes the same way.
    send(&holder, owner, batch("up 2 2")).await.unwrap();
    assert_eq!(back.got(2).await, [text(&batch("up 1 1")), text(&batch("up 2 2"))].concat());
    assert!(std::fs::read_dir(dir.path()).unwrap().count() == 1, "nothing is outside of the directory");
    holder.stop().await;
    back.stop().await;
}

#[tokio::test]
async fn an_owner_that_has_moved_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let holder = node(anywhere(), &format!("hints: {{ path: '{}' }}", dir.path().display())).await;
    send(&holder, member("a", nowhere()), batch("up 1 1")).await.unwrap();
    let back = node(anywhere(), "").await;
    send(&holder, member("a", back.address), batch("down 1 1")).await.unwrap();
    let got = back.got(2).await;
    assert!(got.contains("up") && got.contains("down"), "{got}");
    holder.stop().await;
    back.stop().await;
}

#[tokio::test]
async fn a_node_without_hints_keeps_nothing_and_a_header_that_names_nobody_is_invalid() {
    let plain = node(anywhere(), "").await;
    let error = send(&plain, member("a", nowhere()), batch("up 1 1")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.message().ends_with("expected `hints` in the settings, to keep something for `a`"), "{error}");
    assert!(plain.rest.requests().is_empty());
    plain.stop().await;
    let read = |text: &str| crate::node::read_hint(&text.parse().unwrap()).is_ok();
    assert_eq!(["a h:1", "a", "", "a b c:1", "/a h:1", "a h"].map(read), [true, false, false, false, false, false]);
}
