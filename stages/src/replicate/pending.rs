//! What goes on after the answer: writes to members that were not part of the quorum, and what others keep for them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use tokio::time::{sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weir_pipeline::{Batch, Result};

use super::branch::Branch;
use super::hands::Hands;
use super::quorum::{Attempt, Size};

/// How long members may take when the program ends.
const LAST: Duration = Duration::from_secs(5);

/// How long others may take to keep what a member did not get, before that.
const HAND: Duration = Duration::from_secs(30);

/// The writes that go on after the answer. A clone shares them.
#[derive(Clone)]
pub(super) struct Pending {
    /// The bytes of batches that may wait for each member.
    limit: u64,
    keep_trying: Duration,
    tasks: TaskTracker,
    stop: CancellationToken,
    hands: Option<Arc<Hands>>,
}

// === impl Pending ===

impl Pending {
    pub(super) fn new(limit: u64, keep_trying: Duration, hands: Option<Arc<Hands>>) -> Self {
        Self { limit, keep_trying, tasks: TaskTracker::new(), stop: CancellationToken::new(), hands }
    }

    /// Whether batches are needed after the answer.
    pub(super) fn hands_off(&self) -> bool {
        self.hands.is_some()
    }

    /// Goes on with what is running, for each member as far as there is memory for it. `batch` is what it is about, where
    /// others may keep it.
    pub(super) fn keep(&self, running: FuturesUnordered<Attempt>, size: Size, batch: Option<&Batch>) {
        for write in running {
            let (branch, batch) = (write.branch.clone(), batch.cloned());
            let before = branch.pending.fetch_add(size.bytes, Relaxed);
            if before + size.bytes > self.limit {
                branch.pending.fetch_sub(size.bytes, Relaxed);
                self.tasks.spawn(self.clone().hand(branch, batch, size.samples, "pending_full"));
                continue;
            }
            branch.seen.pending(size.bytes as i64);
            let (until, this) = (size.begin + self.keep_trying, self.clone());
            self.tasks.spawn(async move {
                let ended = tokio::select! {
                    biased;
                    ended = timeout_at(until, write) => ended.map_err(|_| "gave_up"),
                    () = this.stop.cancelled() => Err("shutdown"),
                };
                match ended {
                    Ok((_, Ok(_))) => {}
                    Ok((_, Err(error))) => branch.refused(&error, size.samples),
                    Err(reason) => this.hand(branch.clone(), batch, size.samples, reason).await,
                }
                branch.pending.fetch_sub(size.bytes, Relaxed);
                branch.seen.pending(-(size.bytes as i64));
            });
        }
    }

    /// Has another member keep what one did not get, or counts that it has missed it.
    async fn hand(self, branch: Arc<Branch>, batch: Option<Batch>, samples: u64, reason: &'static str) {
        let is_kept = match (&self.hands, batch) {
            (Some(hands), Some(batch)) => tokio::select! {
                kept = timeout(HAND, hands.hand(&branch.name, batch)) => kept.unwrap_or(false),
                () = self.ended() => false,
            },
            _ => false,
        };
        if is_kept {
            branch.seen.handed_off(samples);
        } else {
            branch.seen.missed(reason, samples);
        }
    }

    /// Once what is running has no more time.
    async fn ended(&self) {
        self.stop.cancelled().await;
        sleep(LAST).await;
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
