//! From batches to batches, one at a time, so that no operator makes more output than its reader takes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures_util::future::BoxFuture;
use futures_util::{Future, FutureExt, Stream, StreamExt, TryStreamExt};

use super::Batches;
use super::pace::Pace;

/// Turns batches into batches.
pub(crate) trait Transform: Send + 'static {
    /// Takes the next input, once [`Transform::pull`] has nothing left of the one before.
    fn push(&mut self, batch: RecordBatch) -> Result<()>;

    /// Says that there is no more input.
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    /// The next output, or `None` where more input is needed, or none comes any more.
    fn pull(&mut self) -> Result<Option<RecordBatch>>;
}

/// A transform and its input. A stream by hand: one of a future for each item moves all of this into each of them and back.
struct Driven<T> {
    input: SendableRecordBatchStream,
    transform: T,
    /// No more input comes.
    finished: bool,
    /// Nothing comes any more.
    ended: bool,
    pace: Pace,
    /// Others have the thread.
    resting: Option<BoxFuture<'static, ()>>,
    /// The next input is on its way. Until it is here it is nobody's turn to end: in a deep plan, of which each level lets others have
    /// the thread, none would come to read.
    waiting: bool,
}

/// Runs `transform` over `input`, in turns. Dropping the stream cancels it between any two batches.
pub(crate) fn run(input: SendableRecordBatchStream, transform: impl Transform) -> Batches {
    Box::pin(Driven {
        input,
        transform,
        finished: false,
        ended: false,
        pace: Pace::new(),
        resting: None,
        waiting: false,
    })
}

/// The batches of a stream that must be opened first.
pub(crate) fn opened(open: impl Future<Output = Result<Batches>> + Send + 'static) -> Batches {
    open.into_stream().try_flatten().boxed()
}

// === impl Driven ===

impl<T: Transform> Driven<T> {
    /// Lets others have the thread where the turn is over.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.resting.is_none() && self.pace.is_over() {
            self.resting = Some(tokio::task::yield_now().boxed());
        }
        if let Some(resting) = &mut self.resting {
            ready!(resting.poll_unpin(cx));
            self.resting = None;
            self.pace = Pace::new();
        }
        Poll::Ready(())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<RecordBatch>>> {
        loop {
            if !self.waiting {
                ready!(self.poll_rest(cx));
                if let Some(batch) = self.transform.pull()? {
                    return Poll::Ready(Ok(Some(batch)));
                }
                if self.finished {
                    return Poll::Ready(Ok(None));
                }
            }
            self.waiting = true;
            let next = ready!(self.input.poll_next_unpin(cx));
            self.waiting = false;
            match next.transpose()? {
                Some(batch) => self.transform.push(batch)?,
                None => {
                    self.finished = true;
                    self.transform.finish()?;
                }
            }
        }
    }
}

impl<T> Unpin for Driven<T> {}

impl<T: Transform> Stream for Driven<T> {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let item = ready!(self.poll(cx)).transpose();
        // As nothing comes after an error.
        self.ended = !matches!(item, Some(Ok(_)));
        Poll::Ready(item)
    }
}

#[cfg(test)]
mod tests;
