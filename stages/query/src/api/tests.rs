//! Tests of `api`, over real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod answers;
mod compressed;
mod exemplars;
mod federate;
mod flight;
mod grafana;
mod known;
mod limits;
mod long;
mod parameters;
mod paths;
mod peer;
mod read;
mod secure;
mod sql;
mod stats;
mod status;
mod tenants;
mod texts;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Mutex;

use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use weir_pipeline::{Answer, Clock, Data, Error, Kind, Metrics, Query, testing};

use super::*;
use crate::engine::{Engine, Run};
use crate::memory::Memory;

type Body = Full<bytes::Bytes>;

/// The time of the tests' clock.
const NOW: i64 = 1_500_000_000_123;

/// The API on a free port, and what its pipeline saw.
struct Running {
    address: SocketAddr,
    context: Context,
    seen: Arc<Mutex<Vec<Query>>>,
    task: JoinHandle<Result<()>>,
    client: Client<HttpConnector, Body>,
}

/// A reply, as far as tests look at it.
#[derive(Debug)]
struct Got {
    status: u16,
    body: bytes::Bytes,
    headers: HeaderMap,
}

fn settings(yaml: &str) -> Api {
    testing::settings(&format!("listen: 127.0.0.1:0\n{yaml}")).unwrap()
}

async fn start<F>(settings: Api, answer: impl Fn(Query) -> F + Clone + Send + Sync + 'static) -> Running
where
    F: Future<Output = Result<Answer>> + Send + 'static,
{
    let context = Context::new(Clock::starting_at(NOW), Metrics::default(), CancellationToken::new());
    let context = context.at("query", "query.source.api");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = seen.clone();
    let next = Next::new(tower::service_fn(move |query: Query| {
        keep.lock().unwrap().push(query.clone());
        answer(query)
    }));
    let task = tokio::spawn(settings.run(context.clone(), next));
    while context.listeners().is_empty() {
        tokio::task::yield_now().await;
    }
    let address = context.listeners()[0].1;
    Running { address, context, seen, task, client: Client::builder(TokioExecutor::new()).build_http() }
}

/// The API over a pipeline that answers everything with `data`.
async fn start_with(data: Data) -> Running {
    start(settings(""), move |_| {
        let data = data.clone();
        async { Ok(Answer::from(data)) }
    })
    .await
}

/// The API over an engine over series in memory.
async fn over(memory: Memory, yaml: &str) -> Running {
    let limits = crate::engine::Limits::default();
    let engine = Arc::new(Engine::with_partitions(Arc::new(memory), limits, 2));
    start(settings(yaml), move |query| {
        let engine = engine.clone();
        async move { engine.query(query).await }
    })
    .await
}

/// A series: its labels, and its values.
type Labelled<'a> = (&'a [(&'a str, &'a str)], &'a [f64]);

/// Series with samples every 15 seconds.
fn memory(series: &[Labelled<'_>]) -> Memory {
    let mut memory = Memory::default();
    for (labels, values) in series {
        let timestamps: Vec<i64> = (0..values.len() as i64).map(|n| n * 15_000).collect();
        memory.add(labels.iter().copied().collect(), Run { timestamps, values: values.to_vec(), ..Run::default() });
    }
    memory
}

/// The API over `up` of two instances, 1 and 0 every 15 seconds for 10 minutes.
async fn over_two_instances() -> Running {
    let series = |instance: &'static str| [("__name__", "up"), ("instance", instance), ("job", "node")];
    over(memory(&[(&series("a:1"), &[1.0; 41]), (&series("b:1"), &[0.0; 41])]), "").await
}

impl Running {
    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        let escapes = [('{', "%7B"), ('}', "%7D"), ('"', "%22"), ('[', "%5B"), (']', "%5D")];
        let path = escapes.iter().fold(path.to_owned(), |path, (from, to)| path.replace(*from, to));
        Request::builder().method(method).uri(format!("http://{}{path}", self.address))
    }

    async fn send(&self, request: Request<Body>) -> Got {
        let response = self.client.request(request).await.expect("a reply");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Got { status, headers, body: response.into_body().collect().await.unwrap().to_bytes() }
    }

    async fn get(&self, path: &str) -> Got {
        self.with(Method::GET, path, &[]).await
    }

    async fn with(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Got {
        let request = headers.iter().fold(self.request(method, path), |r, (name, value)| r.header(*name, *value));
        self.send(request.body(Body::default()).unwrap()).await
    }

    async fn post(&self, path: &str, form: impl Into<bytes::Bytes>) -> Got {
        let request = self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::new(form.into())).unwrap()).await
    }

    /// The questions that went down since the last time.
    fn seen(&self) -> Vec<Query> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl Got {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// What it depends on.
    fn vary(&self) -> String {
        let values = self.headers.get_all("vary").iter().map(|value| value.to_str().unwrap());
        values.collect::<Vec<_>>().join(", ")
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The message of an error.
    fn error(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        json["error"].as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn the_settings_of_the_docs_are_settings() {
    let api: Api = testing::documented(include_str!("../api.rs"), "api");
    let shown = (api.max_concurrent.get(), api.timeout.to_string(), api.max_points.get(), api.max_body.to_string());
    assert_eq!(shown, (20, "2m".to_owned(), 11_000, "4MiB".to_owned()));
    assert_eq!((api.listen.as_str(), api.default_tenant.as_str()), ("127.0.0.1:9090", "default-tenant"));
    let defaults: Api = testing::settings("{}").unwrap();
    assert_eq!(defaults.listen.as_str(), "127.0.0.1:9090");
}

#[test]
fn mistakes_in_settings_are_told() {
    let check = |yaml: &str, expected: &str| {
        let error = testing::settings::<Api>(yaml).expect_err(yaml);
        assert!(error.contains(expected), "{yaml}: {error}");
    };
    check("listen: [1]", "listen");
    check("listen: foo", "expected a host and a port");
    check("timeout: 0s", "expected more than 0");
    check("max_body: 0B", "expected more than 0");
    check("max_concurrent: 0", "max_concurrent");
    check("max_concurrent: -1", "max_concurrent");
    check("timeout: 5", "timeout");
    check("timeout: soon", "expected a duration");
    check("max_points: 0", "max_points");
    check("default_tenant: a/b", "expected a tenant");
    check("cors_origin: '('", "missing closing )");
    check("max_body: 1", "expected a size");
    check("connections: 0", "connections");
    check("port: 9090", "port");
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let running = start_with(Data::Names(Vec::new())).await;
    let settings = Api { listen: running.address.into(), ..settings("") };
    let context = running.context.clone();
    let next = Next::new(tower::service_fn(async |_: Query| Ok(Answer::from(Data::Names(Vec::new())))));
    let error = settings.run(context, next).await.unwrap_err();
    assert_eq!(error.message(), format!("expected an address to listen on, got `{}`", running.address));
}

#[test]
fn it_keeps_the_contract_of_sources() {
    testing::assert_source_contract::<Read, Api>(settings(""));
}
