//! `ring`: which nodes keep which part of all series.
//!
//! ```yaml
//! central:
//!   ring:
//!     members:
//!       - { name: a, address: 10.0.0.1:19391, read_address: 10.0.0.1:19392, zone: z1 }
//!       - { name: b, address: 10.0.0.2:19391, read_address: 10.0.0.2:19392, zone: z2 }
//!       - { name: c, address: 10.0.0.3:19391, read_address: 10.0.0.3:19392, zone: z3 }
//! ```
//!
//! All settings: `ring: { factor: 3, partitions: 64, algorithm: cells, epoch: 2, members: […], previous: [{ epoch: 1,
//! members: […] }] }`, or with `file: /etc/weir/ring.yaml, poll: 5s, write_after: 10s` in place of `epoch`, `members` and
//! `previous`, which the file then has.
//!
//! Shape: a series belongs to a partition, by a hash of tenant and series id that never changes; a partition to a set of
//! `factor` members. With `cells` the members form fixed cells, one of each zone, and every partition belongs to a cell: two
//! nodes that fail at a time hurt only where they are of one cell. With `rendezvous` each partition picks its own members,
//! for numbers of nodes that make no cells. A ring of cells grows at the end of its list: where there are at least `factor`
//! zones, or none, complete cells stay as they are, and a new one takes its share of the partitions from all alike.
//!
//! A watched file is looked at every `poll`; a change counts where it is valid and its `epoch` is greater than the one
//! before. What is wrong with it changes nothing, and is logged and counted. All nodes of a cluster need the same file: who
//! queries hears those who are new at once, who writes goes by it `write_after` later, when all know of it. Who
//! changes the members writes those of before under `previous`, with their epoch, until all that they had is in the bucket:
//! queries hear them as well.

pub mod cells;
pub mod layout;
pub mod member;
pub mod rendezvous;
mod watch;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use weir_pipeline::units::Span;
use weir_pipeline::{Context, Resource, Result};

pub use layout::{Earlier, Layout, Shape};
pub use member::{Member, ReplicaSet};

/// The settings of a ring.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Ring {
    shape: Shape,
    members: Members,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// How many members keep each partition. Default 3.
    #[serde(default = "default_factor")]
    factor: usize,
    /// Into how many parts all series are divided, 1 to 4096. Never to be changed on a ring that has data. Default 64.
    #[serde(default = "default_partitions")]
    partitions: u32,
    /// How partitions get their members: `cells` or `rendezvous`. Default `cells`.
    #[serde(default)]
    algorithm: layout::Algorithm,
    /// The number of this membership, from 1 on; only with `members`. Default 1.
    #[serde(default)]
    epoch: Option<u64>,
    /// The members. Either these or `file`.
    #[serde(default)]
    members: Option<Vec<Member>>,
    /// Earlier memberships, whose members still have what is nowhere else: those who query hear them too. Only with
    /// `members`.
    #[serde(default)]
    previous: Vec<Earlier>,
    /// A YAML file with `epoch`, `members` and `previous`, which is watched.
    #[serde(default)]
    file: Option<PathBuf>,
    /// How often the file is looked at; above 0. Default `5s`.
    #[serde(default)]
    poll: Option<Span>,
    /// How long after a change of the file was seen batches go by it: longer than it takes to come to all nodes.
    /// Default: twice `poll`.
    #[serde(default)]
    write_after: Option<Span>,
}

/// Where the members come from.
#[derive(Clone, Debug)]
enum Members {
    Fixed(Arc<Layout>),
    File { path: PathBuf, pace: watch::Pace },
}

fn default_factor() -> usize {
    3
}

fn default_partitions() -> u32 {
    64
}

/// A ring that is open. It may change at any time.
#[derive(Debug)]
pub struct OpenRing {
    layout: tokio::sync::watch::Sender<Arc<Layout>>,
    others: Mutex<Others>,
}

