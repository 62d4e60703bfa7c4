//! The rest of a pipeline, as one service.

use std::future::Future;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use crate::error::{Error, Result};
use crate::path::Path;

/// The rest of a pipeline: a boxed, cloneable tower service. Types are erased at every stage boundary.
///
/// As with any tower service, `poll_ready` is where backpressure acts, and readiness belongs to one handle: a clone
/// must be made ready anew. [`Next::send`] does both.
pub struct Next<P: Path>(BoxCloneSyncService<P::Request, P::Response, Error>);

/// The future of every service of a pipeline.
pub type Reply<P> = BoxFuture<'static, Result<<P as Path>::Response>>;

/// A function in front of the rest.
struct Behind<P: Path, F> {
    next: Next<P>,
    stage: F,
}

// === impl Next ===

impl<P: Path> Next<P> {
    /// Erases a service.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<P::Request, Response = P::Response, Error = Error> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        Self(BoxCloneSyncService::new(service))
    }

    /// The service that answers each request so. It is always ready: a sink that waits does so here.
    pub fn from_fn<F, R>(answer: F) -> Self
    where
        F: Fn(P::Request) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<P::Response>> + Send + 'static,
    {
        Self::new(tower::service_fn(answer))
    }

    /// This rest behind a stage, which is ready when the rest is. `stage` gets each request with a handle that is ready, to send
    /// it on with [`Next::pass`].
    #[must_use]
    pub fn behind<F, R>(self, stage: F) -> Self
    where
        F: Fn(P::Request, Self) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Result<P::Response>> + Send + 'static,
    {
        Self::new(Behind { next: self, stage })
    }

    /// Sends one request by the readiness that this handle has, as that of [`Next::behind`], and waits for the answer.
    pub fn pass(mut self, request: P::Request) -> Reply<P> {
        self.call(request)
    }

    /// Waits until the rest is ready, sends one request, and waits for the answer. Dropping the future cancels.
    pub async fn send(&self, request: P::Request) -> Result<P::Response> {
        self.clone().0.oneshot(request).await
    }

    /// Takes this handle, with the readiness that it has, and leaves a fresh clone in its place: what a stage's `call`
    /// does before it moves the rest into its future.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let clone = self.clone();
        std::mem::replace(self, clone)
    }
}

impl<P: Path> Clone for Next<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: Path> Service<P::Request> for Next<P> {
    type Response = P::Response;
    type Error = Error;
    type Future = Reply<P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: P::Request) -> Self::Future {
        self.0.call(request)
    }
}

impl<P: Path> std::fmt::Debug for Next<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Next<{}>", P::NAME)
    }
}

// === impl Behind ===

impl<P: Path, F: Clone> Clone for Behind<P, F> {
    fn clone(&self) -> Self {
        Self { next: self.next.clone(), stage: self.stage.clone() }
    }
}

impl<P, F, R> Service<P::Request> for Behind<P, F>
where
    P: Path,
    F: Fn(P::Request, Next<P>) -> R,
    R: Future<Output = Result<P::Response>> + Send + 'static,
{
    type Response = P::Response;
    type Error = Error;
    type Future = Reply<P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.next.poll_ready(cx)
    }

    fn call(&mut self, request: P::Request) -> Reply<P> {
        (self.stage)(request, self.next.take()).boxed()
    }
}

#[cfg(test)]
mod tests;
