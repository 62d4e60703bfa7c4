//! `queue`: takes batches at once, and sends them on in its own time.
//!
//! ```yaml
//! queue: { disk: { path: ./data/queue, bytes: 1GiB } }
//! ```
//!
//! All settings: `queue: { memory: { bytes: 64MiB } }`, or `disk: { path: …, bytes: 1GiB }` instead; beside it `senders: 4,
//! max_samples_per_send: 2000, backoff: { initial: 100ms, max: 10s }, max_age: 2h, drain: 20s`.
//!
//! Shape: a batch that has been taken is accepted, which is its ack: on disk once it is fsynced, with all that came at the same
//! time in one go. A new root starts here. `senders` send at a time; each has series of its own, so that the samples of a series
//! stay in their order, and a batch goes on as up to that many parts. What waits for one sender goes on together, the samples of
//! a series one after the other, as far as it is of one tenant and has at most `max_samples_per_send` samples.
//!
//! Errors: a full queue is unavailable, with a time to come back, which `receive` answers as 503: senders repeat that, and drop
//! on 429. So is a disk that fails. Of the rest, what may pass is repeated for ever, or until a batch is older than `max_age`,
//! with pauses that grow, differ by chance, and heed what the rest asks for; the first failure is logged, one a minute
//! while that goes on, and that it is over. What will not pass is lost: logged, and counted in `weir_queue_lost_samples_total`
//! with the kind of the error, or `max_age`, or `shutdown`.
//!
//! Order: at the edge, above `retry` and `remote_write`; not above a store, since its verdict would come too late for the sender.
//! It is ready by design, answers before the rest does, and carries on where its caller goes away.
//!
//! At the end the sources stop first. A queue in memory then sends what it has, for at most `drain`. A queue on disk lets
//! requests that are under way end, for at most five seconds, and sends the others after the next start, in their order; so it
//! does after a crash, where some that were sent within the last second are sent again. What a crash left half written was never
//! accepted, and is passed over; what the disk has damaged is counted in `weir_queue_damaged_bytes_total`, and the rest goes on.
//! Below a fan-out each branch has a directory of its own below `path`. In tests of pipeline files (`weir test`) a queue on disk is
//! one in memory.
//!
//! Source: the disk queues of vmagent and of Vector, without their losses: a checksum for each record, and no reset of all.

mod disk;
mod flight;
#[doc(hidden)]
pub mod fuzz;
mod lanes;
mod memory;
mod read;
mod segment;
mod telemetry;
mod write;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tokio::runtime::Handle;
use weir_pipeline::units::{Bytes, Span, above_zero, some_path};
use weir_pipeline::{Context, Error, Kind, Next, Rehearsal, Result, Stage, Write};

use crate::outage::Outage;
use lanes::Sending;
use telemetry::Telemetry;

/// The most senders.
const MAX_SENDERS: usize = 256;

/// When to come back to a queue that is full.
const COME_BACK: Duration = Duration::from_secs(5);

/// Takes batches at once, and sends them on in its own time.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Queue {
    kept: Kept,
    fields: Fields,
}

