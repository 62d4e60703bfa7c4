//! A queue on disk: who asks is answered once its batch is fsynced; the senders get what is read back, in order.

mod work;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use weir_pipeline::units::Bytes;
use weir_pipeline::{Ack, Batch, Clock, Context, Error, Next, Outcome, Reply, Result, Write};

use super::flight::Flight;
use super::full;
use super::lanes::{Ended, Lanes, Sending};
use super::segment::{HEADER, MAX_PAYLOAD, Position};
use super::telemetry::Telemetry;
use super::write::{self, Ends, Entry, Found, Refused};
use crate::node::wire;

/// The length of a segment, as a part of what the queue may take, and its bounds in bytes.
const SEGMENTS: u64 = 16;
const SEGMENT_BYTES: (u64, u64) = (64 << 10, 64 << 20);

/// What batches may take that are read and not yet sent, in KiB. One that is larger is alone.
const AHEAD: u32 = 32 << 10;

/// How often a queue looks whether it can have its directory.
const HAND_OVER: Duration = Duration::from_millis(100);

/// After so many looks it is told that it waits.
const TOLD: u64 = 100;

/// How long requests that are under way may take at the end.
const LAST: Duration = Duration::from_secs(5);

/// The queue as a service. A clone is the same.
#[derive(Clone)]
struct Held {
    shared: Arc<Shared>,
    requests: mpsc::UnboundedSender<Request>,
}

struct Shared {
    dir: PathBuf,
    limit: Bytes,
    /// The bytes of batches that wait or are under way.
    used: AtomicU64,
    flight: Mutex<Flight>,
    ends: watch::Sender<Ends>,
    clock: Clock,
    telemetry: Telemetry,
    closing: CancellationToken,
    begun: AtomicBool,
}

/// A batch to be written.
struct Request {
    entry: Entry,
    reply: oneshot::Sender<Result<()>>,
}

