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
//! `previous`, which the file then has, or with `dns: { names: [_weir._tcp.stores.example.svc], read_port: 19392, zone:
//! 'store-([a-z]+)-\d+', interval: 10s, settle: 1m, server: '10.96.0.10:53' }`.
//!
//! Shape: a series belongs to a partition, by a hash of tenant and series id that never changes; a partition to a set of
//! `factor` members. With `cells` the members form fixed cells, one of each zone, and every partition belongs to a cell: two
//! nodes that fail at a time hurt only where they are of one cell. With `rendezvous` each partition picks its own members,
//! for numbers of nodes that make no cells. A ring of cells grows at the end of its list: where there are at least `factor`
//! zones, or none, complete cells stay as they are, and a new one takes its share of the partitions from all alike.
//!
//! With `shuffle_shard_size: 6`, and `shuffle_shard_sizes: { team-a: 12 }` for some, the series of a tenant are with so many
//! members alone, in whole cells that it picks by its name: what is wrong with one tenant's series hurts few others. Queries
//! of a tenant ask its cells only. A smaller shard is a change of members: those who query need the epoch before under `previous`,
//! with the sizes that it had.
//!
//! A watched file is looked at every `poll`; a change counts where it is valid and its `epoch` is greater than the one
//! before. What is wrong with it changes nothing, and is logged and counted. All nodes of a cluster need the same file: who
//! queries hears those who are new at once, who writes goes by it `write_after` later, when all know of it; who starts meanwhile
//! writes by the newest of `previous` until then. Who changes the members writes those of before under `previous`, with their
//! epoch, until all that they had is in the bucket: queries hear them as well.
//!
//! With `dns` the members are the targets of SRV records, each called by its host's name, or the addresses of a host. They are
//! looked up every `interval`. What is said for all of `settle` is followed, in a new epoch that each node counts for itself;
//! names whose answers come and go change nothing. The order of an answer does not matter: members are sorted by the number at
//! the end of their names, so that who adds pods to a StatefulSet adds cells. Where members have no numbers, or go for good, take
//! `rendezvous`, which moves less. Where nobody answers, too few members are named, or two of one name, the last ones stay, which
//! is logged and counted. A node starts once names have said the same for `settle`. A service that names pods also while they are
//! not ready (`publishNotReadyAddresses`) keeps the ring as it is while they restart.
//!
//! Who queries goes by a change before anybody writes by it, as long as DNS comes to all nodes within half of `settle`; one
//! that hears of no name server for longer says that its answers are partial. It remembers earlier members as long as it runs;
//! after it started it must hear all members of now, for as long as there may be something that earlier ones had alone.

pub mod cells;
pub mod dns;
pub mod layout;
pub mod member;
pub mod rendezvous;
pub mod shards;
mod telemetry;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use weir_pipeline::units::Span;
use weir_pipeline::{Context, Resource, Result, Tenant};

pub use layout::{Earlier, Layout, Shape};
pub use member::{Member, ReplicaSet};
pub use shards::{Shard, Shards};

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
    /// The members. Either these, `file` or `dns`.
    #[serde(default)]
    members: Option<Vec<Member>>,
    /// Earlier memberships, whose members still have what is nowhere else: those who query hear them too. Only with
    /// `members`.
    #[serde(default)]
    previous: Vec<Earlier>,
    /// How many members keep the series of a tenant: as many whole cells as they make. 0 for all. Not with `file`, which says it
    /// itself. Default 0.
    #[serde(default)]
    shuffle_shard_size: usize,
    /// How many those of some tenants, by their names. Not with `file`, which says it itself.
    #[serde(default)]
    shuffle_shard_sizes: BTreeMap<Tenant, usize>,
    /// A YAML file with `epoch`, `members` and `previous`, which is watched.
    #[serde(default)]
    file: Option<PathBuf>,
    /// Names that name servers know, whose hosts are the members.
    #[serde(default)]
    dns: Option<dns::Dns>,
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
    Dns(dns::Dns, Shards),
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
    /// Since when all go by what is known here, where nobody tells what was before.
    learned: Option<Instant>,
    others: Mutex<Others>,
}

/// The layouts of before, and those that come.
#[derive(Debug, Default)]
struct Others {
    /// How long those of before are remembered.
    span: Duration,
    /// How long others may go by them when they are no more.
    linger: Duration,
    /// Each with the time at which all go by the next one; the newest last.
    past: Vec<(Instant, Arc<Layout>)>,
    /// The newest last.
    coming: Vec<Arc<Layout>>,
    /// Why it may be another than is known here.
    doubt: Option<String>,
}

// === impl Ring ===

