//! From batches to batches, one at a time, so that no operator makes more output than its reader takes.

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures_util::{Future, FutureExt, StreamExt, TryStreamExt, stream};

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

struct Driven<T> {
    input: SendableRecordBatchStream,
    transform: T,
    finished: bool,
    pace: Pace,
}

/// Runs `transform` over `input`, in turns. Dropping the stream cancels it between any two batches.
pub(crate) fn run(input: SendableRecordBatchStream, transform: impl Transform) -> Batches {
    stream::try_unfold(Driven { input, transform, finished: false, pace: Pace::new() }, |mut driven| async move {
        loop {
            driven.pace.rest().await;
            if let Some(batch) = driven.transform.pull()? {
                return Ok(Some((batch, driven)));
            }
            if driven.finished {
                return Ok(None);
            }
            match driven.input.try_next().await? {
                Some(batch) => driven.transform.push(batch)?,
                None => {
                    driven.finished = true;
                    driven.transform.finish()?;
                }
            }
        }
    })
    .boxed()
}

/// The batches of a stream that must be opened first.
pub(crate) fn opened(open: impl Future<Output = Result<Batches>> + Send + 'static) -> Batches {
    open.into_stream().try_flatten().boxed()
}
