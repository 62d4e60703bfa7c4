//! A queue on disk: who asks is answered once its batch is fsynced; the senders get what is read back, in order.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
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
use super::read::{Item, Reader, What, end_of_segment};
use super::segment::{HEADER, MAX_PAYLOAD, Position};
use super::telemetry::Telemetry;
use super::write::{self, Ends, Entry, Files, Found, keep_cursor, path_of};
use crate::node::wire;

/// The length of a segment, as a part of what the queue may take, and its bounds in bytes.
const SEGMENTS: u64 = 16;
const SEGMENT_BYTES: (u64, u64) = (64 << 10, 64 << 20);

/// How many bytes are written and synced in one go, at most, unless a batch is longer.
const GROUP: u64 = 8 << 20;

/// How many batches each sender may have before it, decoded.
const AHEAD: usize = 4;

/// How often the cursor is kept.
const KEEP: Duration = Duration::from_secs(1);

/// How long to wait where the disk can't be read.
const UNREADABLE: Duration = Duration::from_secs(5);

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
    let Found { files, ends, cursor } = write::open(&dir, segment_bytes)?;
    let used = waiting(&ends, cursor);
    let (clock, telemetry, runtime) = (sending.clock.clone(), sending.telemetry.clone(), sending.runtime.clone());
    telemetry.limit(limit.get());
    telemetry.waiting(used as i64);
    let (window, old) = (Arc::new(Semaphore::new(sending.senders * AHEAD)), ends.keys().next_back().copied());
    let shared = Arc::new(Shared {
        dir,
        limit,
        used: AtomicU64::new(used),
        flight: Mutex::new(Flight::new(cursor)),
        ends: watch::Sender::new(ends),
        clock,
        telemetry,
        closing: CancellationToken::new(),
    });
    let (requests, incoming) = mpsc::unbounded_channel();
    let (lanes, tasks) = (Arc::new(Lanes::start(sending)), TaskTracker::new());
    spawn(&tasks, &runtime, shared.clone().write(files, incoming));
    spawn(&tasks, &runtime, shared.clone().feed(lanes.clone(), window, cursor, old));
    spawn(&tasks, &runtime, shared.clone().keep());
    let held = Held { shared: shared.clone(), requests };
    context.on_close(async move {
        shared.closing.cancel();
        tasks.close();
        tasks.wait().await;
        lanes.keep(LAST).await;
        shared.tidy().await;
        Ok(())
    });
    Ok(Next::new(held))
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
            if samples == 0 && batch.metadata().is_empty() {
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

    /// The batch `number` is done with.
    fn finish(&self, number: u64) {
        let done = self.flight().end(number);
        self.release(done);
    }

    /// Writes what comes, all that waits in one go, until the queue closes.
    async fn write(self: Arc<Self>, files: Files, mut requests: mpsc::UnboundedReceiver<Request>) {
        let mut files = files;
        loop {
            let first = tokio::select! {
                biased;
                first = requests.recv() => first,
                // What has come by then is still written.
                () = self.closing.cancelled(), if !requests.is_closed() => {
                    requests.close();
                    continue;
                }
            };
            let Some(first) = first else { return };
            let (mut bytes, mut entries, mut replies) = (0, Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(Request { entry, reply }) = next {
                bytes += entry.size();
                entries.push(entry);
                replies.push(reply);
                next = if bytes < GROUP { requests.try_recv().ok() } else { None };
            }
            let append = move || (files.append(&entries), files);
            let Ok((appended, back)) = tokio::task::spawn_blocking(append).await else { return };
            files = back;
            match appended {
                Ok((number, end)) => {
                    self.ends.send_modify(|ends| _ = ends.insert(number, end));
                    replies.into_iter().for_each(|reply| _ = reply.send(Ok(())));
                }
                Err(error) => {
                    let (dir, text) = (self.dir.display(), error.to_string());
                    tracing::error!(%dir, %error, "the queue can't be written to");
                    self.release(bytes);
                    let failed = || Error::unavailable(format!("expected to write to the queue in `{dir}`: {text}"));
                    replies.into_iter().for_each(|reply| _ = reply.send(Err(failed())));
                }
            }
        }
    }

    /// Gives what is on disk to the senders, until the queue closes. Segments up to `old` were there at the start.
    async fn feed(self: Arc<Self>, lanes: Arc<Lanes>, window: Arc<Semaphore>, start: Position, old: Option<u64>) {
        let (mut reader, mut at, mut ends) = (Reader::new(&self.dir), start, self.ends.subscribe());
        while !self.closing.is_cancelled() {
            let (end, next) = {
                let ends = ends.borrow_and_update();
                let next = ends.range(at.segment.saturating_add(1)..).next().map(|(number, _)| *number);
                (ends.get(&at.segment).copied().unwrap_or(0), next)
            };
            let items = if at.offset < end {
                let read = move || (reader.read(at, end), reader);
                let Ok((read, back)) = tokio::task::spawn_blocking(read).await else { return };
                reader = back;
                match read {
                    Ok(items) => items,
                    Err(error) => {
                        tracing::error!(dir = %self.dir.display(), %error, "the queue can't be read");
                        self.pause(UNREADABLE).await;
                        continue;
                    }
                }
            } else if let Some(next) = next {
                [end_of_segment(next)].into()
            } else {
                tokio::select! {
                    changed = ends.changed() => if changed.is_err() { return },
                    () = self.closing.cancelled() => return,
                }
                continue;
            };
            for item in items {
                at = item.next;
                if !self.give(item, &lanes, &window, old).await {
                    return;
                }
            }
        }
    }

    /// Gives one item to the senders. False where the queue closes before.
    async fn give(self: &Arc<Self>, item: Item, lanes: &Lanes, window: &Arc<Semaphore>, old: Option<u64>) -> bool {
        let Item { what, next, len } = item;
        let (batch, accepted) = match what {
            What::Batch(batch, accepted) => (batch, accepted),
            What::End => {
                let number = self.flight().begin(next, len);
                self.finish(number);
                return true;
            }
            What::Damaged(samples) => {
                tracing::error!(dir = %self.dir.display(), segment = next.segment, bytes = len, samples, "damaged");
                self.telemetry.damaged(len);
                self.telemetry.lost(samples, "damaged");
                let number = self.flight().begin(next, len);
                self.finish(number);
                return true;
            }
        };
        let permit = tokio::select! {
            biased;
            permit = window.clone().acquire_owned() => permit,
            () = self.closing.cancelled() => return false,
        };
        let Ok(permit) = permit else { return false };
        if old.is_some_and(|old| next.segment <= old) {
            self.telemetry.replayed(batch.sample_count() as u64);
        }
        let number = self.flight().begin(next, len);
        lanes.send(batch, accepted, number, Arc::new(Sent { shared: self.clone(), _permit: permit }));
        true
    }

    /// Keeps the cursor now and then, until the queue closes.
    async fn keep(self: Arc<Self>) {
        let mut kept = None;
        while !self.closing.is_cancelled() {
            let cursor = self.flight().cursor();
            if kept != Some(cursor) {
                self.tidy().await;
                kept = Some(cursor);
            }
            self.pause(KEEP).await;
        }
    }

    /// Keeps the cursor, and deletes the segments before it.
    async fn tidy(&self) {
        let (dir, cursor) = (self.dir.clone(), self.flight().cursor());
        let done: Vec<u64> = self.ends.borrow().range(..cursor.segment).map(|(number, _)| *number).collect();
        let tidy = move || {
            keep_cursor(&dir, cursor)?;
            for number in &done {
                match std::fs::remove_file(path_of(&dir, *number)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(done)
        };
        match tokio::task::spawn_blocking(tidy).await {
            Ok(Ok(done)) => {
                self.ends.send_if_modified(|ends| {
                    done.iter().for_each(|number| _ = ends.remove(number));
                    false
                });
            }
            Ok(Err(error)) => tracing::error!(dir = %self.dir.display(), %error, "the queue can't be tidied"),
            Err(_) => {}
        }
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