impl TryFrom<Fields> for Ring {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let shape = Shape::new(fields.factor, fields.partitions, fields.algorithm)?;
        let members = fields.members(shape)?;
        Ok(Self { shape, members })
    }
}

impl Fields {
    /// Where the members come from.
    fn members(self, shape: Shape) -> Result<Members, String> {
        let Self { epoch, members, previous, file, dns, poll, write_after, .. } = self;
        let shards = Shards { size: self.shuffle_shard_size, tenants: self.shuffle_shard_sizes };
        if file.is_none() {
            for (name, is_there) in [("poll", poll.is_some()), ("write_after", write_after.is_some())] {
                if is_there && (members.is_some() || dns.is_some()) {
                    return Err(format!("expected `{name}` only with `file`"));
                }
            }
        }
        if members.is_none() && dns.is_some() && (epoch.is_some() || !previous.is_empty()) {
            return Err("expected no `epoch` and no `previous` beside `dns`".into());
        }
        match (members, file, dns) {
            (Some(members), None, None) => {
                let layout = Layout::new(shape, epoch.unwrap_or(1), members)?.sharded(shards)?.after(previous)?;
                Ok(Members::Fixed(Arc::new(layout)))
            }
            (None, Some(path), None) => {
                if epoch.is_some() {
                    return Err("expected `epoch` in the file, not beside `file`".into());
                }
                if !previous.is_empty() {
                    return Err("expected `previous` in the file, not beside `file`".into());
                }
                if shards != Shards::default() {
                    return Err("expected shuffle sharding in the file, not beside `file`".into());
                }
                let poll = poll.unwrap_or(Span::from_secs(5));
                if poll.get().is_zero() {
                    return Err(format!("expected `poll` above 0, got `{poll}`"));
                }
                let write_after = write_after.map_or(poll.get().saturating_mul(2), Span::get);
                Ok(Members::File { path, pace: watch::Pace { poll: poll.get(), write_after } })
            }
            (None, None, Some(dns)) => Ok(Members::Dns(dns, shards)),
            (None, None, None) => Err("expected one of `members`, `file` and `dns`, got none".into()),
            _ => Err("expected one of `members`, `file` and `dns`, got several".into()),
        }
    }
}

impl Resource for Ring {
    const NAME: &'static str = "ring";
    type Opened = OpenRing;

    async fn open(self, context: &Context) -> Result<Arc<OpenRing>> {
        match self.members {
            Members::Fixed(layout) => {
                telemetry::Telemetry::new(context).follows(&layout);
                Ok(Arc::new(OpenRing::fixed(layout)))
            }
            Members::Dns(dns, shards) => dns.open(self.shape, shards, context).await,
            Members::File { path, pace } => watch::Watch::open(path, self.shape, pace, context).await,
        }
    }
}

// === impl OpenRing ===

impl OpenRing {
    /// A ring that stays as it is.
    pub fn fixed(layout: impl Into<Arc<Layout>>) -> Self {
        let layout = tokio::sync::watch::Sender::new(layout.into());
        Self { layout, learned: None, others: Mutex::default() }
    }

    /// A ring of which nobody tells how it was before. Others may go by what it was for `linger` longer.
    pub fn learned(layout: impl Into<Arc<Layout>>, linger: Duration) -> Self {
        let others = Mutex::new(Others { linger, ..Others::default() });
        Self { learned: Some(Instant::now() + linger), others, ..Self::fixed(layout) }
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

    /// Whether there may have been members less than `span` ago of whom nobody tells.
    pub fn is_new(&self, span: Duration) -> bool {
        self.learned.is_some_and(|since| since.elapsed() < span)
    }

    /// Why others may write by a layout that is not known here, if that is so.
    pub fn doubt(&self) -> Option<String> {
        self.others().doubt.clone()
    }

    /// Says why others may write by another layout, or that they don't.
    pub(crate) fn doubt_it(&self, why: Option<String>) {
        self.others().doubt = why;
    }

    /// Says which layout may come, in place of the one that was said before. That one is remembered as if it had been there:
    /// others may have followed it.
    pub(crate) fn expect(&self, layout: Option<Arc<Layout>>) {
        let mut others = self.others();
        for before in std::mem::take(&mut others.coming) {
            if !layout.as_ref().is_some_and(|layout| Arc::ptr_eq(layout, &before)) {
                others.past.retain(|(_, past)| past.members() != before.members());
                others.keep(before);
            }
        }
        others.coming.extend(layout);
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
        others.keep(before);
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Others ===

impl Others {
    /// Remembers a layout that is no more.
    fn keep(&mut self, before: Arc<Layout>) {
        let span = self.span;
        self.past.push((Instant::now() + self.linger, before));
        self.past.retain(|(until, _)| until.elapsed() < span);
    }
}

#[cfg(test)]
mod tests;
