//! The rest of a pipeline, as one service.

use std::task::{Context, Poll};

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
