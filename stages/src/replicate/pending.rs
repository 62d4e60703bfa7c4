//! What goes on after the answer: writes to members that were not part of the quorum.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weir_pipeline::Result;

use super::quorum::{Attempt, Size};

/// How long members may take when the program ends.
const LAST: Duration = Duration::from_secs(5);

/// The writes that go on after the answer. A clone shares them.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// The bytes of batches that may wait for each member.
    limit: u64,
    keep_trying: Duration,
    tasks: TaskTracker,
    stop: CancellationToken,
}

// === impl Pending ===

impl Pending {
    pub(super) fn new(limit: u64, keep_trying: Duration) -> Self {
        Self { limit, keep_trying, tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Goes on with what is running, for each member as far as there is memory for it.
    pub(super) fn keep(&self, running: FuturesUnordered<Attempt>, size: Size) {
        for write in running {
            let branch = write.branch.clone();
            let before = branch.pending.fetch_add(size.bytes, Relaxed);
            if before + size.bytes > self.limit {
                branch.pending.fetch_sub(size.bytes, Relaxed);
                branch.seen.missed("pending_full", size.samples);
                continue;
            }
            branch.seen.pending(size.bytes as i64);
            let (until, stop) = (size.begin + self.keep_trying, self.stop.clone());
            self.tasks.spawn(async move {
                let ended = tokio::select! {
                    biased;
                    ended = timeout_at(until, write) => ended.map_err(|_| "gave_up"),
                    () = stop.cancelled() => Err("shutdown"),
                };
                match ended {
                    Ok((_, Ok(_))) => {}
                    Ok((_, Err(error))) => branch.refused(&error, size.samples),
                    Err(reason) => branch.seen.missed(reason, size.samples),
                }
                branch.pending.fetch_sub(size.bytes, Relaxed);
                branch.seen.pending(-(size.bytes as i64));
            });
        }
    }

    /// Waits for what is running, for a while.
    pub(super) async fn close(self) -> Result<()> {
        self.tasks.close();
        if timeout(LAST, self.tasks.wait()).await.is_err() {
            tracing::warn!(batches = self.tasks.len(), "members missed what was still on its way to them");
            self.stop.cancel();
            self.tasks.wait().await;
        }
        Ok(())
    }
}
