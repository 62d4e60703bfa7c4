//! Nodes of two versions side by side.

use std::sync::Mutex;

use http_body_util::Full;
use hyper::Response;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use weir_pipeline::testing::histogram_point;
use weir_pipeline::{Exemplar, Fanout, LabelSet, Rest};

use super::*;
use crate::replicate::{HintFor, Replicate};
use crate::ring::ReplicaSet;

/// A batch with a float, and a native histogram where it is to have one.
fn sent(histogram: bool) -> Batch {
    let mut batch = Batch::builder("team".parse().unwrap());
    let labels: LabelSet = [("__name__", "h")].into_iter().collect();
    batch.series(labels.as_labels()).sample(1, 1.0);
    if histogram {
        batch.histogram(histogram_point(2, 1));
    }
    batch.build()
}

/// A `peers` source that takes batches up to a version.
async fn held(version: u8) -> (SocketAddr, Recorder<Write>, Context) {
    let (context, rest) = (context(), Recorder::new(written));
    let peers: Peers = settings(&format!("{{ listen: 127.0.0.1:0, version: {version} }}")).unwrap();
    tokio::spawn(peers.run(context.clone(), rest.next()));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    (context.listeners()[0].1, rest, context)
}

/// A node of before there were native histograms: it refuses sections that it does not know, and does not say what it takes.
async fn old() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(async |request: hyper::Request<hyper::body::Incoming>| {
                let message = request.into_body().collect().await.unwrap().to_bytes();
                let batch = wire::decode_batch(&message, &wire::Limits::default()).unwrap();
                let mut body = Vec::new();
                let status = if batch.histogram_count() > 0 {
                    let text = "expected sections that version 1 knows, got `8a native histograms` at byte 99";
                    wire::encode_error(&Error::invalid(text), &mut body);
                    StatusCode::BAD_REQUEST
                } else {
                    wire::encode_ack(&Ack::written(batch.sample_count() as u64), &mut body);
                    StatusCode::OK
                };
                let mut response = Response::new(Full::new(Bytes::from(body)));
                *response.status_mut() = status;
                Ok::<_, std::convert::Infallible>(response)
            });
            let io = TokioIo::new(stream);
            tokio::spawn(hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service));
        }
    });
    address
}

#[tokio::test]
async fn an_older_node_is_unavailable_for_what_it_can_not_take_and_takes_all_else() {
    let old = old().await;
    let next = way(&old.to_string(), "{}").unwrap();
    assert_eq!(next.send(sent(false)).await.unwrap(), Ack::written(1));
    let error = next.send(sent(true)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: None });
    let text = format!("member `a` at {old} takes batches of version 1, and this one has version 2: expected sections");
    assert!(error.report().starts_with(&text), "{error}");
}

#[tokio::test]
async fn an_older_node_that_takes_as_its_own_what_it_is_to_keep_for_another_has_kept_nothing() {
    let old = old().await;
    let member = |name: &str, address: String| Member::new(name.into(), address, None, String::new()).unwrap();
    let owner = HintFor(member("b", "b:1".into()));
    let context = context().with(Arc::new(member("a", old.to_string()))).with(Arc::new(owner));
    let error = settings::<Peer>("{}").unwrap().open(&context).unwrap().send(sent(false)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: None });
    assert_eq!(error.message(), format!("member `a` at {old} is too old to keep something for another"));
}

#[tokio::test]
async fn a_node_that_is_held_at_an_older_version_takes_no_histograms_and_says_so() {
    let (address, rest, _context) = held(1).await;
    let next = way(&address.to_string(), "{}").unwrap();
    assert_eq!(next.send(sent(false)).await.unwrap(), Ack::written(1));
    let error = next.send(sent(true)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable { retry_after: None });
    let expect = "this node takes batches of version 1, and one with native histograms has 2";
    assert!(error.report().ends_with(expect), "{error}");
    assert!(node::is_too_old(&error), "it is well, and takes others: {error:?}");
    // Exemplars are no samples: they are passed over.
    let labels: LabelSet = [("__name__", "h")].into_iter().collect();
    let mut batch = Batch::builder("team".parse().unwrap());
    let exemplar = Exemplar { labels: LabelSet::default(), value: 1.0, timestamp: 1 };
    batch.series(labels.as_labels()).sample(1, 1.0).exemplar(exemplar);
    assert_eq!(next.send(batch.build()).await.unwrap(), Ack::written(1));
    let got = rest.requests();
    assert_eq!((got.len(), text(&got[1]).as_str(), got[1].exemplar_count()), (2, "h 1 1\n", 0));
    let (address, rest, _context) = held(2).await;
    assert_eq!(way(&address.to_string(), "{}").unwrap().send(sent(true)).await.unwrap(), Ack::written(2));
    assert_eq!(rest.requests()[0].histogram_count(), 1);
}

/// The way to three nodes, two of which must have what is written.
fn ring(addresses: &[String]) -> Next<Write> {
    let member = |(i, address): (usize, &String)| Member {
        name: format!("n{i}"),
        address: address.clone(),
        read_address: String::new(),
        zone: String::new(),
    };
    let members: Vec<Member> = addresses.iter().enumerate().map(member).collect();
    let set = Arc::new(ReplicaSet { name: "cell".into(), members });
    let rest = Rest::new(|context: &Context, _: &str| settings::<Peer>("{}").unwrap().open(context));
    let replicate: Replicate = settings("{ patience: 300ms, backoff: { initial: 10ms, max: 100ms } }").unwrap();
    replicate.split(&context().with(set), rest).unwrap()
}

#[tokio::test]
async fn a_ring_that_is_upgraded_node_by_node_loses_nothing_and_says_what_is_to_be_sent_again() {
    // What each node of three acknowledged, by the order in which they are upgraded.
    let all: Arc<Mutex<Vec<usize>>> = Arc::default();
    for upgraded in 0..=3 {
        let mut nodes = Vec::new();
        for i in 0..3 {
            nodes.push(held(if i < upgraded { 2 } else { 1 }).await);
        }
        let addresses: Vec<String> = nodes.iter().map(|(address, ..)| address.to_string()).collect();
        let next = ring(&addresses);
        // Floats are written all the time.
        assert_eq!(next.send(sent(false)).await.unwrap(), Ack::written(1));
        match next.send(sent(true)).await {
            Ok(ack) => {
                assert!(upgraded >= 2, "{upgraded} of three are no majority");
                assert_eq!(ack, Ack::written(2));
                let have = nodes.iter().filter(|(_, rest, _)| {
                    rest.requests().iter().any(|batch| batch.histogram_count() == 1 && batch.float_count() == 1)
                });
                all.lock().unwrap().push(have.count());
            }
            Err(error) => {
                assert!(upgraded < 2 && error.kind().is_retryable(), "{upgraded}: {error:?}");
                assert!(error.report().contains("takes batches of version 1"), "{}", error.report());
            }
        }
    }
    assert!(all.lock().unwrap().iter().all(|have| *have >= 2) && all.lock().unwrap().len() == 2);
}

#[test]
fn versions_that_there_are_not_are_refused() {
    for version in [0, 3] {
        let error = settings::<Peers>(&format!("{{ listen: 'h:1', version: {version} }}")).unwrap_err();
        assert!(error.ends_with(&format!("expected a version from 1 to 2, got `{version}`")), "{error}");
    }
}
