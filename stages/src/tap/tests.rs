//! Tests of `tap`, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde_json::Value;
use weir_pipeline::plan::{Document, Plan};
use weir_pipeline::run::Running;
use weir_pipeline::testing::{batch, documented, settings};
use weir_pipeline::{Ack, Batch, Clock, Metrics, Next, Registry, Sink, Source, Write};

use super::*;
use crate::outage::tests::Logged;

/// A pipeline whose source sends what a test says, through a filter.
const PIPELINE: &str = "
name: edge
source: { given: {} }
stages:
  - filter: { drop: [b] }
sink: { ignore: {} }
resources:
  watch: { tap: { listen: '127.0.0.1:0', taps: 2 } }
";

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ignore {}

/// Where sources of tests leave their pipelines; each test has a runtime and with it a thread of its own.
pub(crate) mod given {
    use std::cell::RefCell;

    use weir_pipeline::{Next, Write};

    thread_local!(static NEXT: RefCell<Option<Next<Write>>> = const { RefCell::new(None) });

    pub(super) fn put(next: Next<Write>) {
        NEXT.set(Some(next));
    }

    /// Waits until there is one, and takes it.
    pub(crate) async fn take() -> Next<Write> {
        loop {
            match NEXT.take() {
                Some(next) => return next,
                None => tokio::task::yield_now().await,
            }
        }
    }
}

impl Source<Write> for Given {
    const NAME: &'static str = "given";

    async fn run(self, context: Context, next: Next<Write>) -> Result<()> {
        given::put(next);
        context.shutdown.cancelled().await;
        Ok(())
    }
}

impl Sink<Write> for Ignore {
    const NAME: &'static str = "ignore";

    fn open(self, _: &Context) -> Result<Next<Write>> {
        Ok(Next::from_fn(|batch: Batch| async move { Ok(Ack::written(batch.sample_count() as u64)) }))
    }
}

fn plan(text: &str) -> Plan {
    let mut registry = Registry::default();
    registry.transform::<crate::filter::Filter>().source::<Write, Given>().sink::<Write, Ignore>().resource::<Tap>();
    let document = Document { name: "a.yaml".into(), text: text.into() };
    Plan::read(&[document], &registry, &weir_pipeline::config::Env::from_fn(|_| None)).unwrap()
}

/// The pipeline, its entrance, and where it can be watched.
async fn start() -> (Running, Next<Write>, SocketAddr) {
    start_with(PIPELINE).await
}

async fn start_with(text: &str) -> (Running, Next<Write>, SocketAddr) {
    let mut running = plan(text).start(Clock::system(), Metrics::default()).await.unwrap();
    let next = given::take().await;
    loop {
        if let [(place, at)] = running.listeners().await.as_slice() {
            assert_eq!(&**place, "resources.watch.tap");
            return (running, next, *at);
        }
        tokio::task::yield_now().await;
    }
}

async fn ask(at: SocketAddr, method: Method, path: &str) -> Response<Incoming> {
    let client = crate::outbound::client(Duration::from_secs(5), None, 0).unwrap();
    let request = Request::builder().method(method).uri(format!("http://{at}{path}"));
    client.request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap()
}

