//! Tests of `cluster`, over real sockets to nodes that answer, fail, hang or lie.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use weir_pipeline::testing::{batch, documented, settings};
use weir_pipeline::{Answer, Batch, Batches, Clock, Data, Kind, Metrics, Next, Resource, Since, Source, Tenant};
use weir_stages::readers::Readers;
use weir_stages::ring::Ring;

use super::*;
use crate::engine::{Engine, Limits};

mod changes;
mod known;
mod newness;
mod tenants;
mod tls;

/// How a node answers.
#[derive(Clone)]
enum Way {
    /// With this text.
    Has(String),
    Fails(Kind),
    /// With this text, and then nothing more, for ever.
    Hangs(String),
    /// It does not listen.
    Gone,
    /// With this text; it came empty at this time, and has everything from a second later on.
    Came(i64, String),
    /// With this beside samples.
    Knows(Vec<Metadata>, Cardinality),
    /// With these exemplars, the first selector being this.
    Shows(String, Vec<SeriesExemplars>),
    /// Nothing, for ever.
    Waits,
    /// That this has changed.
    Tells(Arc<Mutex<Option<Changes>>>),
    /// With this of tenants.
    Keeps(Vec<weir_pipeline::query::TenantUsage>),
}

fn has(text: &str) -> Way {
    Way::Has(text.to_owned())
}

fn came(began: i64, text: &str) -> Way {
    Way::Came(began, text.to_owned())
}

/// A node: where it listens, and how often it was asked.
struct Node {
    address: String,
    asked: Arc<Mutex<Vec<Query>>>,
}

async fn node(way: Way) -> Node {
    node_with(way, "").await
}

async fn node_with(way: Way, extra: &str) -> Node {
    let asked = Arc::<Mutex<Vec<Query>>>::default();
    if let Way::Gone = way {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        return Node { address: listener.local_addr().unwrap().to_string(), asked };
    }
    let seen = asked.clone();
    let next = Next::new(tower::service_fn(move |query: Query| {
        let ask = query.ask.clone();
        seen.lock().unwrap().push(query);
        let way = way.clone();
        async move {
            match way {
                Way::Waits => std::future::pending().await,
                way => answer(way, &ask),
            }
        }
    }));
    let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new()).at("in", "in.readers");
    let readers: Readers = settings(&format!("{{ listen: 127.0.0.1:0{extra} }}")).unwrap();
    tokio::spawn(readers.run(context.clone(), next));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    Node { address: context.listeners()[0].1.to_string(), asked }
}

fn answer(way: Way, ask: &Ask) -> Result<Answer> {
    let one = |text: &str| stream::iter([Ok::<Batch, Error>(batch(text))]);
    let batches = match way {
        Way::Has(text) => Batches::new(one(&text)),
        Way::Came(began, text) => Batches::new(one(&text)).with_since(Since { began, from: began + 1000 }),
        Way::Hangs(text) => Batches::new(one(&text).chain(stream::pending())),
        Way::Fails(kind) => return Err(Error::new(kind, "no")),
        Way::Knows(_, found) if matches!(ask, Ask::Cardinality { .. }) => return Ok(Data::Cardinality(found).into()),
        Way::Knows(said, _) => return Ok(Data::Metadata(said).into()),
        Way::Shows(selector, found) => {
            let Ask::Exemplars { selectors, start: 1, end: 9, .. } = ask else { panic!("{ask:?}") };
            assert_eq!(selectors[0][0].to_string(), selector);
            return Ok(Data::Exemplars(found).into());
        }
        Way::Tells(changes) => return Ok(Data::Changes(*changes.lock().unwrap()).into()),
        Way::Keeps(found) => return Ok(Data::Tenants(found).into()),
        Way::Gone | Way::Waits => return Err(Error::closed()),
    };
    Ok(Data::Samples(batches).into())
}

/// A cluster of these nodes, each the reader of one member.
struct Ground {
    nodes: Vec<Node>,
    cluster: Arc<OpenCluster>,
    context: Context,
}

