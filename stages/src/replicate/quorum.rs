//! A batch on its way to all members: answered once a quorum has written it, or can't any more.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, MissedTickBehavior, interval};
use weir_pipeline::{Ack, Batch, Error, Outcome, Result};

use super::branch::Branch;
use super::pending::Pending;

/// How often to look whether members have failed for too long.
const LOOK: Duration = Duration::from_millis(50);

/// The write to one member. May be polled by another task than the one that began it.
pub(super) struct Attempt {
    pub(super) branch: Arc<Branch>,
    pub(super) reply: BoxFuture<'static, Result<Ack>>,
    pub(super) failures: Arc<Failures>,
}

/// Since when a member has failed to write this batch, whatever it does with others, and with what it failed last.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Option<(Instant, Error)>>);

/// What a request is, when its batch is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) bytes: u64,
    pub(super) samples: u64,
    pub(super) begin: Instant,
}

/// A batch on its way to all members.
pub(super) struct Writing {
    members: usize,
    running: FuturesUnordered<Attempt>,
    acks: Vec<Ack>,
    /// What members said that refuse the batch for itself, or for its tenant.
    refusals: Vec<(Arc<Branch>, Error)>,
    quorum: usize,
    patience: Duration,
    size: Size,
    /// What it is about, where it is needed after the answer.
    batch: Option<Batch>,
}

// === impl Size ===

impl Size {
    pub(super) fn of(batch: &Batch) -> Self {
        Self { bytes: batch.byte_size() as u64, samples: batch.sample_count() as u64, begin: Instant::now() }
    }
}

// === impl Attempt ===

impl Attempt {
    /// Since when the member fails, with all batches or with this one, and with what it failed last.
    fn failing(&self) -> impl Iterator<Item = (Instant, Error)> {
        [self.branch.gate.failing(), self.failures.get()].into_iter().flatten()
    }
}

impl Future for Attempt {
    type Output = (Arc<Branch>, Result<Ack>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.reply.as_mut().poll(cx).map(|result| (self.branch.clone(), result))
    }
}

// === impl Failures ===

impl Failures {
    /// It failed again.
    pub(super) fn note(&self, error: &Error) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = state.as_ref().map_or_else(Instant::now, |(since, _)| *since);
        *state = Some((since, error.clone()));
    }

    fn get(&self) -> Option<(Instant, Error)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

// === impl Writing ===

impl Writing {
    pub(super) fn new(
        writes: Vec<Attempt>,
        quorum: usize,
        patience: Duration,
        size: Size,
        batch: Option<Batch>,
    ) -> Self {
        let members = writes.len();
        let running = writes.into_iter().collect();
        Self { members, running, acks: Vec::new(), refusals: Vec::new(), quorum, patience, size, batch }
    }

    /// Waits for a quorum; what is still running then is left to `pending`. Dropping it cancels all.
    pub(super) async fn run(mut self, pending: Pending) -> Result<Ack> {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                Some((branch, result)) = self.running.next() => match result {
                    Ok(ack) => self.acks.push(ack),
                    Err(error) => self.refusals.push((branch, error)),
                },
                _ = look.tick() => {}
            }
            if self.acks.len() >= self.quorum {
                for (branch, error) in self.refusals {
                    branch.refused(&error, self.size.samples);
                }
                let least = self.acks.into_iter().min_by_key(|ack| ack.count(Outcome::Written));
                pending.keep(self.running, self.size, self.batch.as_ref());
                return least.ok_or_else(|| Error::internal("expected a quorum of at least one member"));
            }
            if let Some(error) = self.lost() {
                return Err(error);
            }
        }
    }

    /// Why there will be no quorum, once that is so.
    fn lost(&self) -> Option<Error> {
        // Also one that has failed for long is waited for: somebody asks it within that time, and it may be back.
        let waited = self.size.begin.elapsed() >= self.patience;
        let too_long = |since: Instant| waited && since.elapsed() >= self.patience;
        let failed = |write: &Attempt| write.failing().find(|(since, _)| too_long(*since));
        let failures: Vec<Error> = self.running.iter().filter_map(failed).map(|(_, error)| error).collect();
        if self.acks.len() + self.running.len() - failures.len() >= self.quorum {
            return None;
        }
        // What may pass comes first: the request may then be repeated.
        let refusals = || self.refusals.iter().map(|(_, error)| error);
        let passing = || refusals().find(|error| error.kind().is_retryable());
        let error = failures.first().or_else(passing).or_else(|| refusals().next())?;
        let (quorum, members, acks) = (self.quorum, self.members, self.acks.len());
        let message = format!("expected {quorum} of {members} members to write the batch, {acks} did");
        let place = error.place().map(Into::into);
        let mut lost = Error::new(error.kind(), message).with_source(error.clone());
        if error.is_of_tenant() {
            lost = lost.of_tenant();
        }
        Some(match place {
            Some(place) => lost.at(&place),
            None => lost,
        })
    }
}