async fn refusal(at: SocketAddr, path: &str) -> (u16, String) {
    let response = ask(at, Method::GET, path).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The next lines of an answer that goes on.
async fn more(response: &mut Response<Incoming>) -> String {
    let frame = response.body_mut().frame().await.unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn samples_are_shown_as_they_come_with_tenant_and_place() {
    let (_running, next, at) = start().await;
    let mut source = ask(at, Method::GET, "/-/tap?stage=edge").await;
    let mut sink = ask(at, Method::GET, "/-/tap?stage=edge.ignore").await;
    assert_eq!(source.headers()["content-type"], "text/plain; charset=utf-8");
    next.send(batch("a{job=\"x y\"} 1 1000\nb stale 2000").with_tenant("acme".parse().unwrap())).await.unwrap();
    let expect = "# edge.stages[0].filter, tenant acme, 2 samples\na{job=\"x y\"} 1 1000\nb stale 2000\n";
    assert_eq!(more(&mut source).await, expect);
    assert_eq!(more(&mut sink).await, "# edge.sink.ignore, tenant acme, 1 sample\na{job=\"x y\"} 1 1000\n");
}

#[tokio::test]
async fn only_what_is_wanted_is_shown_and_no_more() {
    let (_running, next, at) = start().await;
    let path = "/-/tap?stage=edge&match[]=a%7Bjob%3D%22x%22%7D&match[]=b&tenant=acme&limit=3&format=json";
    let mut response = ask(at, Method::GET, path).await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    next.send(batch("a{job=\"x\"} 1 1000")).await.unwrap();
    let mut some = Batch::builder("acme".parse().unwrap());
    let labels = |name: &str| [("__name__", name), ("job", "x")].into_iter().collect::<weir_pipeline::LabelSet>();
    some.series(labels("a").as_labels()).sample_since(5, 1000, 0.5);
    some.series(labels("c").as_labels()).sample(1000, 1.0);
    some.series(labels("b").as_labels()).sample(1000, f64::INFINITY).sample(2000, 2.0).sample(3000, 3.0);
    next.send(some.build()).await.unwrap();
    let lines = more(&mut response).await;
    let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expect = serde_json::json!([
        { "place": "edge.stages[0].filter", "tenant": "acme", "labels": { "__name__": "a", "job": "x" },
          "timestamp": 1000, "value": "0.5", "start_timestamp": 5 },
        { "place": "edge.stages[0].filter", "tenant": "acme", "labels": { "__name__": "b", "job": "x" },
          "timestamp": 1000, "value": "inf" },
        { "place": "edge.stages[0].filter", "tenant": "acme", "labels": { "__name__": "b", "job": "x" },
          "timestamp": 2000, "value": "2" },
    ]);
    assert_eq!(Value::from(objects), expect);
    assert!(response.body_mut().frame().await.is_none(), "it ends after so many samples");
}

#[tokio::test]
async fn samples_that_there_is_no_room_for_are_told() {
    let (_running, next, at) = start().await;
    let mut response = ask(at, Method::GET, "/-/tap?stage=edge").await;
    // Nobody else has a turn between these, so that nobody reads what waits: more of them than may wait.
    for i in 0..1034 {
        let sent = next.send(batch(&format!("a 1 {}\na 2 {}", i + 1, i + 2))).now_or_never();
        sent.expect("nobody waits for who watches").unwrap();
    }
    let mut text = String::new();
    while !text.contains("not shown") {
        text.push_str(&more(&mut response).await);
    }
    assert!(text.contains("# 20 samples not shown\n"), "{text}");
}

#[tokio::test]
async fn rates_are_said_each_second() {
    let (_running, next, at) = start().await;
    let mut response = ask(at, Method::GET, "/-/tap/rates?limit=1").await;
    next.send(batch("a 1\nb 1")).await.unwrap();
    let line: Value = serde_json::from_str(&more(&mut response).await).unwrap();
    assert!(line["seconds"].as_f64().unwrap() >= 0.9, "{line}");
    let stages = line["stages"].as_array().unwrap();
    let counted: Vec<_> = stages
        .iter()
        .map(|stage| format!("{} {} {} {}", stage["stage"], stage["batches"], stage["samples"], stage["dropped"]))
        .collect();
    assert_eq!(counted, ["\"stages[0].filter\" 1 2 1", "\"sink.ignore\" 1 1 0"]);
    assert!(response.body_mut().frame().await.is_none());
}

#[tokio::test]
async fn what_can_not_be_watched_is_told() {
    let (_running, _next, at) = start().await;
    let check = async |path: &str, status: u16, expect: &str| {
        assert_eq!(refusal(at, path).await, (status, format!("{expect}\n")), "{path}");
    };
    check("/-/tap", 400, "expected a pipeline or a stage in `stage`").await;
    let all = "there are `edge`, `edge.stages[0].filter`, `edge.sink.ignore`";
    let meant = format!("unknown pipeline or stage `edge.filtre`, did you mean `edge.filter`? {all}");
    check("/-/tap?stage=edge.filtre", 400, &meant).await;
    check("/-/tap/rates?stage=nothing", 400, &format!("unknown pipeline or stage `nothing`: {all}")).await;
    check("/-/tap?stage=edge&limit=all", 400, "expected a number in `limit`, got `all`").await;
    check("/-/tap?stage=edge&format=xml", 400, "expected `text` or `json` in `format`, got `xml`").await;
    check("/-/tap?stage=edge&since=1", 400, "unknown parameter `since`").await;
    let wrong = refusal(at, "/-/tap?stage=edge&match[]=a%7B").await;
    assert!(wrong.0 == 400 && wrong.1.starts_with("expected a selector such as"), "{wrong:?}");
    check("/federate", 404, "expected the path `/-/tap` or `/-/tap/rates`").await;
    check("/-/ready", 200, "Weir is ready.").await;
    assert_eq!(ask(at, Method::POST, "/-/tap?stage=edge").await.status(), 405);
}

#[tokio::test]
async fn so_many_may_watch_and_who_goes_leaves_room() {
    let (_running, next, at) = start().await;
    let first = ask(at, Method::GET, "/-/tap?stage=edge").await;
    let mut second = ask(at, Method::GET, "/-/tap?stage=edge").await;
    let full = "expected fewer to watch: there are 2 already, as `taps` has it\n";
    assert_eq!(refusal(at, "/-/tap/rates").await, (503, full.to_owned()));
    drop(first);
    let mut third = loop {
        // The server notices that the connection is gone.
        let response = ask(at, Method::GET, "/-/tap?stage=edge").await;
        if response.status() == 200 {
            break response;
        }
        tokio::task::yield_now().await;
    };
    next.send(batch("a 1 1")).await.unwrap();
    let expect = "# edge.stages[0].filter, tenant default-tenant, 1 sample\na 1 1\n";
    assert_eq!([more(&mut second).await, more(&mut third).await], [expect, expect]);
}

#[tokio::test]
async fn who_watches_does_not_keep_the_program_from_stopping() {
    let (running, _next, at) = start().await;
    let mut response = ask(at, Method::GET, "/-/tap?stage=edge").await;
    let mut rates = ask(at, Method::GET, "/-/tap/rates").await;
    let errors = running.shutdown(Duration::from_secs(10)).await;
    assert!(errors.is_empty(), "{errors:?}");
    assert!(response.body_mut().frame().await.is_none_or(|frame| frame.is_err()));
    assert!(rates.body_mut().frame().await.is_none_or(|frame| frame.is_err()));
}

#[tokio::test]
async fn who_watches_goes_on_where_the_pipeline_changes() {
    let (mut running, next, at) = start().await;
    let mut source = ask(at, Method::GET, "/-/tap?stage=edge").await;
    let mut sink = ask(at, Method::GET, "/-/tap?stage=edge.sink").await;
    let changed = PIPELINE.replace("stages:", "external_labels: { cluster: here }\nstages:").replace("[b]", "[c]");
    running.reload(Ok(plan(&changed))).await.unwrap();
    next.send(batch("b 1 1\nc 1 1")).await.unwrap();
    let expect = "# edge.external_labels, tenant default-tenant, 2 samples\nb 1 1\nc 1 1\n";
    assert_eq!(more(&mut source).await, expect);
    let expect = "# edge.sink.ignore, tenant default-tenant, 1 sample\nb{cluster=\"here\"} 1 1\n";
    assert_eq!(more(&mut sink).await, expect);
}

#[tokio::test]
async fn a_tap_whose_settings_change_listens_again_at_its_address() {
    let log = Logged::start();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = PIPELINE.replace("127.0.0.1:0", &free.to_string());
    let (mut running, next, at) = start_with(&text).await;
    let mut old = ask(at, Method::GET, "/-/tap?stage=edge").await;
    running.reload(Ok(plan(&text.replace("taps: 2", "taps: 1")))).await.unwrap();
    // Who watched by the old one is let go.
    while old.body_mut().frame().await.is_some_and(|frame| frame.is_ok()) {}
    let client = crate::outbound::client(Duration::from_secs(5), None, 0).unwrap();
    let mut new = loop {
        let request = Request::get(format!("http://{at}/-/tap?stage=edge")).body(Full::<Bytes>::default()).unwrap();
        match client.request(request).await {
            Ok(response) if response.status() == 200 => break response,
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!(refusal(at, "/-/tap?stage=edge").await.0, 503);
    next.send(batch("a 1 1")).await.unwrap();
    assert!(more(&mut new).await.ends_with("\na 1 1\n"));
    assert!(log.take("ERROR").is_empty());
}

#[tokio::test]
async fn who_shows_nothing_sees_nothing_where_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let tokens = directory.path().join("tokens");
    std::fs::write(&tokens, "0123456789abcdef\n").unwrap();
    let yaml = format!("{{ listen: '127.0.0.1:0', auth: {{ bearer: {{ tokens_file: '{}' }} }} }}", tokens.display());
    let context = Context::new(Clock::system(), Metrics::default(), CancellationToken::new()).at("", "resources.a.tap");
    settings::<Tap>(&yaml).unwrap().open(&context).await.unwrap();
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(refusal(context.listeners()[0].1, "/-/tap?stage=edge").await.0, 401);
}

#[test]
fn the_example_in_the_docs_is_valid() {
    let tap: Tap = documented(include_str!("../tap.rs"), "tap");
    assert_eq!((tap.listen.as_str(), tap.taps.get()), ("127.0.0.1:19691", 8));
    assert_eq!(settings::<Tap>("{}").unwrap().listen, tap.listen);
}

#[test]
fn wrong_settings_are_refused() {
    let check = |yaml: &str, expect: &str| assert_eq!(settings::<Tap>(yaml).unwrap_err(), expect);
    check("taps: 0", "1:7: taps: expected a whole number of at least 1, got `0`");
    check("listen: here", "1:9: listen: expected a host and a port such as `127.0.0.1:9090`, got `here`");
}