async fn ground_with(ways: Vec<Way>, extra: &str) -> Ground {
    ground_in(Context::new(Clock::system(), Metrics::default(), CancellationToken::new()), ways, extra).await
}

async fn ground_in(context: Context, ways: Vec<Way>, extra: &str) -> Ground {
    let mut nodes = Vec::new();
    for way in ways {
        nodes.push(node(way).await);
    }
    ground_of(context, nodes, extra).await
}

async fn ground_of(context: Context, nodes: Vec<Node>, extra: &str) -> Ground {
    let member = |(i, node): (usize, &Node)| {
        format!("{{ name: n{i}, address: 'h:{}', read_address: '{}' }}", i + 1, node.address)
    };
    let members: Vec<String> = nodes.iter().enumerate().map(member).collect();
    let ring: Ring = settings(&format!("{{ members: [ {} ] }}", members.join(", "))).unwrap();
    let ring = ring.open(&context.at("", "resources.central.ring")).await.unwrap();
    context.keep_resource("central", ring);
    let cluster: Cluster = settings(&format!("{{ ring: central, {extra} }}")).unwrap();
    let cluster = cluster.open(&context.at("", "resources.all.cluster")).await.unwrap();
    Ground { nodes, cluster, context }
}

async fn ground(ways: [Way; 3]) -> Ground {
    ground_with(ways.into(), "hedge: 10s").await
}

impl Ground {
    fn asked(&self) -> Vec<usize> {
        self.nodes.iter().map(|node| node.asked.lock().unwrap().len()).collect()
    }

    /// What `query` answers at 10 seconds: values by the label `i`, and warnings.
    async fn query_with(&self, query: &str, partial: bool) -> Result<(BTreeMap<String, f64>, Vec<String>)> {
        let engine = Engine::new(self.cluster.clone(), Limits::default());
        let ask = Ask::Instant { expr: query.into(), time: 10_000 };
        let query = Query { partial, ..Query::new(Tenant::default(), ask) };
        let answer = engine.query(query).await?;
        let Data::Vector(series) = answer.data else { panic!("{answer:?}") };
        let name = |labels: &weir_pipeline::LabelSet| labels.as_labels().get("i").unwrap_or("").to_owned();
        Ok((series.iter().map(|(labels, _, value)| (name(labels), value.float().unwrap())).collect(), answer.warnings))
    }

    async fn query(&self, query: &str) -> (BTreeMap<String, f64>, Vec<String>) {
        self.query_with(query, true).await.unwrap()
    }
}

fn values(pairs: &[(&str, f64)]) -> BTreeMap<String, f64> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[tokio::test]
async fn two_of_three_are_asked_and_what_both_have_counts_once() {
    let ground =
        ground([has("m{i=\"1\"} 1 9000\nm{i=\"1\"} 5 9500"), has("m{i=\"1\"} 1 9000\nm{i=\"2\"} 7 9000"), has("")])
            .await;
    let (found, warnings) = ground.query("m").await;
    assert_eq!((found, warnings), (values(&[("1", 5.0), ("2", 7.0)]), Vec::new()));
    assert_eq!(ground.query("sum(count_over_time(m[5s]))").await.0, values(&[("", 3.0)]));
    assert_eq!(ground.asked(), [2, 2, 0]);
    let asked = ground.nodes[0].asked.lock().unwrap()[0].ask.clone();
    let Ask::Samples { matchers, start, end, labels_only: false, bucket: None } = asked else { panic!("{asked:?}") };
    assert_eq!((matchers[0].to_string().as_str(), start, end), ("__name__=\"m\"", 10_000 - 300_000 + 1, 10_000));
}

#[tokio::test]
async fn in_the_place_of_one_that_fails_another_is_asked() {
    for way in [Way::Gone, Way::Fails(Kind::Internal), Way::Fails(Kind::Closed)] {
        let ground = ground([way, has("m{i=\"1\"} 1 9000"), has("m{i=\"2\"} 2 9000")]).await;
        assert_eq!(ground.query("m").await, (values(&[("1", 1.0), ("2", 2.0)]), Vec::new()));
    }
}

