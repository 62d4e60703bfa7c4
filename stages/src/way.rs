//! The end of a pipeline that asks somebody else, with so many requests under way at a time.

use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;
use tower::Service;
use weir_pipeline::{Ack, Batch, Error, Next, Reply, Result, Write};

/// Somebody who takes batches.
pub(crate) trait Asked: Send + Sync + 'static {
    /// Has a batch written.
    ///
    /// # Errors
    /// None of it may be taken for written.
    fn write(&self, batch: Batch) -> impl Future<Output = Result<Ack>> + Send;
}

/// The way to somebody who is asked: ready while there is room for a request. A clone shares both.
pub(crate) struct Way<A> {
    asked: Arc<A>,
    room: PollSemaphore,
    permit: Option<OwnedSemaphorePermit>,
}

// === impl Way ===

impl<A: Asked> Way<A> {
    /// The end of a pipeline: up to `concurrency` requests at a time.
    pub(crate) fn open(asked: A, concurrency: usize) -> Next<Write> {
        let room = Arc::new(Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS)));
        Next::new(Self { asked: Arc::new(asked), room: PollSemaphore::new(room), permit: None })
    }
}

impl<A> Clone for Way<A> {
    fn clone(&self) -> Self {
        Self { asked: self.asked.clone(), room: self.room.clone(), permit: None }
    }
}

impl<A: Asked> Service<Batch> for Way<A> {
    type Response = Ack;
    type Error = Error;
    type Future = Reply<Write>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        if self.permit.is_none() {
            // It is never closed.
            self.permit = ready!(self.room.poll_acquire(cx));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, batch: Batch) -> Reply<Write> {
        let (asked, permit) = (self.asked.clone(), self.permit.take());
        async move {
            let _permit = permit;
            asked.write(batch).await
        }
        .boxed()
    }
}