/// Where batches wait.
#[derive(Clone, Debug)]
enum Kept {
    Memory(Memory),
    Disk(Disk),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// In memory. What waits is lost with the process.
    #[serde(default)]
    memory: Option<Memory>,
    /// On disk.
    #[serde(default)]
    disk: Option<Disk>,
    /// How many requests are under way at a time; 1 to 256. Default 4.
    #[serde(default = "default_senders")]
    senders: NonZeroUsize,
    /// How many samples of batches that wait are sent together; a batch is not cut for that. Default 2000.
    #[serde(default = "default_samples")]
    max_samples_per_send: NonZeroUsize,
    /// How long to wait after a failure that may pass.
    #[serde(default)]
    backoff: Backoff,
    /// How old a batch may become before it is given up. Default: it is never given up.
    #[serde(default)]
    max_age: Option<Span>,
    /// How long a queue in memory may take at the end to send what it has. Default `20s`.
    #[serde(default = "default_drain")]
    drain: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Memory {
    /// What waiting batches may take. A batch that would be alone is always taken.
    #[serde(deserialize_with = "above_zero")]
    bytes: Bytes,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Disk {
    /// The directory, made where there is none. No other queue may have it.
    #[serde(deserialize_with = "some_path")]
    path: PathBuf,
    /// What waiting batches may take. A batch that would be alone is always taken. Beside it up to a sixteenth of that waits
    /// to be deleted.
    #[serde(deserialize_with = "above_zero")]
    bytes: Bytes,
}

/// How long to wait after a failure that may pass: twice as long each time, up to `max`, and between half of that and all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Backoff {
    /// After the first failure; above 0. Default `100ms`.
    #[serde(deserialize_with = "above_zero")]
    initial: Span,
    /// At most, unless the rest asks for more. Default `10s`.
    #[serde(deserialize_with = "above_zero")]
    max: Span,
}

fn default_senders() -> NonZeroUsize {
    const { NonZeroUsize::new(4).unwrap() }
}

fn default_samples() -> NonZeroUsize {
    const { NonZeroUsize::new(2000).unwrap() }
}

fn default_drain() -> Span {
    Span::from_secs(20)
}

/// The error of a queue that has no room for a batch.
fn full(limit: Bytes) -> Error {
    let kind = Kind::Unavailable { retry_after: Some(COME_BACK) };
    Error::new(kind, format!("expected to find room in the queue, and all of its `{limit}` are in use"))
}

// === impl Queue ===

impl Queue {
    /// A queue on disk that holds at most so much, and gives up what is older than `max_age`.
    pub(crate) fn on_disk(path: PathBuf, bytes: Bytes, max_age: Span) -> Self {
        let disk = Disk { path, bytes };
        let fields = Fields {
            memory: None,
            disk: Some(disk.clone()),
            senders: default_senders(),
            max_samples_per_send: default_samples(),
            backoff: Backoff::default(),
            max_age: Some(max_age),
            drain: default_drain(),
        };
        Self { kept: Kept::Disk(disk), fields }
    }
}

impl TryFrom<Fields> for Queue {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let (senders, Backoff { initial, max }) = (fields.senders.get(), &fields.backoff);
        if senders > MAX_SENDERS {
            return Err(format!("expected `senders` of 1 to {MAX_SENDERS}, got `{senders}`"));
        }
        if initial > max {
            return Err(format!(
                "expected `backoff.initial` of at most `{max}`, which is `backoff.max`, got `{initial}`"
            ));
        }
        if fields.max_age.is_some_and(|age| age.get().is_zero()) {
            return Err("expected a `max_age` above 0".into());
        }
        let kept = match (fields.memory.clone(), fields.disk.clone()) {
            (Some(memory), None) => Kept::Memory(memory),
            (None, Some(disk)) => Kept::Disk(disk),
            (None, None) => return Err("expected `memory` or `disk`, got none".into()),
            (Some(_), Some(_)) => return Err("expected `memory` or `disk`, got both".into()),
        };
        Ok(Self { kept, fields })
    }
}

impl Stage<Write> for Queue {
    const NAME: &'static str = "queue";

    fn wrap(self, context: &Context, next: Next<Write>) -> Result<Next<Write>> {
        let runtime = Handle::try_current();
        let runtime = runtime.map_err(|_| Error::internal("expected a tokio runtime to build a queue in"))?;
        let telemetry = Telemetry::new(context);
        let sending = Sending {
            next,
            senders: self.fields.senders.get(),
            together: self.fields.max_samples_per_send.get(),
            backoff: (self.fields.backoff.initial.get(), self.fields.backoff.max.get()),
            max_age: self.fields.max_age,
            clock: context.clock.clone(),
            telemetry,
            outage: Outage::new(context.place.clone()),
            runtime,
        };
        let drain = self.fields.drain.get();
        match self.kept {
            Kept::Memory(memory) => Ok(memory::open(memory.bytes, drain, sending, context)),
            // What waits in the directory is the real pipeline's.
            Kept::Disk(disk) if context.value::<Rehearsal>().is_some() => {
                Ok(memory::open(disk.bytes, drain, sending, context))
            }
            Kept::Disk(disk) => disk::open(&disk.path, disk.bytes, sending, context),
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Span::from_millis(100), max: Span::from_secs(10) }
    }
}

#[cfg(test)]
mod tests;
