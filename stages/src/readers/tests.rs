//! Tests of `readers`, over real sockets, by the client that other nodes have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod packed;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::testing::{batch, documented, settings, text};
use weir_pipeline::{
    Answer, Ask, Batch, Batches, Cardinality, Clock, Data, Error, Exemplar, Kind, LabelSet, Matcher, Metrics, Query,
    SeriesExemplars, Since,
};

use super::*;
use crate::node::NodeReader;
use crate::ring::Member;

struct Running {
    address: SocketAddr,
    context: Context,
    task: JoinHandle<Result<()>>,
}

async fn start(answer: impl Fn(Query) -> Result<Answer> + Clone + Send + Sync + 'static) -> Running {
    start_with("", answer).await
}

async fn start_with(extra: &str, answer: impl Fn(Query) -> Result<Answer> + Clone + Send + Sync + 'static) -> Running {
    let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new()).at("in", "in.readers");
    let readers: Readers = settings(&format!("{{ listen: 127.0.0.1:0, concurrency: 2, {extra} }}")).unwrap();
    let next = Next::new(tower::service_fn(move |query| {
        let answer = answer.clone();
        async move { answer(query) }
    }));
    let task = tokio::spawn(readers.run(context.clone(), next));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    let address = context.listeners()[0].1;
    Running { address, context, task }
}

fn samples(batches: impl Stream) -> Result<Answer> {
    Ok(Data::Samples(Batches::new(batches)).into())
}

trait Stream: futures_util::Stream<Item = Result<Batch>> + Send + 'static {}

impl<S: futures_util::Stream<Item = Result<Batch>> + Send + 'static> Stream for S {}

fn question() -> Query {
    let matchers = vec![Matcher::equal("__name__", "up")];
    let ask = Ask::Samples { matchers, start: 1, end: 9, labels_only: false, bucket: Some("b".into()) };
    Query { partial: false, ..Query::new("team".parse().unwrap(), ask) }
}

fn member(address: SocketAddr) -> Member {
    let (name, zone) = ("a".to_owned(), String::new());
    Member { name, address: String::new(), read_address: address.to_string(), zone }
}

async fn read_with(address: SocketAddr, query: &Query) -> Result<Vec<String>> {
    let reader = NodeReader::new(Duration::from_secs(5), None).unwrap();
    let batches = reader.read(&member(address), query).await?.batches;
    batches.map_ok(|batch| text(&batch)).try_collect().await
}

async fn read(address: SocketAddr) -> Result<Vec<String>> {
    read_with(address, &question()).await
}

#[tokio::test]
async fn batches_come_one_after_the_other_as_they_were_sent() {
    let running = start(|query| {
        assert_eq!(format!("{query:?}"), format!("{:?}", question()));
        samples(stream::iter((0..50).map(|i| Ok(batch(&format!("up{{i=\"{i}\"}} {i} 1"))))))
    })
    .await;
    let expect: Vec<String> = (0..50).map(|i| format!("up{{i=\"{i}\"}} {i} 1\n")).collect();
    assert_eq!(read(running.address).await.unwrap(), expect);
    let none = start(|_| samples(stream::empty())).await;
    assert_eq!(read(none.address).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn an_error_before_and_within_an_answer_comes_with_its_kind() {
    let full = || Error::new(Kind::Unprocessable, "too much").at(&"in.sink.samples".into());
    let check = async |running: Running, expect: &str| {
        let error = read(running.address).await.unwrap_err();
        let at = format!("member `a` at {}: {expect}", running.address);
        assert_eq!((error.kind(), error.to_string()), (Kind::Unprocessable, at));
    };
    check(start(move |_| Err(full())).await, "in.sink.samples: too much").await;
    let within = move |_| samples(stream::iter([Ok(batch("up 1 1")), Err(full())]));
    check(start(within).await, "in.sink.samples: too much").await;
}

#[tokio::test]
async fn a_node_that_stops_or_is_not_there_is_unavailable() {
    let running = start(|_| Err(Error::closed())).await;
    let error = read(running.address).await.unwrap_err();
    assert_eq!(error.message(), format!("member `a` at {} is shutting down", running.address));
    running.context.shutdown.cancel();
    running.task.await.unwrap().unwrap();
    let error = read(running.address).await.unwrap_err();
    assert!(error.message().ends_with("can't be reached"), "{error}");
    assert!(matches!(error.kind(), Kind::Unavailable { .. }));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    // The way to a node, which is cut after some bytes.
    let running = start(|_| samples(stream::iter((0..500).map(|_| Ok(batch("up 1 1")))))).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut here, _) = listener.accept().await.unwrap();
        let mut there = tokio::net::TcpStream::connect(running.address).await.unwrap();
        let (mut from, mut to) = there.split();
        let (mut read, mut write) = here.split();
        let back = async {
            let mut bytes = vec![0; 2000];
            from.read_exact(&mut bytes).await.unwrap();
            write.write_all(&bytes).await.unwrap();
        };
        tokio::select! { _ = tokio::io::copy(&mut read, &mut to) => {}, () = back => {} }
    });
    let error = read(address).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unavailable { .. }), "{error:?}");
    assert!(error.report().contains("broke off"), "{}", error.report());
}

