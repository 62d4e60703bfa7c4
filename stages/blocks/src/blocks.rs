//! `blocks`: writes to a store; samples are durable when they are acknowledged.
//!
//! ```yaml
//! blocks: { store: central }
//! ```
//!
//! Shape: a sink of the write path. It is ready while the store takes batches, and pending while those that wait for the
//! log fill its `in_flight` budget. A sample that comes again is written like any other, and is there once; where its start
//! timestamp is another, one that is known is kept, and of two the earlier.
//!
//! Errors: those of [`Store::append`].
//!
//! Order: last. A disk queue before it would acknowledge before the store's verdict.

use std::task::{Context as TaskContext, Poll};

use futures_util::FutureExt;
use serde::Deserialize;
use tokio_util::sync::PollSemaphore;
use tower::Service;
use weir_pipeline::units::Ref;
use weir_pipeline::{Ack, Batch, Context, Error, Next, Reply, Result, Sink, Write};

use crate::store::Store;

/// The sink's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    /// The store that takes the samples.
    pub store: Ref<Store>,
}

/// Appends to a store. Readiness belongs to one handle.
struct Appender {
    store: Store,
    room: PollSemaphore,
}

// === impl Blocks ===

impl Sink<Write> for Blocks {
    const NAME: &'static str = "blocks";

    fn open(self, context: &Context) -> Result<Next<Write>> {
        let store = context.resource::<Store>(self.store.name())?;
        Ok(Next::new(Appender::new((*store).clone())))
    }
}

// === impl Appender ===

impl Appender {
    fn new(store: Store) -> Self {
        Self { room: PollSemaphore::new(store.room()), store }
    }
}

impl Clone for Appender {
    fn clone(&self) -> Self {
        Self::new(self.store.clone())
    }
}

impl Service<Batch> for Appender {
    type Response = Ack;
    type Error = Error;
    type Future = Reply<Write>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        // What is acquired is given back at once: a handle that is ready and not called must not hold up others.
        self.room.poll_acquire(cx).map(|permit| permit.map(drop).ok_or_else(Error::closed))
    }

    fn call(&mut self, batch: Batch) -> Self::Future {
        let store = self.store.clone();
        async move { store.append(&batch).await }.boxed()
    }
}

#[cfg(test)]
mod tests;
