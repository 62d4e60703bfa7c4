//! A listener: connections in, with TLS and for those who may ask; a drain at the end.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::BoxError;

use weir_pipeline::units::{Address, Span};
use weir_pipeline::{Context, Error, Result};

use super::auth::{Auth, Guard};
use super::discard;
use super::lenient::{self, Lenient};
use super::telemetry::Telemetry;
use crate::tls::{Acceptor, PeerCertificate, TlsServer};

/// What an HTTP/1 connection may hold of bytes not yet read as headers or body, and that of one as Go's server has it, with room
/// for what it reads beyond.
const READ_BUFFERS: (usize, usize) = (64 << 10, (1 << 20) + (8 << 10));

/// What one HTTP/2 stream, and all streams of a connection, may send before they are read.
const WINDOWS: (u32, u32) = (1 << 20, 8 << 20);

/// How many requests of one HTTP/2 connection may be open, where nothing else is said.
const STREAMS: u32 = 200;

/// How often an HTTP/2 connection is pinged, and how long the pong may take: what an asker that is gone holds is let go.
const PING: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(20));

/// What a reply may take longer than its request to reach the sender, when the listener drains.
const LAST_REPLY: Duration = Duration::from_secs(5);

/// How long a drain takes at most: Kubernetes kills after 30 seconds.
const DRAIN: Duration = Duration::from_secs(25);

/// How long nobody must have asked anything before connections that are still open are closed: what they hold is half a
/// head, or nothing.
const QUIET: Duration = Duration::from_secs(1);

/// How long the TLS of a connection may take to be agreed on.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long to wait where the system has no more sockets to give.
const NO_SOCKETS: Duration = Duration::from_millis(100);

/// Answers requests.
pub trait Answer: Send + Sync + 'static {
    /// What the replies are made of.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;

    /// Answers a request.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// What a listener may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections are held at once.
    pub connections: usize,
    /// How long a request may take, which is how long a drain waits for it.
    pub timeout: Duration,
    /// How long a request's head may take to arrive, and an idle connection stays open.
    pub head: Duration,
    /// How many requests of one HTTP/2 connection may be open.
    pub streams: u32,
    /// Whether request lines may have raw characters and heads be as long as 1 MiB, as Go's server takes them.
    pub lenient: bool,
}

/// What accepts connections.
#[derive(Debug)]
pub struct Listener {
    tcp: Arc<TcpListener>,
    security: Security,
}

/// What a connection and its requests must show.
#[derive(Clone, Debug)]
struct Security {
    tls: Option<Arc<Acceptor>>,
    guard: Option<Arc<Guard>>,
    telemetry: Telemetry,
}

/// A request under way, until its reply is sent.
struct Busy(Arc<AtomicUsize>);

/// The body of a reply, which is under way as long as this lives.
struct Held<B> {
    body: B,
    _busy: Busy,
}

// === impl Limits ===

impl Limits {
    /// So many connections, and so much time for a request, its head included.
    pub fn new(connections: NonZeroUsize, timeout: Span) -> Self {
        let (connections, timeout) = (connections.get(), timeout.get());
        Self { connections, timeout, head: timeout, streams: STREAMS, lenient: false }
    }
}

/// Begins to listen, and says so. The files of `tls` and of `auth` are read first.
///
/// # Errors
/// `Unavailable` where the address can't be listened on, `Invalid` where a file of `tls` or of `auth` can't be used.
pub async fn listen(
    address: &Address,
    tls: Option<&TlsServer>,
    auth: Option<&Auth>,
    context: &Context,
) -> Result<Listener> {
    listen_at(address, None, tls, auth, context).await
}

/// As [`listen`], on a socket that is listened on already, where there is one.
pub(super) async fn listen_at(
    address: &Address,
    socket: Option<Arc<TcpListener>>,
    tls: Option<&TlsServer>,
    auth: Option<&Auth>,
    context: &Context,
) -> Result<Listener> {
    let telemetry = Telemetry::new(context);
    let tls = tls.cloned().map(Acceptor::new).transpose()?.map(Arc::new);
    let guard = auth.map(|auth| Guard::new(auth, telemetry.clone())).transpose()?.map(Arc::new);
    let failed =
        |e: io::Error| Error::unavailable(format!("expected an address to listen on, got `{address}`")).with_source(e);
    let tcp = match socket {
        Some(socket) => socket,
        None => Arc::new(TcpListener::bind(address.as_str()).await.map_err(failed)?),
    };
    let local = tcp.local_addr().map_err(failed)?;
    match tls {
        Some(_) => context.listening_with_tls(local),
        None => context.listening(local),
    }
    Ok(Listener { tcp, security: Security { tls, guard, telemetry } })
}

