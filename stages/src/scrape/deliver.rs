//! A batch on its way down, offered again until it is taken or too late.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use weir_pipeline::{Ack, Batch, Error, Kind, Next, Write};

use crate::random::Random;

/// The first pause between two attempts.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause, unless the rest asks for a longer one.
const LONGEST: Duration = Duration::from_secs(5);

/// How a batch is offered.
pub(super) struct Delivery<'a> {
    pub(super) next: &'a Next<Write>,
    pub(super) shutdown: &'a CancellationToken,
    /// When it is too late.
    pub(super) until: Instant,
    /// Where the pauses come from, so that not all targets return at once.
    pub(super) random: &'a mut Random,
}

/// A batch that is lost.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) error: Error,
    /// How often it was offered.
    pub(super) attempts: u32,
}

// === impl Delivery ===

impl Delivery<'_> {
    /// Sends `batch`, again after errors that may pass. Once the program stops, it is offered a last time.
    ///
    /// # Errors
    /// It is lost: an error that will not pass, or the time is up.
    pub(super) async fn send(self, batch: Batch) -> Result<(Ack, u32), Lost> {
        let (mut pause, mut attempts) = (FIRST, 0);
        let mut last = None;
        loop {
            attempts += 1;
            let stopping = self.shutdown.is_cancelled();
            let error = match timeout_at(self.until, self.next.send(batch.clone())).await {
                Ok(Ok(ack)) => return Ok((ack, attempts)),
                Ok(Err(error)) => error,
                Err(_) => {
                    let late = || Error::new(Kind::TimedOut, "the rest of the pipeline took longer than the interval");
                    return Err(Lost { error: last.unwrap_or_else(late), attempts });
                }
            };
            if stopping || !error.kind().is_retryable() {
                return Err(Lost { error, attempts });
            }
            let wait = self.random.around(pause).max(retry_after(error.kind()));
            pause = (2 * pause).min(LONGEST);
            if Instant::now() + wait >= self.until {
                return Err(Lost { error, attempts });
            }
            last = Some(error);
            tokio::select! {
                () = sleep(wait) => {}
                () = self.shutdown.cancelled() => {}
            }
        }
    }
}

fn retry_after(kind: Kind) -> Duration {
    match kind {
        Kind::Unavailable { retry_after } | Kind::Overloaded { retry_after } => retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests;
