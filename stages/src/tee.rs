//! `tee`: sends a copy of each batch into another pipeline.
//!
//! ```yaml
//! tee: { to: copy }
//! ```
//!
//! All settings: `tee: { to: copy, required: false, pending: 64MiB }`. `to` names a [`link`](crate::link), with which the other
//! pipeline begins.
//!
//! Shape: batches go on untouched, and the answer is the ack of the rest. The copy shares their buffers; what becomes of it the
//! other pipeline's own metrics tell.
//!
//! Errors: those of the rest. A copy that fails is missed: counted in `weir_tee_missed_samples_total`, and that is all; so is one
//! for which `pending` has no room. With `required: true` both are waited for: the request fails where one of them does, that of
//! the rest first, and the answer is the ack of the one that wrote less.
//!
//! Order: anywhere. Ready when the rest is. A copy that is not required carries on where the caller goes away, and at the end for
//! at most five seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use weir_pipeline::units::{Bytes, Ref};
use weir_pipeline::{Ack, Batch, Context, Error, Next, Outcome, Reply, Result, Stage, Write};

use crate::link::OpenLink;

/// How long copies may take at the end.
const LAST: Duration = Duration::from_secs(5);

/// Sends a copy of each batch into another pipeline.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tee {
    /// The link that the copy goes to.
    pub to: Ref<OpenLink>,
    /// Whether a request fails where its copy does. Default false.
    #[serde(default)]
    pub required: bool,
    /// What copies may take that are on their way and not required. Default `64MiB`.
    #[serde(default = "default_pending")]
    pub pending: Bytes,
}

/// The rest and the way of the copies.
struct Teed {
    next: Next<Write>,
    shared: Arc<Shared>,
}

struct Shared {
    copies: Next<Write>,
    settings: Tee,
    pending: AtomicU64,
    tasks: TaskTracker,
    stop: CancellationToken,
    runtime: Handle,
    at: At,
    missed: Family<Missed, Counter>,
}

struct At {
    pipeline: Arc<str>,
    place: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Missed {
    pipeline: Arc<str>,
    place: Arc<str>,
    reason: &'static str,
}

fn default_pending() -> Bytes {
    Bytes::mib(64)
}

// === impl Tee ===

impl Stage<Write> for Tee {
    const NAME: &'static str = "tee";

    fn wrap(self, context: &Context, next: Next<Write>) -> Result<Next<Write>> {
        let runtime = Handle::try_current();
        let runtime = runtime.map_err(|_| Error::internal("expected a tokio runtime to build a tee in"))?;
        let copies = context.resource::<OpenLink>(self.to.name())?.next();
        let missed = context.metrics.register(
            "weir_tee_missed_samples",
            "Samples whose copy the other pipeline did not take",
            Family::default(),
        );
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let at = At { pipeline: context.pipeline.clone(), place: context.place.clone() };
        let pending = AtomicU64::new(0);
        let shared = Arc::new(Shared { copies, settings: self, pending, tasks, stop, runtime, at, missed });
        let closing = shared.clone();
        context.on_close(async move {
            closing.tasks.close();
            if timeout(LAST, closing.tasks.wait()).await.is_err() {
                closing.stop.cancel();
                closing.tasks.wait().await;
            }
            Ok(())
        });
        Ok(Next::new(Teed { next, shared }))
    }
}

// === impl Teed ===

impl Clone for Teed {
    fn clone(&self) -> Self {
        Self { next: self.next.clone(), shared: self.shared.clone() }
    }
}

impl Service<Batch> for Teed {
    type Response = Ack;
    type Error = Error;
    type Future = Reply<Write>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        self.next.poll_ready(cx)
    }

    fn call(&mut self, batch: Batch) -> Reply<Write> {
        let (mut next, shared) = (self.next.take(), self.shared.clone());
        if !shared.settings.required {
            shared.copy(batch.clone());
            return next.call(batch);
        }
        async move {
            let copy = shared.copies.send(batch.clone());
            let (rest, copy) = join(next.call(batch), copy).await;
            let (rest, copy) = (rest?, copy?);
            Ok(if copy.count(Outcome::Written) < rest.count(Outcome::Written) { copy } else { rest })
        }
        .boxed()
    }
}

// === impl Shared ===

impl Shared {
    /// Sends a copy on its way, where there is room for it.
    fn copy(self: Arc<Self>, batch: Batch) {
        let (bytes, samples) = (batch.byte_size() as u64, batch.sample_count() as u64);
        let before = self.pending.fetch_add(bytes, Ordering::Relaxed);
        if before > 0 && before.saturating_add(bytes) > self.settings.pending.get() {
            self.pending.fetch_sub(bytes, Ordering::Relaxed);
            return self.miss("pending_full", samples);
        }
        let shared = self.clone();
        let sending = async move {
            let sent = tokio::select! {
                biased;
                sent = shared.copies.send(batch) => sent,
                () = shared.stop.cancelled() => Err(Error::closed()),
            };
            if let Err(error) = sent {
                shared.miss(error.kind().as_str(), samples);
                tracing::debug!(error = error.report(), samples, "a copy is missed");
            }
            shared.pending.fetch_sub(bytes, Ordering::Relaxed);
        };
        self.tasks.spawn_on(sending, &self.runtime);
    }

    fn miss(&self, reason: &'static str, samples: u64) {
        let (pipeline, place) = (self.at.pipeline.clone(), self.at.place.clone());
        self.missed.get_or_create(&Missed { pipeline, place, reason }).inc_by(samples);
    }
}

#[cfg(test)]
mod tests;
