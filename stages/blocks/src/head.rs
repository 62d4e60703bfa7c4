//! The head: recent samples, compressed, in memory, under a byte budget.
//!
//! Shape: per tenant, shards of series and one index of their labels. A series outlives cuts; its samples belong to an
//! *epoch*. A cut freezes the running epoch by beginning the next one, which takes no time, collects the frozen chunks,
//! writes them as blocks, and then hides them from readers in the instant in which it shows the blocks.
//!
//! Samples may come in any order: those that rise go to the series' open chunk, late ones to a buffer that becomes a
//! chunk of its own. Native histograms likewise, in chunks apart from floats. Since when floats count is kept where it is known,
//! as what changes of it. Readers merge.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use weir_pipeline::{Batch, Cardinality, Labels, Matcher, SeriesId, Tenant};

use crate::chunk::Chunk;
use crate::{order, starts};

mod aside;
mod index;
mod series;
mod shard;
mod tenant;

use shard::Found;
use tenant::TenantHead;

/// What an empty tenant takes, in bytes.
const TENANT_BYTES: u64 = 4096;

/// Recent samples of all tenants. A clone is the same head.
#[derive(Clone, Default)]
pub struct Head(Arc<State>);

#[derive(Default)]
struct State {
    tenants: RwLock<HashMap<Tenant, TenantHead>>,
    shared: Shared,
}

/// What the tenants' heads count together.
#[derive(Default)]
struct Shared {
    epoch: AtomicU32,
    /// The number of the last series created: unique while the process lives.
    numbers: AtomicU64,
    series: AtomicU64,
    created: AtomicU64,
    removed: AtomicU64,
    samples: AtomicU64,
    conflicts: AtomicU64,
    series_bytes: AtomicU64,
    chunk_bytes: AtomicU64,
}

/// What the head holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Series, also those without a sample at the moment.
    pub series: u64,
    /// Series created since the start.
    pub created: u64,
    /// Series removed since the start.
    pub removed: u64,
    /// Samples that are in no block yet.
    pub samples: u64,
    /// Values that lost a conflict since the start, as far as it was seen here: others are where chunks are merged.
    pub conflicts: u64,
    /// Labels, index and the like, in bytes.
    pub series_bytes: u64,
    /// Samples and what holds them, in bytes.
    pub chunk_bytes: u64,
}

/// The places of a batch's series in the head.
pub struct Places {
    /// Parallel to the batch's series: the series found, `None` for a collision.
    found: Vec<Option<Found>>,
    /// The series of the batch, shard by shard.
    order: Vec<u32>,
}

/// Samples of a batch that lost against others of their times, which the head has, and which stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// How many.
    pub count: u64,
    /// One of them: the place of its series in the batch, and its timestamp.
    pub one: Option<(usize, i64)>,
}

/// What of a batch lost. Others may lose later, where chunks and blocks are merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Floats.
    pub floats: Lost,
    /// Native histograms.
    pub histograms: Lost,
}

/// Samples of one series, as of one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The series' id.
    pub id: SeriesId,
    /// Its labels, canonical.
    pub labels: Arc<[u8]>,
    /// Its chunks, which may overlap.
    pub pieces: Vec<Arc<Piece>>,
}

/// A finished chunk and the epoch that it belongs to.
#[derive(Debug)]
pub struct Piece {
    epoch: u32,
    chunk: Chunk,
}

// === impl Head ===

impl Head {
    /// Finds the series of a batch, and creates those that are new: without samples, and invisible until they have some.
    pub fn resolve(&self, batch: &Batch) -> Places {
        self.with_tenant(batch.tenant(), |tenant, shared| {
            let ids = batch.iter().map(|series| series.id);
            let order = shard::order(ids);
            let mut found = vec![None; batch.series_count()];
            tenant.each_shard(&order, batch, |locked, i| {
                let series = batch.series(i);
                if let Some(place) = found.get_mut(i) {
                    *place = locked.find_or_create(series.id, series.labels, shared).ok();
                }
            });
            Places { found, order }
        })
    }

    /// Adds a batch's samples to the series that were found, and says which lost against what is there.
    pub fn insert(&self, batch: &Batch, places: &Places) -> Losses {
        self.with_tenant(batch.tenant(), |tenant, shared| {
            let (mut change, mut losses) = (series::Change::default(), Losses::default());
            tenant.each_shard(&places.order, batch, |locked, i| {
                let Some(Some(place)) = places.found.get(i) else { return };
                let series = batch.series(i);
                // Under the shard's lock, so that a frozen epoch gets nothing more once the cut has been here.
                let epoch = shared.epoch.load(SeqCst);
                let known = locked.shard.get_mut(*place).is_some();
                let place = match known {
                    true => Ok(*place),
                    // It was removed in between: a series without samples.
                    false => locked.find_or_create(series.id, series.labels, shared),
                };
                let Some(entry) = place.ok().and_then(|place| locked.shard.get_mut(place)) else { return };
                for ((&ts, &value), start) in
                    series.timestamps.iter().zip(series.values).zip(starts::each(series.start_timestamps))
                {
                    if entry.push(ts, (value, start), epoch, &mut change) {
                        losses.floats.add(i, ts);
                    }
                }
                for point in series.histograms {
                    if entry.push_histogram(point, epoch, &mut change) {
                        losses.histograms.add(i, point.timestamp);
                    }
                }
            });
            tenant.apply(&change, shared);
            losses
        })
    }