/// Serves until `shutdown`, then takes no new connections, lets requests finish, and returns.
pub async fn serve<A: Answer>(listener: Listener, service: Arc<A>, limits: Limits, shutdown: CancellationToken) {
    let Listener { tcp: listener, security } = listener;
    let room = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let (mut running, busy) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    loop {
        // Holding the permit while accepting bounds what is open; the rest waits in the kernel's queue.
        let accept = async {
            let permit = room.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        tokio::select! {
            // Who is told to go takes nothing that another one could take from the same socket.
            biased;
            () = shutdown.cancelled() => break,
            Some(_) = running.join_next() => {}
            (permit, accepted) = accept => match accepted {
                Ok((stream, _)) => {
                    let parts = (service.clone(), security.clone(), busy.clone());
                    let connection = connection(stream, parts, limits, shutdown.clone());
                    let held = (permit, security.telemetry.open());
                    running.spawn(async move {
                        let _held = held;
                        connection.await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "expected to accept a connection");
                    sleep(NO_SOCKETS).await;
                }
            },
        }
    }
    drop(listener);
    let drained = async {
        tokio::select! {
            () = async { while running.join_next().await.is_some() {} } => {}
            () = quiet(&busy) => {}
        }
    };
    if timeout((limits.timeout + LAST_REPLY).min(DRAIN), drained).await.is_err() {
        tracing::warn!(connections = running.len(), "closed connections that did not finish in time");
    }
}

/// Waits until no request was under way for a while.
async fn quiet(busy: &AtomicUsize) {
    let mut since = Instant::now();
    while since.elapsed() < QUIET {
        sleep(QUIET / 10).await;
        if busy.load(Ordering::Relaxed) > 0 {
            since = Instant::now();
        }
    }
}

/// What the requests of a connection share.
type Parts<A> = (Arc<A>, Security, Arc<AtomicUsize>);

/// Serves one connection.
async fn connection<A: Answer>(stream: TcpStream, parts: Parts<A>, limits: Limits, shutdown: CancellationToken) {
    // Replies are awaited: none should wait for another.
    let _ = stream.set_nodelay(true);
    let security = parts.1.clone();
    let Some(tls) = &security.tls else { return speak(stream, None, parts, limits, shutdown).await };
    let shaking = timeout(HANDSHAKE, TlsAcceptor::from(tls.config()).accept(stream));
    let shaken = tokio::select! {
        shaken = shaking => shaken,
        () = shutdown.cancelled() => return,
    };
    match shaken {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let shown = shown.map(PeerCertificate::new);
            return speak(stream, shown, parts, limits, shutdown).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a connection does not get its TLS"),
        Err(_) => tracing::debug!("a connection takes too long for its TLS"),
    }
    security.telemetry.tls_failed();
}

/// Speaks HTTP over a connection to its end, or until `shutdown` to the end of the request that it is in. A client that
/// goes away drops its request's future. Requests carry the certificate that the client showed.
async fn speak<A: Answer>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    shown: Option<PeerCertificate>,
    (service, security, busy): Parts<A>,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    let buffer = if limits.lenient { READ_BUFFERS.1 } else { READ_BUFFERS.0 };
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(buffer);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    let guard = security.guard;
    let service = service_fn(move |mut request: Request<Incoming>| {
        lenient::settle(&mut request);
        if let Some(shown) = &shown {
            request.extensions_mut().insert(shown.clone());
        }
        let (service, busy, guard) = (service.clone(), Busy::new(&busy), guard.clone());
        async move {
            let refused = match guard {
                Some(guard) => guard.admit(request.headers()).await.err(),
                None => None,
            };
            let response = match refused {
                None => service.answer(request).await.map(Either::<_, Full<Bytes>>::Left),
                Some(refused) => {
                    let _ = timeout(LAST_REPLY, discard(request.into_body())).await;
                    refused.map(Either::Right)
                }
            };
            Ok::<_, Infallible>(response.map(|body| Held { body, _busy: busy }))
        }
    });
    let connection = builder.serve_connection(TokioIo::new(Lenient::new(stream, limits.lenient)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection broke");
    }
}

// === impl Listener ===

impl Listener {
    /// What connections are accepted from.
    pub(super) fn socket(&self) -> &Arc<TcpListener> {
        &self.tcp
    }
}

// === impl Busy ===

impl Busy {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Held ===

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