#[tokio::test]
async fn an_answer_that_takes_longer_than_the_question_says_ends() {
    let running = start(|_| samples(stream::once(async { Ok(batch("up 1 1")) }).chain(stream::pending()))).await;
    let query = Query { timeout: Some(Duration::from_millis(50)), ..question() };
    let error = read_with(running.address, &query).await.unwrap_err();
    assert_eq!(error.kind(), Kind::TimedOut, "{error:?}");
}

#[tokio::test]
async fn more_questions_than_are_answered_at_once_wait_for_their_turn() {
    let running = start(|_| samples(stream::once(async { Ok(batch("up 1 1")) }).chain(stream::pending()))).await;
    let reader = NodeReader::new(Duration::from_secs(5), None).unwrap();
    let begin = async || reader.read(&member(running.address), &question()).await.unwrap().batches;
    let (one, two) = (begin().await, begin().await);
    let mut third = pin!(begin());
    assert!(futures_util::poll!(third.as_mut()).is_pending());
    let mut two = Box::pin(two);
    two.next().await.unwrap().unwrap();
    drop(one);
    drop(third.await);
}

#[tokio::test]
async fn an_answer_says_since_when_the_node_has_everything() {
    let reader = NodeReader::new(Duration::from_secs(5), None).unwrap();
    let check = async |since: Option<Since>| {
        let batches = Batches::new(stream::empty());
        let batches = since.map_or(batches.clone(), |since| batches.with_since(since));
        let running = start(move |_| Ok(Data::Samples(batches.clone()).into())).await;
        assert_eq!(reader.read(&member(running.address), &question()).await.unwrap().since, since);
    };
    check(None).await;
    check(Some(Since { began: 1_700_000_000_000, from: 1_700_000_600_001 })).await;
    check(Some(Since { began: i64::MIN, from: i64::MAX })).await;
}

#[test]
fn what_is_no_since_says_nothing() {
    for value in ["", "1", "1 ", "1 2 3", "a b", "1  2", "9223372036854775808 1"] {
        assert_eq!(crate::node::read_since(&value.parse().unwrap()), None, "{value}");
    }
}

#[tokio::test]
async fn what_is_counted_is_told() {
    let running = start(|_| samples(stream::iter([Ok(batch("up 1 1")), Ok(batch("up 2 2"))]))).await;
    read(running.address).await.unwrap();
    let metrics = running.context.metrics.encode();
    for line in
        ["weir_readers_requests_total{pipeline=\"in\",code=\"200\"} 1", "weir_readers_samples_total{pipeline=\"in\"} 2"]
    {
        assert!(metrics.lines().any(|l| l == line), "{line} in\n{metrics}");
    }
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let source: BTreeMap<String, Readers> = documented(include_str!("../readers.rs"), "source");
    assert_eq!(source["readers"].listen.as_str(), "127.0.0.1:19491");
}

#[test]
fn it_keeps_the_contract_of_sources() {
    weir_pipeline::testing::assert_source_contract(settings::<Readers>("listen: 127.0.0.1:0").unwrap());
}

