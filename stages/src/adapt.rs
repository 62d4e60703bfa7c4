//! Between the services of a pipeline and tower's middleware, whose errors are boxed.

use std::future::ready;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tower::buffer::Buffer;
use tower::util::MapErr;
use tower::{BoxError, Service};
use weir_pipeline::{Error, Next, Path, Read, Registry, Reply, Result, Write};

use crate::concurrency_limit::ConcurrencyLimit;
use crate::load_shed::LoadShed;
use crate::rate_limit::RateLimit;
use crate::retry::Retry;
use crate::timeout::Timeout;

/// Makes tower's middleware known, on both paths.
pub(crate) fn register(registry: &mut Registry) {
    register_on::<Write>(registry);
    register_on::<Read>(registry);
}

fn register_on<P: Path>(registry: &mut Registry) {
    registry
        .stage::<P, Timeout>()
        .stage::<P, ConcurrencyLimit>()
        .stage::<P, RateLimit>()
        .stage::<P, LoadShed>()
        .stage::<P, Retry>()
        .stage::<P, crate::buffer::Buffer>();
}

/// The most requests that a setting may let wait or run at a time.
pub(crate) const MAX_REQUESTS: usize = 1_000_000;

/// The error of a pipeline within `error`; `other` makes one of tower's own.
pub(crate) fn unbox(error: BoxError, other: impl FnOnce() -> Error) -> Error {
    error.downcast::<Error>().map_or_else(|_| other(), |error| *error)
}

/// A number of requests from settings.
pub(crate) fn requests(count: usize) -> Result<usize, String> {
    match count {
        1..=MAX_REQUESTS => Ok(count),
        _ => Err(format!("expected 1 to {MAX_REQUESTS} requests, got `{count}`")),
    }
}

/// tower's `Buffer` in front of what `build` makes within a runtime: up to `bound` requests wait in it, and one in its worker's hand.
pub(crate) fn buffered<P, S>(bound: usize, build: impl FnOnce() -> S) -> Result<Next<P>>
where
    P: Path,
    S: Service<P::Request, Response = P::Response, Error = Error, Future = Reply<P>> + Send + 'static,
{
    let runtime = Handle::try_current();
    let runtime = runtime.map_err(|_| Error::internal("expected a tokio runtime to build a buffer in"))?;
    let (buffer, worker) = Buffer::pair(build(), bound);
    runtime.spawn(worker);
    Ok(Next::new(MapErr::new(buffer, |error| unbox(error, Error::closed))))
}

/// The rest, which is ready also where it failed to become so, and then answers with that error: tower's `Buffer` would
/// close for good.
pub(crate) struct Forgiving<P: Path> {
    rest: Next<P>,
    next: Next<P>,
    failed: Option<Error>,
}

// === impl Forgiving ===

impl<P: Path> Forgiving<P> {
    pub(crate) fn new(rest: Next<P>) -> Self {
        Self { next: rest.clone(), rest, failed: None }
    }
}

impl<P: Path> Service<P::Request> for Forgiving<P> {
    type Response = P::Response;
    type Error = Error;
    type Future = Reply<P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.next.poll_ready(cx).map(|ready| {
            self.failed = ready.err();
            if self.failed.is_some() {
                // A service that failed to become ready is not used again.
                self.next = self.rest.clone();
            }
            Ok(())
        })
    }

    fn call(&mut self, request: P::Request) -> Reply<P> {
        match self.failed.take() {
            Some(error) => ready(Err(error)).boxed(),
            None => self.next.call(request),
        }
    }
}

#[cfg(test)]
mod tests;
