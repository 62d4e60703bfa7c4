//! An S3 in the test process, with the faults that tests ask for.
//!
//! It is `s3s-fs` behind `hyper`. `s3s-fs` looks whether an object is there and does its work afterwards: several of those
//! who put at once with `If-None-Match` would win, and who deletes what another has just deleted would get status 500.
//! What changes the bucket has it alone here.
//!
//! This file stands alone, so that tests of other crates can take it in by its path.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// The name of the bucket that is there.
pub(crate) const BUCKET: &str = "metrics";
/// The key that is let in, and its secret.
pub(crate) const KEY: (&str, &str) = ("AKIDTEST", "wJalrXUtnFEMI/K7MDENG+test");

/// An S3 that listens on this machine, until it is dropped.
pub(crate) struct S3Server {
    root: PathBuf,
    address: SocketAddr,
    faults: Arc<Faults>,
    serving: Option<JoinHandle<()>>,
}

/// What goes wrong. All of it can be changed while requests come.
#[derive(Default)]
pub(crate) struct Faults {
    /// Each so many-th request is answered with status 500; 0 is none.
    pub(crate) fail_every: AtomicU32,
    /// So many requests from now on get no answer and do nothing.
    pub(crate) hang: AtomicU32,
    /// So many puts from now on are carried out, and then the connection breaks.
    pub(crate) lose_answers: AtomicU32,
    /// So many puts from now on are carried out and get no answer.
    pub(crate) keep_answers: AtomicU32,
    /// So many commits to a table from now on are carried out and get no answer.
    pub(crate) keep_commits: AtomicU32,
    /// Each request for an object's content is answered with status 500.
    pub(crate) fail_gets: AtomicBool,
    /// So many conditional puts from now on are answered with status 409, as AWS does where two meet, and not carried out.
    pub(crate) conflict: AtomicU32,
    /// `If-None-Match` is ignored.
    pub(crate) overwrite: AtomicBool,
    /// `If-None-Match` is answered with status 501.
    pub(crate) refuse_conditions: AtomicBool,
    /// What was asked, as `PUT /metrics/a`.
    pub(crate) requests: Mutex<Vec<String>>,
    /// The most requests that were under way at once.
    pub(crate) most: AtomicU32,
    /// No request is answered before so many were under way at once.
    pub(crate) together: AtomicU32,
    came: tokio::sync::Notify,
    under_way: AtomicU32,
    count: AtomicU32,
    turn: tokio::sync::RwLock<()>,
}

/// A request that is under way.
struct UnderWay<'a>(&'a AtomicU32);

/// The connection breaks.
#[derive(Debug)]
struct Broken;

// === impl S3Server ===

impl S3Server {
    /// Serves the directory `root`, in which the bucket is made.
    pub(crate) async fn start(root: &Path) -> Self {
        std::fs::create_dir_all(root.join(BUCKET)).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { root: root.to_owned(), address: any, faults: Arc::default(), serving: None };
        server.resume().await;
        server
    }

    /// Where it is.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What goes wrong.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The file of an object.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(BUCKET).join(name)
    }

    /// Ends all connections and takes no new ones.
    pub(crate) async fn pause(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            let _ = serving.await;
        }
    }

    /// Serves again at the same address.
    pub(crate) async fn resume(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(&self.root).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY.0, KEY.1));
        self.serving = Some(tokio::spawn(serve(listener, service.build(), self.faults.clone(), self.root.clone())));
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

async fn serve(listener: TcpListener, service: S3Service, faults: Arc<Faults>, root: PathBuf) {
    // Dropped with this task, which ends the connections.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (service, faults, root) = (service.clone(), faults.clone(), root.clone());
        connections.spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let (service, faults, root) = (service.clone(), faults.clone(), root.clone());
                async move { faults.answer(request, &service, &root).await }
            });
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

// === impl Faults ===

impl Faults {
    async fn answer(
        &self,
        request: Request<Incoming>,
        service: &S3Service,
        root: &Path,
    ) -> Result<Response<Body>, Broken> {
        self.most.fetch_max(self.under_way.fetch_add(1, SeqCst) + 1, SeqCst);
        let _under_way = UnderWay(&self.under_way);
        self.came.notify_waiters();
        loop {
            let came = self.came.notified();
            if self.most.load(SeqCst) >= self.together.load(SeqCst) {
                break;
            }
            came.await;
        }
        let put = request.method() == Method::PUT;
        let path = request.uri().path().to_owned();
        self.requests.lock().unwrap().push(format!("{} {path}", request.method()));
        let count = self.count.fetch_add(1, SeqCst) + 1;
        let every = self.fail_every.load(SeqCst);
        let get = *request.method() != Method::PUT && path.matches('/').count() > 2;
        if (every > 0 && count.is_multiple_of(every)) || (get && self.fail_gets.load(SeqCst)) {
            return Ok(error(500, "InternalError"));
        }
        if take(&self.hang) {
            std::future::pending::<()>().await;
        }
        if request.headers().contains_key("if-none-match") && put {
            if self.refuse_conditions.load(SeqCst) {
                return Ok(error(501, "NotImplemented"));
            }
            if take(&self.conflict) {
                return Ok(error(409, "ConditionalRequestConflict"));
            }
        }
        let answer = self.carry_out(request, service, root).await;
        if put && take(&self.lose_answers) {
            return Err(Broken);
        }
        let commit = put && path.contains("/_delta_log/") && path.ends_with(".json");
        let won = answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        if (put && take(&self.keep_answers)) || (commit && won && take(&self.keep_commits)) {
            std::future::pending::<()>().await;
        }
        answer
    }

    async fn carry_out(
        &self,
        request: Request<Incoming>,
        service: &S3Service,
        root: &Path,
    ) -> Result<Response<Body>, Broken> {
        let (_alone, _shared);
        if [Method::PUT, Method::DELETE, Method::POST].contains(request.method()) {
            _alone = self.turn.write().await;
            if request.headers().contains_key("if-none-match") && self.overwrite.load(SeqCst) {
                // The header is signed: it can't be taken away, but its object can.
                remove(&root.join(request.uri().path().trim_start_matches('/'))).unwrap();
            }
        } else {
            _shared = self.turn.read().await;
        }
        service.call(request.map(Body::from)).await.map_err(|_| Broken)
    }

    /// How many requests begin like this.
    pub(crate) fn asked(&self, begin: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| request.starts_with(begin)).count()
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection breaks")
    }
}

impl std::error::Error for Broken {}

/// Whether there was one left.
fn take(left: &AtomicU32) -> bool {
    left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn error(status: u16, code: &str) -> Response<Body> {
    let text =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>as the test wants it</Message></Error>");
    Response::builder().status(status).body(Body::from(text)).unwrap()
}
