//! The log: what makes a sample durable before it is acknowledged.
//!
//! Segments of a few dozen MiB hold records; a record holds one tenant's samples. A segment stands alone: the first
//! record of a series in a segment brings its labels and gives it a number, later ones write the number.
//!
//! Group commit: whoever appends leaves a record in the queue; one thread takes all that wait, writes them at once,
//! syncs once, and answers all of them. A write or sync that fails ends the segment: what was in flight is not
//! acknowledged, and the next group begins another segment, since a repeated fsync proves nothing.
//!
//! Reading back streams. A torn tail is cut off and counted, a bad record is skipped and counted, and where a record's
//! header is bad the next good one is searched for: damage costs what it touches, never the whole log.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use weir_pipeline::{Error, Kind, Result};

use crate::seam::Fs;

mod format;
#[doc(hidden)]
pub mod fuzz;
mod known;
mod numbered;
mod rare;
mod record;
mod replay;
mod segments;
pub(crate) mod told;
mod writer;

pub use record::Entry;
pub use replay::{Damage, Replay};
pub(crate) use segments::file_name;
pub use segments::{Hold, Present};

use segments::Segments;
use writer::Writer;

/// How long a sender should wait where the log can't be written.
const RETRY: Duration = Duration::from_secs(5);

/// The log of one store. A clone is the same log.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

/// What happens in the log, for metrics. All methods are called from the thread that writes.
pub trait Observer: Send + Sync + 'static {
    /// A group of records was written and synced.
    fn synced(&self, records: u64, bytes: u64, seconds: f64);
    /// A write or sync failed, and its segment was given up.
    fn failed(&self);
}

struct Inner {
    queue: Mutex<Queue>,
    writer: Mutex<Writer>,
    segments: Segments,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// A thread takes from the queue.
    busy: bool,
    closed: bool,
}

enum Job {
    Append(Entry, Answer<Vec<Hold>>),
    /// The next record begins a segment.
    Rotate(Answer<()>),
}

type Answer<T> = oneshot::Sender<Result<T>>;

/// Clears [`Queue::busy`] also where the thread panics.
struct Busy<'a>(&'a Inner);

// === impl Log ===

impl Log {
    /// The log in `dir`, which exists. Segments that are there must have been replayed; new ones come after `replayed`.
    pub fn new(
        fs: Arc<dyn Fs>,
        dir: PathBuf,
        segment_bytes: u64,
        replayed: Vec<Hold>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let segments = Segments::new(fs, dir, replayed);
        let writer = Writer::new(segments.clone(), segment_bytes, observer);
        Self(Arc::new(Inner { queue: Mutex::default(), writer: Mutex::new(writer), segments }))
    }

    /// Writes an entry. Durable when this returns; the holds keep its segments until they are dropped.
    ///
    /// Dropping the future does not take the entry back.
    ///
    /// # Errors
    /// The disk is full or broken (`Unavailable`), or the log is closed.
    pub async fn append(&self, entry: Entry) -> Result<Vec<Hold>> {
        let (sender, answer) = oneshot::channel();
        self.submit(Job::Append(entry, sender));
        answered(answer).await
    }

    /// Has the next entry begin a segment, so that what came before can be reclaimed.
    ///
    /// # Errors
    /// The log is closed.
    pub async fn rotate(&self) -> Result<()> {
        let (sender, answer) = oneshot::channel();
        self.submit(Job::Rotate(sender));
        answered(answer).await
    }

    /// Removes the segments that nobody holds, and says how many.
    ///
    /// # Errors
    /// The disk is broken; nothing is lost but space.
    pub async fn reclaim(&self) -> Result<usize> {
        let log = self.0.clone();
        let removed = tokio::task::spawn_blocking(move || log.segments.reclaim()).await;
        removed.map_err(|_| Error::closed())?.map_err(failed)
    }

    /// How many segments there are, and how many bytes they take.
    pub fn size(&self) -> (usize, u64) {
        self.0.segments.size()
    }

    /// The segments that are there now, to see whether they still are later.
    pub fn present(&self) -> Present {
        self.0.segments.present()
    }

    /// Takes nothing new and waits until all that was taken is durable.
    ///
    /// # Errors
    /// None today: what could not be written was answered with its error.
    pub async fn close(&self) -> Result<()> {
        let (sender, answer) = oneshot::channel();
        self.submit(Job::Rotate(sender));
        lock(&self.0.queue).closed = true;
        match answered(answer).await {
            Err(error) if error.kind() != Kind::Closed => Err(error),
            _ => Ok(()),
        }
    }

    /// Leaves a job in the queue.
    fn submit(&self, job: Job) {
        let idle = {
            let mut queue = lock(&self.0.queue);
            if queue.closed {
                return;
            }
            queue.jobs.push_back(job);
            !std::mem::replace(&mut queue.busy, true)
        };
        if idle {
            let log = self.0.clone();
            // Not a thread of its own: tokio's paused clock stands still while blocking work runs.
            tokio::task::spawn_blocking(move || log.drain());
        }
    }
}

/// The answer to a job; one that was never taken is answered by the end of its sender.
async fn answered<T>(answer: oneshot::Receiver<Result<T>>) -> Result<T> {
    answer.await.unwrap_or_else(|_| Err(Error::closed()))
}

// === impl Inner ===

impl Inner {
    /// Writes group after group until nothing waits.
    fn drain(&self) {
        let busy = Busy(self);
        let mut writer = lock(&self.writer);
        loop {
            let group = {
                let mut queue = lock(&self.queue);
                if queue.jobs.is_empty() {
                    queue.busy = false;
                    std::mem::forget(busy);
                    return;
                }
                std::mem::take(&mut queue.jobs)
            };
            writer.write(group);
        }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.0.queue).busy = false;
    }
}

/// What a sender hears where the disk fails.
fn failed(error: std::io::Error) -> Error {
    let kind = Kind::Unavailable { retry_after: Some(RETRY) };
    Error::new(kind, "the log can't be written").with_source(error)
}

/// The data of a mutex, also where a holder panicked: a half-written group is a torn tail like any other.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
