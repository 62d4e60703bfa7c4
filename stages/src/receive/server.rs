//! The listener: connections in, a drain at the end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::write::Receiver;

/// What a connection may hold of bytes not yet read as headers or body.
const READ_BUFFER: usize = 64 << 10;

/// What a reply may take longer than its request to reach the sender, when the listener drains.
const LAST_REPLY: Duration = Duration::from_secs(5);

/// How long to wait where the system has no more sockets to give.
const NO_SOCKETS: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then takes no new connections, lets requests finish, and returns.
pub(super) async fn serve(
    listener: TcpListener,
    receiver: Arc<Receiver>,
    connections: usize,
    shutdown: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
    let mut running = JoinSet::new();
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
                    let connection = connection(stream, receiver.clone(), shutdown.clone());
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
    let drained = async { while running.join_next().await.is_some() {} };
    if timeout(receiver.settings.timeout.get() + LAST_REPLY, drained).await.is_err() {
        tracing::warn!(connections = running.len(), "closed connections that did not finish in time");
    }
}

/// Serves one connection to its end, or until `shutdown` to the end of the request that it is in.
async fn connection(stream: TcpStream, receiver: Arc<Receiver>, shutdown: CancellationToken) {
    // Replies are small and awaited: none should wait for another.
    let _ = stream.set_nodelay(true);
    let limit = receiver.settings.timeout.get();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limit).max_buf_size(READ_BUFFER);
    builder.http2().timer(TokioTimer::new());
    let service = service_fn(move |request| {
        let receiver = receiver.clone();
        async move { Ok::<_, Infallible>(receiver.answer(request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
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
