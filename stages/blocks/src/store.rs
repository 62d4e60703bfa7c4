//! `store`: log, head and blocks as one.
//!
//! ```yaml
//! store: { path: ./data/central, bucket: local }
//! ```
//!
//! All settings: `store: { path: ./data/central, bucket: local, limits: tenants, head: { memory: 256MiB, in_flight: 32MiB,
//! cut_after: 5m, max_future: 10m, max_past: 30d, max_tenants: 1000, max_metrics: 100000, max_exemplars: 100000 },
//! log: { segment: 64MiB }, upload: { after: 2h, size: 32MiB, one_copy: true, take_over: 10m } }`.
//!
//! Shape: a batch goes to the log, then to the head, and is acknowledged once the log is synced: readers see a sample
//! no later than its sender hears of it. Every few minutes, or when memory runs short, the head is cut: what it had
//! becomes blocks on disk, with its exemplars and what is said of its metrics, and the log's segments that held it go; a
//! while later those of a day become one block of the bucket, which its catalog names, and go from the disk.
//! Of stores that have the same samples one uploads them; the others compare, upload what it has missed, and let go what is there.
//! A query sees head, disk and bucket as one; in the instant of a cut samples change sides under one lock, and the bucket
//! is read last, so that none is seen twice or missed.
//!
//! Errors: `Unavailable` where memory or disk is full; the sender repeats. Samples too far in the future or in the past, of
//! labels too long, or of a series whose id another series has, are rejected with their reason and the rest is written.
//!
//! Of two values of a series at one time the greater stays, so that all replicas come to the same. Where the head has the
//! greater one at hand, the other is rejected as `duplicate_timestamp`: one of those that it had last. Elsewhere, among
//! blocks for instance, it is written, and loses when they are read.
//!
//! With `limits: tenants` each tenant has its own `head_bytes`, `retention` and `max_past` from the resource
//! [`limits`](weir_stages::limits). A tenant whose head is full is `Overloaded`; samples older than its `retention` are rejected as
//! `beyond_retention`, those older than `max_past` as `too_old`. Blocks that have nothing younger than the `retention` go within ten
//! minutes, from the disk and from the bucket.
//!
//! A bucket that fails costs disk: blocks wait there, and are uploaded when it is back. Queries go on without it, and say that
//! they are partial.
//!
//! A start replays the log into the head, under the same budget. What a crash left both in the log and in blocks is
//! merged away when it is read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use weir_pipeline::{Cardinality, Changes, Clock, Matcher, Result, Since, Tenant};

use crate::depot::Depot;
use crate::head::{Head, Snapshot};
use crate::log::{Hold, Log};
use crate::seam::Held;

mod append;
mod bounds;
pub mod changes;
mod compare;
mod cut;
mod exemplars;
mod extras;
mod identity;
mod known;
mod measure;
mod metrics;
mod open;
mod selection;
mod settings;
pub mod shelf;
mod sweep;
mod tenants;
mod tidy;
mod turns;
mod upload;
mod view;

pub use bounds::Expired;
pub(crate) use cut::lost;
pub use selection::{Run, Selection};
pub use settings::{Budget, Declaration, LogSettings, UploadSettings};
pub use upload::Uploaded;

use bounds::TenantLimits;
use changes::ChangeLog;
use exemplars::Exemplars;
use identity::Identity;
use known::Notes;
use measure::Measures;
use metrics::KnownMetrics;
use shelf::Shelf;
use upload::Unfinished;
use view::View;

/// A store that is open. A clone is the same store.
#[derive(Clone)]
pub struct Store(Arc<State>);

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Series in the head.
    pub series: u64,
    /// Samples in the head.
    pub samples: u64,
    /// What the head takes in memory, in bytes.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Samples in blocks.
    pub block_samples: u64,
    /// Log segments.
    pub segments: u64,
    /// What the log takes on disk, in bytes.
    pub log_bytes: u64,
}

struct State {
    settings: Declaration,
    /// What tenants may have, each its own.
    limits: TenantLimits,
    clock: Clock,
    head: Head,
    log: Log,
    identity: Identity,
    /// The blocks on this machine's disk.
    shelf: Arc<dyn Shelf>,
    /// Where they go, and those that are there; `None` where they stay.
    depot: Option<Arc<Depot>>,
    /// Held by a query while it looks at the head, and by a cut while its samples change sides.
    view: RwLock<View>,
    /// The tenants that are being deleted.
    leaving: Mutex<HashSet<Tenant>>,
    /// What is on its way to the head, in KiB.
    in_flight: Arc<Semaphore>,
    /// Which segments the samples of each epoch are in.
    holds: Mutex<BTreeMap<u32, BTreeMap<u64, Hold>>>,
    /// One cut at a time. The epoch is frozen, and not in blocks yet.
    cutting: tokio::sync::Mutex<Option<u32>>,
    /// One upload at a time, and no merges meanwhile. The upload that may be committed already.
    moving: tokio::sync::Mutex<Option<Unfinished>>,
    /// Since when uploads of tenants wait for those of another store.
    waiting: Mutex<HashMap<Tenant, Instant>>,
    /// Memory runs short.
    pressed: Arc<Notify>,
    measures: Measures,
    /// What senders said of metrics.
    metrics: KnownMetrics,
    exemplars: Exemplars,
    /// Where both are on disk.
    notes: Notes,
    /// What changed of the tenants that somebody queries.
    changes: ChangeLog,
    /// The lock on the directory; released on close.
    held: Mutex<Option<Box<dyn Held>>>,
}