#[tokio::test]
async fn one_that_is_slow_is_not_waited_for() {
    let ways = vec![Way::Hangs("m{i=\"9\"} 9 9000".into()), has("m{i=\"1\"} 1 9000"), has("m{i=\"2\"} 2 9000")];
    let ground = ground_with(ways, "hedge: 20ms, timeout: 30s").await;
    let begin = Instant::now();
    assert_eq!(ground.query("m").await, (values(&[("1", 1.0), ("2", 2.0)]), Vec::new()));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn an_answer_of_too_few_is_partial_and_says_so_or_is_an_error() {
    let ground = ground([Way::Fails(Kind::Internal), has("m{i=\"1\"} 1 9000"), Way::Fails(Kind::Internal)]).await;
    let (found, warnings) = ground.query("m").await;
    assert_eq!(found, values(&[("1", 1.0)]));
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    let at = |i: usize| format!("`n{i}`: member `n{i}` at {}: no", ground.nodes[i].address);
    let why = format!("heard 1 of the 2 members of `n0` that must be heard ({}; {})", at(0), at(2));
    let set = ground.context.resource::<OpenRing>("central").unwrap().current().sets()[0].name.clone();
    let why = why.replace("of `n0` that", &format!("of `{set}` that"));
    assert_eq!(*warning, format!("partial response: {why}"));
    let error = ground.query_with("m", false).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Unavailable { .. }), "{error:?}");
    assert_eq!(error.message(), format!("the answer would be partial: {why}"));
}

#[tokio::test]
async fn nobody_there_is_an_empty_answer_with_a_warning() {
    let ground = ground([Way::Gone, Way::Gone, Way::Gone]).await;
    let (found, warnings) = ground.query("m").await;
    assert!(found.is_empty() && warnings.len() == 1 && warnings[0].contains("heard 0 of the 2"), "{warnings:?}");
}

#[tokio::test]
async fn all_that_hang_end_with_the_timeout() {
    let hangs = || Way::Hangs("m{i=\"1\"} 1 9000".into());
    let ground = ground_with(vec![hangs(), hangs(), hangs()], "hedge: 10ms, timeout: 100ms").await;
    let (found, warnings) = ground.query("m").await;
    // What came before it hung is right.
    assert_eq!(found, values(&[("1", 1.0)]));
    assert!(warnings[0].contains("heard 0 of the 2") && warnings[0].contains("no answer within"), "{warnings:?}");
}

#[tokio::test]
async fn labels_are_asked_without_samples() {
    let ground = ground([has("m{i=\"1\"} 1 9000"), has("m{i=\"2\"} 1 9000"), Way::Gone]).await;
    let engine = Engine::new(ground.cluster.clone(), Limits::default());
    let ask = Ask::LabelValues { name: "i".into(), selectors: Vec::new(), start: 0, end: 10_000 };
    let query = Query::new("team".parse().unwrap(), ask);
    let answer = engine.query(query).await.unwrap();
    assert_eq!(answer.data, Data::Names(vec!["1".into(), "2".into()]));
    let asked = ground.nodes[0].asked.lock().unwrap()[0].clone();
    assert!(
        matches!(asked.ask, Ask::Samples { labels_only: true, .. }) && asked.tenant.as_str() == "team",
        "{asked:?}"
    );
}

#[tokio::test]
async fn more_samples_than_memory_is_an_error_and_not_a_partial_answer() {
    let text: String = (0..2000).map(|i| format!("m{{i=\"{i}\"}} 1 9000\n")).collect();
    let ground = ground_with(vec![has(&text), has(&text), has(&text)], "memory: 64KiB").await;
    let error = ground.query_with("m", true).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unprocessable);
    assert_eq!(error.message(), "the samples of the cluster's members take more than `64KiB` in memory");
}