#[tokio::test]
async fn what_is_known_of_metrics_comes_as_it_was_said() {
    let said = |i: usize| Metadata {
        metric: format!("m{i:04}"),
        kind: MetricKind::Counter,
        help: "H.".into(),
        unit: "s".into(),
    };
    let running = start(move |query| {
        let all = (0..3000).map(said).collect();
        let Ask::Metadata { metric: Some(metric), bucket: None } = query.ask else { panic!("{query:?}") };
        let data = Data::Metadata(if metric == "none" { Vec::new() } else { all });
        let warnings = if metric == "some" { vec!["a block is gone".to_owned()] } else { Vec::new() };
        Ok(Answer { warnings, ..data.into() })
    })
    .await;
    let reader = NodeReader::new(Duration::from_secs(5), None).unwrap();
    let read = async |metric: &str| {
        let query = Query { ask: Ask::Metadata { metric: Some(metric.into()), bucket: None }, ..question() };
        let batches = reader.read(&member(running.address), &query).await.unwrap().batches;
        let all: Vec<Batch> = batches.try_collect().await.unwrap();
        all.iter().flat_map(Batch::metadata).cloned().collect::<Vec<_>>()
    };
    assert_eq!(read("all").await, (0..3000).map(said).collect::<Vec<_>>());
    assert_eq!(read("none").await, Vec::new());
    // What there is comes, and then that it is not all.
    let query = Query { ask: Ask::Metadata { metric: Some("some".into()), bucket: None }, ..question() };
    let batches = reader.read(&member(running.address), &query).await.unwrap().batches;
    let all: Vec<Result<Batch>> = batches.collect().await;
    let (last, rest) = all.split_last().unwrap();
    assert_eq!(rest.iter().map(|batch| batch.as_ref().unwrap().metadata().len()).sum::<usize>(), 3000);
    let error = last.as_ref().unwrap_err();
    assert!(error.report().contains("a block is gone"), "{}", error.report());
}

#[tokio::test]
async fn what_recent_series_are_made_of_comes_whole_or_is_an_error() {
    let found = Cardinality { series: 3, by_metric: vec![("up".into(), 2)], ..Cardinality::default() };
    let told = found.clone();
    let running = start(move |query| match query.ask {
        Ask::Cardinality { limit: 7 } => Ok(Data::Cardinality(told.clone()).into()),
        Ask::Cardinality { limit: 8 } => samples(stream::empty()),
        Ask::Cardinality { .. } => samples(stream::iter([Ok(batch("up 1 1"))])),
        _ => Err(Error::unprocessable("no")),
    })
    .await;
    let reader = NodeReader::new(Duration::from_secs(5), None).unwrap();
    let read = async |limit: usize| {
        reader.cardinality(&member(running.address), &Query { ask: Ask::Cardinality { limit }, ..question() }).await
    };
    assert_eq!(read(7).await.unwrap(), found);
    for limit in [8, 9] {
        assert!(matches!(read(limit).await.unwrap_err().kind(), Kind::Unavailable { .. }), "{limit}");
    }
}

#[tokio::test]
async fn exemplars_come_whole_also_those_of_a_series_with_many() {
    let exemplar = |timestamp| Exemplar { labels: LabelSet::default(), value: 1.0, timestamp };
    let of = |i: &str, count| SeriesExemplars {
        series: [("i", i)].into_iter().collect(),
        exemplars: (0..count).map(exemplar).collect(),
    };
    let found = vec![of("1", 3), of("2", 10_000), of("3", 1)];
    let told = found.clone();
    let running = start(move |query| {
        let Ask::Exemplars { selectors, start: -5, end: 7, bucket: None } = &query.ask else { panic!("{query:?}") };
        let shown: Vec<String> = selectors.iter().flatten().map(ToString::to_string).collect();
        assert_eq!(shown, ["a=\"b\"", "c=\"d\""]);
        Ok(Data::Exemplars(told.clone()).into())
    })
    .await;
    let selectors = vec![vec![Matcher::equal("a", "b")], Vec::new(), vec![Matcher::equal("c", "d")]];
    let query = Query { ask: Ask::Exemplars { selectors, start: -5, end: 7, bucket: None }, ..question() };
    let reader = NodeReader::new(Duration::from_secs(5), None).unwrap();
    let batches: Vec<Batch> =
        reader.read(&member(running.address), &query).await.unwrap().batches.try_collect().await.unwrap();
    assert!(batches.len() > 2 && batches.iter().all(|batch| batch.exemplar_count() < 9000), "{}", batches.len());
    let mut all: Vec<SeriesExemplars> = Vec::new();
    for one in batches.iter().flat_map(Batch::iter) {
        match all.last_mut().filter(|last| last.series == one.labels.to_set()) {
            Some(last) => last.exemplars.extend_from_slice(one.exemplars),
            None => all.push(SeriesExemplars { series: one.labels.to_set(), exemplars: one.exemplars.to_vec() }),
        }
    }
    assert_eq!(all, found);
}