// === impl Store ===

impl Store {
    /// The series that satisfy all matchers and have samples within `start..=end`: a snapshot of this moment. What
    /// can't be read of disk and bucket is missing, and told by [`Selection::missing`].
    ///
    /// # Errors
    /// The store is closed.
    pub async fn select(&self, tenant: &Tenant, matchers: &[Matcher], start: i64, end: i64) -> Result<Selection> {
        // The bucket comes last: what left the disk meanwhile is there.
        let (head, blocks) = self.look(tenant, matchers, start, end).await?;
        let mut blocks = blocks.to_vec();
        let missing = match &self.0.depot {
            Some(depot) => {
                let found = depot.look(tenant, start, end).await;
                blocks.extend(found.blocks);
                found.missing
            }
            None => Vec::new(),
        };
        Ok(Selection::lenient(vec![head], &blocks, matchers, start, end).await?.without(missing))
    }

    /// As [`select`](Self::select), without what is in the bucket.
    ///
    /// # Errors
    /// The store is closed.
    pub async fn select_recent(
        &self,
        tenant: &Tenant,
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Result<Selection> {
        let (head, blocks) = self.look(tenant, matchers, start, end).await?;
        Selection::lenient(vec![head], &blocks, matchers, start, end).await
    }

    /// The identity of the bucket that it uploads to; `None` where it has none, or does not know it yet.
    pub async fn bucket_identity(&self) -> Option<Arc<str>> {
        match &self.0.depot {
            Some(depot) => depot.identity().await,
            None => None,
        }
    }

    /// Since when it has everything that it acknowledged: since it came, or since its log was last found to have lost
    /// something.
    pub fn since(&self) -> Since {
        let began = self.0.identity.began();
        // A sample may be as much in the future of when it was acknowledged.
        Since { began, from: began.saturating_add(self.0.settings.head.max_future.as_millis()).saturating_add(1) }
    }

    /// What the head has, and the blocks on disk, at one moment.
    async fn look(
        &self,
        tenant: &Tenant,
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Result<(Vec<Snapshot>, view::Blocks)> {
        let (store, name, conditions) = (self.clone(), tenant.clone(), matchers.to_vec());
        let is_quick = self.0.head.is_quick(tenant, matchers);
        let look = move || {
            let view = store.0.view.read().unwrap_or_else(PoisonError::into_inner);
            (store.0.head.select(&name, &conditions, start, end), view.of(&name))
        };
        // Another thread takes longer to come than a few series to be found.
        if is_quick { Ok(look()) } else { tokio::task::spawn_blocking(look).await.map_err(cut::lost) }
    }

    /// The tenants that have series or blocks, sorted.
    pub async fn tenants(&self) -> Vec<Tenant> {
        let mut names = self.0.head.tenant_names();
        names.extend(self.0.view.read().unwrap_or_else(PoisonError::into_inner).tenants());
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What the recent series of a tenant are made of, those of the head: the `limit` largest of each kind.
    ///
    /// # Errors
    /// The program is at its end.
    pub async fn cardinality(&self, tenant: &Tenant, limit: usize) -> Result<Cardinality> {
        let (store, tenant) = (self.clone(), tenant.clone());
        tokio::task::spawn_blocking(move || store.0.head.cardinality(&tenant, limit)).await.map_err(cut::lost)
    }

    /// What has changed of a tenant's samples since the answer of this number, here and by others in the bucket; `None` where
    /// the bucket does not say. What is selected after this has all changes up to the answer.
    pub async fn changes(&self, tenant: &Tenant, since: Option<u64>) -> Option<Changes> {
        let catalog = match &self.0.depot {
            Some(depot) => Some(depot.snapshot(tenant).await?),
            None => None,
        };
        Some(self.0.changes.of(tenant, since, catalog, &self.0.identity.writer))
    }

    /// What the store holds.
    pub fn stats(&self) -> Stats {
        let usage = self.0.head.usage();
        let (segments, log_bytes) = self.0.log.size();
        let view = self.0.view.read().unwrap_or_else(PoisonError::into_inner);
        Stats {
            series: usage.series,
            samples: usage.samples,
            bytes: usage.bytes(),
            blocks: view.all().count() as u64,
            block_samples: view.all().map(|block| block.samples()).sum(),
            segments: segments as u64,
            log_bytes,
        }
    }

    /// Takes nothing new, waits until what was taken is durable, and lets the directory go.
    ///
    /// # Errors
    /// The log could not be closed.
    pub async fn close(&self) -> Result<()> {
        self.0.in_flight.close();
        let closed = self.0.log.close().await;
        let known = self.write_known().await;
        drop(lock(&self.0.held).take());
        closed.and(known)
    }
}

/// The data of a mutex, also where a holder panicked: none of these hold half-made states.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
