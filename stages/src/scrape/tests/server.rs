//! A target on a free port.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub(in crate::scrape) type Body = BoxBody<Bytes, Infallible>;

/// A target on a free port. It goes when this is dropped.
pub(in crate::scrape) struct Server {
    pub(in crate::scrape) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<(String, HeaderMap)>>>,
    _tasks: JoinSet<()>,
}

/// What the target answers.
pub(in crate::scrape) struct Answer(pub(in crate::scrape) Response<Body>);

impl Answer {
    /// A body in text 0.0.4.
    pub(in crate::scrape) fn text(body: impl Into<Bytes>) -> Self {
        Self::of("text/plain; version=0.0.4", body)
    }

    pub(in crate::scrape) fn of(content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = Full::new(body.into()).boxed();
        Self(Response::builder().header("content-type", content_type).body(body).unwrap())
    }

    /// A body in parts, whose size is not announced.
    pub(in crate::scrape) fn parts(parts: Vec<Vec<u8>>) -> Self {
        let frames = parts.into_iter().map(|data| Ok::<_, Infallible>(Frame::data(Bytes::from(data))));
        let body = StreamBody::new(stream::iter(frames)).boxed();
        Self(Response::builder().header("content-type", "text/plain").body(body).unwrap())
    }

    pub(in crate::scrape) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.0.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    pub(in crate::scrape) fn status(mut self, status: u16) -> Self {
        *self.0.status_mut() = status.try_into().unwrap();
        self
    }
}

impl Server {
    pub(in crate::scrape) async fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (answer, count, log) = (Arc::new(answer), connections.clone(), asked.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (answer, log) = (answer.clone(), log.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let path = request.uri().to_string();
                    let Answer(response) = answer(&path);
                    log.lock().unwrap().push((path, request.headers().clone()));
                    async move { Ok::<_, Infallible>(response) }
                });
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                open.spawn(async move {
                    let _ = connection.await;
                });
            }
        });
        Self { address, connections, asked, _tasks: tasks }
    }

    pub(in crate::scrape) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The paths that were asked for, with the headers.
    pub(in crate::scrape) fn asked(&self) -> Vec<(String, HeaderMap)> {
        self.asked.lock().unwrap().clone()
    }
}