    /// The tenants that have series here, sorted.
    pub fn tenant_names(&self) -> Vec<Tenant> {
        let mut names: Vec<_> = self.tenants().keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Whether the tenant is among those of the head, or fewer than `most` are.
    pub fn has_room_for(&self, tenant: &Tenant, most: usize) -> bool {
        let tenants = self.tenants();
        tenants.len() < most || tenants.contains_key(tenant)
    }

    /// The series that satisfy all matchers and have samples within `start..=end`, in no order.
    pub fn select(&self, tenant: &Tenant, matchers: &[Matcher], start: i64, end: i64) -> Vec<Snapshot> {
        match self.tenants().get(tenant) {
            Some(tenant) => tenant.select(matchers, start, end),
            None => Vec::new(),
        }
    }

    /// Whether [`select`](Self::select) takes well below a millisecond.
    pub fn is_quick(&self, tenant: &Tenant, matchers: &[Matcher]) -> bool {
        self.tenants().get(tenant).is_none_or(|tenant| tenant.is_quick(matchers))
    }

    /// What the series of a tenant are made of, the `limit` largest of each kind.
    pub fn cardinality(&self, tenant: &Tenant, limit: usize) -> Cardinality {
        self.tenants().get(tenant).map(|tenant| tenant.cardinality(limit)).unwrap_or_default()
    }

    /// How many series of a tenant there are, and how many samples they have.
    pub fn tenant_usage(&self, tenant: &Tenant) -> (u64, u64) {
        self.tenants().get(tenant).map(TenantHead::usage).unwrap_or_default()
    }

    /// What the series of a tenant and their samples take, in bytes.
    pub fn tenant_bytes(&self, tenant: &Tenant) -> (u64, u64) {
        self.tenants().get(tenant).map(TenantHead::bytes).unwrap_or_default()
    }

    /// Begins the next epoch, and returns the one that is now frozen.
    pub fn freeze(&self) -> u32 {
        self.0.shared.epoch.fetch_add(1, SeqCst)
    }

    /// The epoch that takes samples.
    pub fn epoch(&self) -> u32 {
        self.0.shared.epoch.load(SeqCst)
    }

    /// All samples of a tenant of epochs up to `epoch` that are not hidden, in block order.
    pub fn frozen(&self, tenant: &Tenant, epoch: u32) -> Vec<Snapshot> {
        let mut found = match self.tenants().get(tenant) {
            Some(tenant) => tenant.frozen(epoch, &self.0.shared),
            None => Vec::new(),
        };
        order::sort(&mut found, |series| Labels::from_canonical(&series.labels));
        found
    }

    /// Hides a tenant's samples of epochs up to `epoch` from readers.
    pub fn hide(&self, tenant: &Tenant, epoch: u32) {
        if let Some(tenant) = self.tenants().get(tenant) {
            tenant.hide(epoch);
        }
    }

    /// Frees what is hidden, and series that had no sample for a whole epoch.
    pub fn release(&self) {
        for tenant in self.tenants().values() {
            tenant.release(&self.0.shared);
        }
        let mut tenants = self.0.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let before = tenants.len();
        tenants.retain(|_, tenant| !tenant.is_empty());
        let gone = (before - tenants.len()) as u64;
        self.0.shared.series_bytes.fetch_sub(gone * TENANT_BYTES, Relaxed);
    }

    /// What the head holds now.
    pub fn usage(&self) -> Usage {
        let shared = &self.0.shared;
        Usage {
            series: shared.series.load(Relaxed),
            created: shared.created.load(Relaxed),
            removed: shared.removed.load(Relaxed),
            samples: shared.samples.load(Relaxed),
            conflicts: shared.conflicts.load(Relaxed),
            series_bytes: shared.series_bytes.load(Relaxed),
            chunk_bytes: shared.chunk_bytes.load(Relaxed),
        }
    }

    fn tenants(&self) -> RwLockReadGuard<'_, HashMap<Tenant, TenantHead>> {
        self.0.tenants.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` on a tenant's head, created where needed. It is not removed meanwhile.
    fn with_tenant<T>(&self, name: &Tenant, f: impl FnOnce(&TenantHead, &Shared) -> T) -> T {
        loop {
            if let Some(tenant) = self.tenants().get(name) {
                return f(tenant, &self.0.shared);
            }
            let mut tenants = self.0.tenants.write().unwrap_or_else(PoisonError::into_inner);
            tenants.entry(name.clone()).or_insert_with(|| {
                self.0.shared.series_bytes.fetch_add(TENANT_BYTES, Relaxed);
                TenantHead::default()
            });
        }
    }
}

// === impl Usage ===

impl Usage {
    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.series_bytes.saturating_add(self.chunk_bytes)
    }
}

// === impl Places ===

impl Places {
    /// The numbers of the series, `None` for a collision.
    pub fn numbers(&self) -> impl Iterator<Item = Option<u64>> + '_ {
        self.found.iter().map(|found| found.map(|place| place.number))
    }

    /// Which series of the batch have an id that another series has already.
    pub fn collisions(&self) -> impl Iterator<Item = usize> + '_ {
        self.found.iter().enumerate().filter(|(_, found)| found.is_none()).map(|(i, _)| i)
    }
}

// === impl Lost ===

impl Lost {
    fn add(&mut self, series: usize, ts: i64) {
        self.count += 1;
        self.one.get_or_insert((series, ts));
    }
}

// === impl Piece ===

impl Piece {
    /// A chunk that is of no epoch: it came from elsewhere.
    pub(crate) fn of(chunk: Chunk) -> Self {
        Self { epoch: 0, chunk }
    }

    /// The samples.
    pub fn chunk(&self) -> &Chunk {
        &self.chunk
    }
}

#[cfg(test)]
mod tests;
