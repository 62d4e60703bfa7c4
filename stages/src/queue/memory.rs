//! A queue in memory.

use std::future::ready;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tower::Service;
use weir_pipeline::units::Bytes;
use weir_pipeline::{Ack, Batch, Clock, Context, Error, Next, Outcome, Reply, Result, Write};

use super::full;
use super::lanes::{Ended, Lanes, Sending};
use super::telemetry::Telemetry;

/// What a batch takes beside its buffers, in bytes.
const BATCH: u64 = 256;

/// The queue as a service. A clone is the same.
#[derive(Clone)]
struct Held(Arc<Shared>);

struct Shared {
    limit: Bytes,
    used: Arc<Used>,
    /// None once the queue is closed.
    lanes: Mutex<Option<Lanes>>,
    clock: Clock,
    telemetry: Telemetry,
}

/// The bytes of batches that wait or are under way. The number of a batch is what it takes.
struct Used {
    bytes: AtomicU64,
    telemetry: Telemetry,
}

/// The queue above `sending`'s next.
pub(super) fn open(limit: Bytes, drain: Duration, sending: Sending, context: &Context) -> Next<Write> {
    let (clock, telemetry) = (sending.clock.clone(), sending.telemetry.clone());
    telemetry.limit(limit.get());
    let used = Arc::new(Used { bytes: AtomicU64::new(0), telemetry: telemetry.clone() });
    let lanes = Mutex::new(Some(Lanes::start(sending)));
    let shared = Arc::new(Shared { limit, used, lanes, clock, telemetry });
    let held = Held(shared.clone());
    context.on_close(async move {
        let lanes = shared.lanes.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(lanes) = lanes {
            lanes.drain(drain).await;
        }
        Ok(())
    });
    Next::new(held)
}

// === impl Held ===

impl Service<Batch> for Held {
    type Response = Ack;
    type Error = Error;
    type Future = Reply<Write>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, batch: Batch) -> Reply<Write> {
        ready(self.0.take(batch)).boxed()
    }
}

// === impl Shared ===

impl Shared {
    fn take(&self, batch: Batch) -> Result<Ack> {
        let samples = batch.sample_count() as u64;
        if batch.says_nothing() {
            return Ok(Ack::default());
        }
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lanes) = lanes.as_ref() else { return Err(Error::closed()) };
        let bytes = batch.byte_size() as u64 + BATCH;
        if !self.used.reserve(bytes, self.limit.get()) {
            self.telemetry.full();
            return Err(full(self.limit));
        }
        self.telemetry.accepted(samples);
        lanes.send(batch, self.clock.now(), bytes, self.used.clone());
        Ok(Ack::default().with(Outcome::Accepted, "", samples))
    }
}

// === impl Used ===

impl Used {
    fn reserve(&self, bytes: u64, limit: u64) -> bool {
        let fits = |used: u64| (used == 0 || used + bytes <= limit).then_some(used + bytes);
        let reserved = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if reserved {
            self.telemetry.waiting(bytes as i64);
        }
        reserved
    }
}

impl Ended for Used {
    fn kept(&self, samples: u64) {
        self.telemetry.lost(samples, "shutdown");
        tracing::warn!(samples, "a queue in memory ends before these samples were sent");
    }

    fn ended(&self, bytes: u64, _: bool) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.telemetry.waiting(-(bytes as i64));
    }
}