/// The layouts of before, and those that come.
#[derive(Debug, Default)]
struct Others {
    /// How long those of before are remembered.
    span: Duration,
    /// Each with the time at which the next one came; the newest last.
    past: Vec<(Instant, Arc<Layout>)>,
    /// The newest last.
    coming: Vec<Arc<Layout>>,
}

// === impl Ring ===

impl TryFrom<Fields> for Ring {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { factor, partitions, algorithm, epoch, members, previous, file, poll, write_after } = fields;
        let shape = Shape::new(factor, partitions, algorithm)?;
        let members = match (members, file) {
            (Some(members), None) => {
                if poll.is_some() {
                    return Err("expected `poll` only with `file`".into());
                }
                if write_after.is_some() {
                    return Err("expected `write_after` only with `file`".into());
                }
                Members::Fixed(Arc::new(Layout::new(shape, epoch.unwrap_or(1), members)?.after(previous)?))
            }
            (None, Some(path)) => {
                if epoch.is_some() {
                    return Err("expected `epoch` in the file, not beside `file`".into());
                }
                if !previous.is_empty() {
                    return Err("expected `previous` in the file, not beside `file`".into());
                }
                let poll = poll.unwrap_or(Span::from_secs(5));
                if poll.get().is_zero() {
                    return Err(format!("expected `poll` above 0, got `{poll}`"));
                }
                let write_after = write_after.map_or(poll.get().saturating_mul(2), Span::get);
                Members::File { path, pace: watch::Pace { poll: poll.get(), write_after } }
            }
            (Some(_), Some(_)) => return Err("expected one of `members` and `file`, got both".into()),
            (None, None) => return Err("expected one of `members` and `file`, got neither".into()),
        };
        Ok(Self { shape, members })
    }
}

impl Resource for Ring {
    const NAME: &'static str = "ring";
    type Opened = OpenRing;

    async fn open(self, context: &Context) -> Result<Arc<OpenRing>> {
        match self.members {
            Members::Fixed(layout) => {
                watch::Telemetry::new(context).follows(&layout);
                Ok(Arc::new(OpenRing::fixed(layout)))
            }
            Members::File { path, pace } => watch::Watch::open(path, self.shape, pace, context).await,
        }
    }
}

// === impl OpenRing ===

impl OpenRing {
    /// A ring that stays as it is.
    pub fn fixed(layout: impl Into<Arc<Layout>>) -> Self {
        Self { layout: tokio::sync::watch::Sender::new(layout.into()), others: Mutex::default() }
    }

    /// How it is now: where batches go.
    pub fn current(&self) -> Arc<Layout> {
        self.layout.borrow().clone()
    }

    /// How it is now, and each time that it changes.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<Arc<Layout>> {
        self.layout.subscribe()
    }

    /// Remembers layouts for at least so long after another took their place.
    pub fn remember(&self, span: Duration) {
        let mut others = self.others();
        others.span = others.span.max(span);
    }

    /// Where batches may be that were written in the last `span`: how it will be, as far as that is known, how it is, and how
    /// it was, as far as that is remembered; the newest first.
    pub fn recent(&self, span: Duration) -> Vec<Arc<Layout>> {
        let others = self.others();
        let past = others.past.iter().rev().filter(|(until, _)| until.elapsed() < span).map(|(_, layout)| layout);
        others.coming.iter().rev().chain([&*self.layout.borrow()]).chain(past).cloned().collect()
    }

    /// The newest layout that is known, also where it is still to come.
    pub(crate) fn newest(&self) -> Arc<Layout> {
        self.others().coming.last().cloned().unwrap_or_else(|| self.current())
    }

    /// Says that another layout will come.
    pub(crate) fn announce(&self, layout: Arc<Layout>) {
        self.others().coming.push(layout);
    }

    /// Goes on with another layout.
    pub(crate) fn change(&self, layout: Arc<Layout>) {
        let mut others = self.others();
        let epoch = layout.epoch();
        others.coming.retain(|coming| coming.epoch() > epoch);
        let before = self.layout.send_replace(layout);
        let span = others.span;
        others.past.push((Instant::now(), before));
        others.past.retain(|(until, _)| until.elapsed() < span);
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