#[tokio::test]
async fn what_is_counted_is_told() {
    let ground = ground([Way::Fails(Kind::Internal), has("m 1 9000\nm 2 9500"), has("m 1 9000")]).await;
    ground.query("m").await;
    let metrics = ground.context.metrics.encode();
    for line in [
        "weir_cluster_reads_total{cluster=\"all\",member=\"n0\",result=\"error\"} 1",
        "weir_cluster_reads_total{cluster=\"all\",member=\"n1\",result=\"ok\"} 1",
        "weir_cluster_hedged_reads_total{cluster=\"all\"} 1",
        "weir_cluster_partial_answers_total{cluster=\"all\"} 0",
        "weir_cluster_samples_total{cluster=\"all\"} 3",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn members_that_can_not_be_read_are_a_mistake() {
    let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new());
    let ring: Ring = settings("{ factor: 1, members: [ { name: a, address: 'h:1' } ] }").unwrap();
    context.keep_resource("central", ring.open(&context).await.unwrap());
    let open = async |text: &str| settings::<Cluster>(text).unwrap().open(&context).await.unwrap_err();
    let error = open("ring: central").await;
    assert_eq!(error.message(), "expected a `read_address` of member `a` of ring `central`");
}

#[tokio::test]
async fn the_members_of_the_epoch_before_are_asked_too() {
    let (old, new) = (node(has("m{i=\"1\"} 1 9000")).await, node(has("m{i=\"2\"} 2 9000")).await);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ring.yaml");
    let write = |epoch: usize, name: &str, node: &Node| {
        let members = format!("[ {{ name: {name}, address: 'h:1', read_address: '{}' }} ]", node.address);
        std::fs::write(&file, format!("epoch: {epoch}\nmembers: {members}\n")).unwrap();
    };
    write(1, "old", &old);
    let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new());
    let ring: Ring = settings(&format!("{{ factor: 1, file: '{}', poll: 10ms }}", file.display())).unwrap();
    let ring = ring.open(&context).await.unwrap();
    context.keep_resource("central", ring.clone());
    let cluster: Cluster = settings("ring: central").unwrap();
    let cluster = cluster.open(&context).await.unwrap();
    write(2, "new", &new);
    ring.changes().wait_for(|layout| layout.epoch() == 2).await.unwrap();
    let ground = Ground { nodes: vec![old, new], cluster, context };
    assert_eq!(ground.query("m").await, (values(&[("1", 1.0), ("2", 2.0)]), Vec::new()));
}

#[tokio::test]
async fn the_members_that_the_ring_says_were_before_are_asked_too_and_missed() {
    let (old, new) = (node(has("m{i=\"1\"} 1 9000")).await, node(has("m{i=\"2\"} 2 9000")).await);
    let gone = node(Way::Gone).await;
    let check = async |before: &Node, expect: &[(&str, f64)], warnings: usize| {
        let member =
            |name: &str, node: &Node| format!("{{ name: {name}, address: 'h:1', read_address: '{}' }}", node.address);
        let previous = format!("[ {{ epoch: 1, members: [ {} ] }} ]", member("old", before));
        let ring = format!("{{ factor: 1, epoch: 2, members: [ {} ], previous: {previous} }}", member("new", &new));
        let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new());
        let ring: Ring = settings(&ring).unwrap();
        context.keep_resource("central", ring.open(&context).await.unwrap());
        let cluster: Cluster = settings("ring: central").unwrap();
        let cluster = cluster.open(&context).await.unwrap();
        let ground = Ground { nodes: Vec::new(), cluster, context };
        let (found, told) = ground.query("m").await;
        assert_eq!((found, told.len()), (values(expect), warnings), "{told:?}");
    };
    check(&old, &[("1", 1.0), ("2", 2.0)], 0).await;
    check(&gone, &[("2", 2.0)], 1).await;
}

#[test]
fn the_example_in_the_docs_is_valid() {
    #[derive(Deserialize)]
    struct Documented {
        cluster: Cluster,
    }
    let settings: Documented = documented(include_str!("../cluster.rs"), "all");
    assert_eq!(settings.cluster.ring.name(), "central");
}