/// A batch that is with the senders.
struct Sent {
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

/// The queue in `path`, above `sending`'s next.
pub(super) fn open(path: &Path, limit: Bytes, sending: Sending, context: &Context) -> Result<Next<Write>> {
    let dir = directory(path, &context.place);
    let segment_bytes = (limit.get() / SEGMENTS).clamp(SEGMENT_BYTES.0, SEGMENT_BYTES.1);
    let (clock, telemetry, runtime) = (sending.clock.clone(), sending.telemetry.clone(), sending.runtime.clone());
    telemetry.limit(limit.get());
    let shared = Arc::new(Shared {
        dir: dir.clone(),
        limit,
        used: AtomicU64::new(0),
        flight: Mutex::new(Flight::new(Position { segment: 0, offset: HEADER as u64 })),
        ends: watch::Sender::new(Ends::new()),
        clock,
        telemetry,
        closing: CancellationToken::new(),
        begun: AtomicBool::new(false),
    });
    let window = Arc::new(Semaphore::new(AHEAD as usize));
    let (requests, incoming) = mpsc::unbounded_channel();
    let (lanes, tasks) = (Arc::new(Lanes::start(sending)), TaskTracker::new());
    let begin = Begin { shared: shared.clone(), lanes: lanes.clone(), window, tasks: tasks.clone() };
    let pipeline = context.pipeline.clone();
    match write::open(&dir, segment_bytes, &pipeline) {
        Ok(found) => begin.begin(found, incoming, &runtime),
        Err(Refused::Wrong(error)) => return Err(error),
        // The pipeline changes while it runs: what it was before has the directory until it has drained.
        Err(Refused::Owned) => {
            let again = runtime.clone();
            let waiting = async move {
                let open = || write::open(&dir, segment_bytes, &pipeline);
                if let Some(found) = begin.shared.wait_for(open).await {
                    begin.begin(found, incoming, &again);
                }
            };
            tasks.spawn_on(waiting, &runtime);
        }
    }
    let held = Held { shared: shared.clone(), requests };
    context.on_close(async move {
        shared.closing.cancel();
        tasks.close();
        tasks.wait().await;
        lanes.keep(LAST).await;
        if shared.is_open() {
            shared.tidy().await;
        }
        Ok(())
    });
    Ok(Next::new(held))
}

/// What a queue begins with, once it has its directory.
struct Begin {
    shared: Arc<Shared>,
    lanes: Arc<Lanes>,
    window: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Begin {
    fn begin(self, found: Found, incoming: mpsc::UnboundedReceiver<Request>, runtime: &Handle) {
        let Self { shared, lanes, window, tasks } = self;
        let Found { files, ends, cursor } = found;
        let (used, old) = (waiting(&ends, cursor), ends.keys().next_back().copied());
        shared.used.fetch_add(used, Ordering::Relaxed);
        shared.telemetry.waiting(used as i64);
        *shared.flight() = Flight::new(cursor);
        shared.ends.send_replace(ends);
        shared.begun.store(true, Ordering::Relaxed);
        spawn(&tasks, runtime, shared.clone().write(files, incoming));
        spawn(&tasks, runtime, shared.clone().feed(lanes, window, cursor, old));
        spawn(&tasks, runtime, shared.keep());
    }
}

fn spawn(tasks: &TaskTracker, runtime: &Handle, task: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn_on(task, runtime);
}

/// The directory of the queue at `place`: below fan-outs, one for each branch.
fn directory(path: &Path, place: &str) -> PathBuf {
    let mut dir = path.to_owned();
    for (i, group) in place.match_indices('[') {
        let before = place.get(..i).unwrap_or_default();
        let kind = before.rsplit('.').next().unwrap_or_default();
        let name = place.get(i + group.len()..).and_then(|rest| rest.split(']').next()).unwrap_or_default();
        if kind != "stages" {
            let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
            dir.push(format!("{kind}-{}", name.chars().map(plain).collect::<String>()));
        }
    }
    dir
}

/// How many bytes wait from `cursor` on.
fn waiting(ends: &Ends, cursor: Position) -> u64 {
    let records = |(number, end): (&u64, &u64)| {
        let from = if *number == cursor.segment { cursor.offset } else { HEADER as u64 };
        end.saturating_sub(from)
    };
    ends.range(cursor.segment..).map(records).sum()
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
        let Self { shared, requests } = self.clone();
        async move {
            let samples = batch.sample_count() as u64;
            if batch.says_nothing() {
                return Ok(Ack::default());
            }
            let mut payload = Vec::new();
            wire::encode_batch(&batch, &mut payload);
            drop(batch);
            if payload.len() > MAX_PAYLOAD {
                let most = Bytes::new(MAX_PAYLOAD as u64);
                return Err(Error::invalid(format!("expected a batch of at most {most} in the queue")));
            }
            let entry = Entry { payload, samples, accepted: shared.clock.now() };
            let size = entry.size();
            if !shared.reserve(size) {
                shared.telemetry.full();
                return Err(full(shared.limit));
            }
            let (reply, answer) = oneshot::channel();
            if requests.send(Request { entry, reply }).is_err() {
                shared.release(size);
                return Err(Error::closed());
            }
            answer.await.map_err(|_| Error::closed())??;
            shared.telemetry.accepted(samples);
            Ok(Ack::default().with(Outcome::Accepted, "", samples))
        }
        .boxed()
    }
}

// === impl Shared ===

impl Shared {
    fn reserve(&self, bytes: u64) -> bool {
        let limit = self.limit.get();
        let fits = |used: u64| (used == 0 || used + bytes <= limit).then_some(used + bytes);
        let reserved = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if reserved {
            self.telemetry.waiting(bytes as i64);
        }
        reserved
    }

    fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.telemetry.waiting(-(bytes as i64));
    }

    fn flight(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the queue has its directory.
    fn is_open(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Waits for the directory, until the queue closes.
    async fn wait_for(&self, open: impl Fn() -> Result<Found, Refused>) -> Option<Found> {
        for tried in 1u64.. {
            if self.closing.is_cancelled() {
                break;
            }
            match open() {
                Ok(found) => return Some(found),
                Err(Refused::Owned) if tried.is_multiple_of(TOLD) => {
                    tracing::warn!(dir = %self.dir.display(), "waits for another queue of its pipeline to let go of it");
                }
                Err(Refused::Owned) => {}
                Err(Refused::Wrong(error)) => {
                    tracing::error!(dir = %self.dir.display(), error = error.report(), "the queue waits");
                }
            }
            self.pause(HAND_OVER).await;
        }
        None
    }

    /// The batch `number` is done with.
    fn finish(&self, number: u64) {
        let done = self.flight().end(number);
        self.release(done);
    }

    /// Waits, but not longer than the queue lives.
    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = sleep(time) => {}
            () = self.closing.cancelled() => {}
        }
    }
}

// === impl Sent ===

impl Ended for Sent {
    // It stays on disk.
    fn kept(&self, _: u64) {}

    fn ended(&self, number: u64, kept: bool) {
        if !kept {
            self.shared.finish(number);
        }
    }
}

#[cfg(test)]
mod tests;
