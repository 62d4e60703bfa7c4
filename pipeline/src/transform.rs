//! The easy stage: a pure change of a batch.

use std::sync::Arc;
use std::task::Poll;

use futures_util::FutureExt;
use serde::de::DeserializeOwned;
use tower::Service;

use crate::ack::Ack;
use crate::batch::Batch;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::next::{Next, Reply};
use crate::path::Write;
use crate::registry::AnyStage;

/// A pure change of a batch: what a plugin author writes in 30 lines. The settings are the stage.
pub trait Transform: DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name in YAML, in metrics, and of the module.
    const NAME: &'static str;

    /// What goes on, and what became of the samples that do not.
    ///
    /// The law: samples in + created = samples out + those in the ack. A batch that comes out empty is not sent on.
    ///
    /// # Errors
    /// The whole batch is refused.
    fn apply(&self, batch: Batch) -> Result<(Batch, Ack)>;
}

/// A transform as a service of the write path.
pub(crate) struct Transformed<T>(Arc<T>);

/// The service: the transform, then the rest.
struct Applied<T> {
    transform: Arc<T>,
    next: Next<Write>,
}

// === impl Transformed ===

impl<T: Transform> Transformed<T> {
    pub(crate) fn new(transform: T) -> Self {
        Self(Arc::new(transform))
    }
}

impl<T: Transform> AnyStage<Write> for Transformed<T> {
    fn wrap(&self, _: &Context, next: Next<Write>) -> Result<Next<Write>> {
        Ok(Next::new(Applied { transform: self.0.clone(), next }))
    }
}

// === impl Applied ===

impl<T> Clone for Applied<T> {
    fn clone(&self) -> Self {
        Self { transform: self.transform.clone(), next: self.next.clone() }
    }
}

impl<T: Transform> Service<Batch> for Applied<T> {
    type Response = Ack;
    type Error = Error;
    type Future = Reply<Write>;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Result<()>> {
        self.next.poll_ready(cx)
    }

    fn call(&mut self, batch: Batch) -> Reply<Write> {
        let mut next = self.next.take();
        let came_empty = batch.is_empty();
        match self.transform.apply(batch) {
            Err(error) => std::future::ready(Err(error)).boxed(),
            // Nothing is left to send on; what is known of metrics travels with samples, or came alone.
            Ok((batch, ack)) if batch.is_empty() && batch.exemplar_count() == 0 && !came_empty => {
                std::future::ready(Ok(ack)).boxed()
            }
            Ok((batch, ack)) if batch.says_nothing() => std::future::ready(Ok(ack)).boxed(),
            Ok((batch, mut ack)) => async move {
                ack.merge(next.call(batch).await?);
                Ok(ack)
            }
            .boxed(),
        }
    }
}

#[cfg(test)]
mod tests;
