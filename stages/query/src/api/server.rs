//! The listener: connections in, a drain at the end.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::lenient::Lenient;
use super::service::Service;

/// What a connection may hold of bytes not yet read as headers or body.
const READ_BUFFER: usize = 64 << 10;

/// How long a request's head may take to arrive, and an idle connection stays open.
const HEAD: Duration = Duration::from_secs(300);

/// How many requests of one HTTP/2 connection may be open.
const STREAMS: u32 = 64;

/// What a reply may take longer than its question to reach the client, when the listener drains.
const LAST_REPLY: Duration = Duration::from_secs(5);

/// How long a drain takes at most: Kubernetes kills after 30 seconds.
const DRAIN: Duration = Duration::from_secs(25);

/// How long nobody must have asked anything before connections that are still open are closed: what they hold is half a
/// head, or nothing.
const QUIET: Duration = Duration::from_secs(1);

/// How long to wait where the system has no more sockets to give.
const NO_SOCKETS: Duration = Duration::from_millis(100);

/// A request under way.
struct Busy(Arc<AtomicUsize>);

/// Serves until `shutdown`, then takes no new connections, lets requests finish, and returns.
pub(super) async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    connections: usize,
    longest: Duration,
    shutdown: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let (mut running, busy) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    loop {
        // Holding the permit while accepting bounds what is open; the rest waits in the kernel's queue.
        let accept = async {
            let permit = room.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = running.join_next() => {}
            (permit, accepted) = accept => match accepted {
                Ok((stream, _)) => {
                    let connection = connection(stream, service.clone(), busy.clone(), shutdown.clone());
                    running.spawn(async move {
                        let _permit = permit;
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
    if timeout((longest + LAST_REPLY).min(DRAIN), drained).await.is_err() {
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

/// Serves one connection to its end, or until `shutdown` to the end of the request that it is in. A client that goes
/// away drops its request's future.
async fn connection(stream: TcpStream, service: Arc<Service>, busy: Arc<AtomicUsize>, shutdown: CancellationToken) {
    // Replies are awaited: none should wait for another.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(READ_BUFFER);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS);
    let service = service_fn(move |request| {
        let (service, busy) = (service.clone(), Busy::new(&busy));
        async move {
            let _busy = busy;
            Ok::<_, Infallible>(service.answer(request).await)
        }
    });
    let connection = builder.serve_connection(TokioIo::new(Lenient::new(stream)), service);
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
