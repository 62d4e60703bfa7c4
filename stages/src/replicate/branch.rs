//! One member of a replica set, and the rest of the pipeline that leads to it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::sleep;
use tower::Service;
use weir_pipeline::{Ack, Batch, Error, Kind, Next, Result, Write};

use super::gate::Gate;
use super::quorum::{Attempt, Failures};
use super::telemetry::Seen;
use crate::node;

/// One member, as all requests see it.
pub(super) struct Branch {
    pub(super) name: String,
    next: Next<Write>,
    pub(super) gate: Gate,
    /// The bytes of batches that were acknowledged and still wait for this member.
    pub(super) pending: AtomicU64,
    pub(super) seen: Seen,
}

/// One member, as one clone of the service sees it: whether the rest is ready belongs to the clone.
pub(super) struct Handle {
    branch: Arc<Branch>,
    next: Next<Write>,
    ready: Option<Result<()>>,
}

// === impl Branch ===

impl Branch {
    pub(super) fn new(name: &str, next: Next<Write>, (initial, max): (Duration, Duration), seen: Seen) -> Self {
        // A seed of its own for each router: they must not come back together.
        let gate = Gate::new(initial, max, RandomState::new().hash_one(name));
        Self { name: name.to_owned(), next, gate, pending: AtomicU64::new(0), seen }
    }

    /// Asks until the member has written the batch, or refuses it for itself.
    async fn write(
        self: Arc<Self>,
        batch: Batch,
        mut first: Option<(Next<Write>, Result<()>)>,
        failures: Arc<Failures>,
    ) -> Result<Ack> {
        let mut last = None;
        // The others may use what was set aside for this request, if it has to wait.
        first = first.filter(|_| self.gate.is_open());
        loop {
            let pass = self.gate.pass().await;
            let result = match first.take() {
                Some((mut next, Ok(()))) => next.call(batch.clone()).await,
                Some((_, Err(error))) => Err(error),
                None => self.next.send(batch.clone()).await,
            };
            match result {
                Ok(ack) => {
                    pass.succeeded();
                    self.seen.up(true);
                    return Ok(ack);
                }
                Err(error) if is_final(&error) => {
                    // It answered, and takes others: the batch is at fault, or its tenant has what it may.
                    pass.succeeded();
                    self.seen.up(true);
                    return Err(error);
                }
                Err(error) if node::is_too_old(&error) => {
                    // It answered, and takes others: this batch waits by itself.
                    pass.succeeded();
                    self.seen.up(true);
                    failures.note(&error);
                    let (wait, pause) = self.gate.pause(last);
                    last = Some(pause);
                    sleep(wait).await;
                }
                Err(error) => {
                    failures.note(&error);
                    let retry_after = match error.kind() {
                        Kind::Unavailable { retry_after } => retry_after,
                        _ => None,
                    };
                    if self.gate.is_open() {
                        tracing::warn!(member = self.name, error = error.report(), "a member fails");
                    }
                    self.seen.failed();
                    self.seen.up(false);
                    pass.failed(&error, retry_after);
                }
            }
        }
    }

    /// Counts a batch that the member refuses for itself and others took.
    pub(super) fn refused(&self, error: &Error, samples: u64) {
        if error.is_of_tenant() {
            // It may be one of very many, and the member counts them, too.
            tracing::debug!(member = self.name, error = error.report(), "a member refuses a tenant");
        } else {
            tracing::warn!(member = self.name, error = error.report(), "a member refuses a batch");
        }
        self.seen.missed("refused", samples);
    }
}

/// Whether the member is not asked again: it would answer the same, or, where it is about the tenant, the sender is to come
/// back. Who waited here for one tenant would hold what all share.
fn is_final(error: &Error) -> bool {
    error.is_of_tenant() || matches!(error.kind(), Kind::Invalid | Kind::Unprocessable)
}

// === impl Handle ===

impl Handle {
    pub(super) fn new(branch: Arc<Branch>) -> Self {
        Self { next: branch.next.clone(), branch, ready: None }
    }

    /// Ready also where it failed to become so: the request then fails.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ready.is_none() {
            match self.next.poll_ready(cx) {
                Poll::Ready(ready) => self.ready = Some(ready),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }

    /// Writes a batch, first by what became ready, if it did.
    pub(super) fn write(&mut self, batch: Batch) -> Attempt {
        let fresh = self.branch.next.clone();
        let first = self.ready.take().map(|ready| (std::mem::replace(&mut self.next, fresh), ready));
        let failures = Arc::<Failures>::default();
        let reply = self.branch.clone().write(batch, first, failures.clone()).boxed();
        Attempt { branch: self.branch.clone(), reply, failures }
    }
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self::new(self.branch.clone())
    }
}
