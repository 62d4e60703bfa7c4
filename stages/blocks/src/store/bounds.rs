//! What a store keeps of each tenant, as far as limits say so.
//!
//! Limits are asked for with each batch, so that a change of them counts at once. A tenant with more in the head than it may
//! have is told to come back after the next cut; samples that are too old are refused one by one. What has become too old is
//! dropped from time to time, block by block: of the disk, and of the bucket, where any store that may drop it does.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use weir_pipeline::{Batch, Context, Error, Kind, Result, Tenant};
use weir_stages::limits::{Bounds, OpenLimits};

use super::append::RETRY;
use super::{Declaration, Store};

/// How often blocks are looked at for what has become too old.
const EVERY: Duration = Duration::from_secs(600);

/// What was dropped because its tenant keeps nothing as old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Blocks of the store's disk.
    pub local: u64,
    /// Blocks of the bucket.
    pub bucket: u64,
    /// Samples of both.
    pub samples: u64,
}

/// The limits of tenants.
#[derive(Default)]
pub(super) struct TenantLimits(Option<Named>);

struct Named {
    limits: Arc<OpenLimits>,
    pipeline: Arc<str>,
}

/// From when to when samples of a tenant may be, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// What is earlier is too old to come.
    pub(super) earliest: i64,
    /// What is earlier is older than its tenant keeps anything.
    pub(super) kept: i64,
    /// What is later is too far in the future.
    pub(super) latest: i64,
}

// === impl TenantLimits ===

impl TenantLimits {
    /// Those that the declaration names.
    ///
    /// # Errors
    /// There are none of this name.
    pub(super) fn new(settings: &Declaration, context: &Context) -> Result<Self> {
        let Some(name) = &settings.limits else { return Ok(Self::default()) };
        Ok(Self(Some(Named { limits: context.resource(name.name())?, pipeline: context.pipeline.clone() })))
    }

    fn of(&self, tenant: &Tenant) -> Option<Arc<Bounds>> {
        self.0.as_ref().map(|named| named.limits.of(tenant))
    }

    /// Counts that a tenant came up against a limit.
    pub(super) fn hit(&self, tenant: &Tenant, limit: &'static str) {
        if let Some(named) = &self.0 {
            named.limits.hit(&named.pipeline, tenant, limit);
        }
    }
}

// === impl Store ===

impl Store {
    /// When samples of a tenant may be.
    pub(super) fn times(&self, tenant: &Tenant) -> Times {
        let (now, head) = (self.0.clock.now(), &self.0.settings.head);
        let bounds = self.0.limits.of(tenant);
        let max_past = bounds.as_ref().and_then(|bounds| bounds.max_past()).unwrap_or(head.max_past.as_millis());
        let retention = bounds.and_then(|bounds| bounds.retention());
        Times {
            earliest: now.saturating_sub(max_past).max(0),
            kept: retention.map_or(i64::MIN, |retention| now.saturating_sub(retention)),
            latest: now.saturating_add(head.max_future.as_millis()),
        }
    }

    /// Whether a tenant may have a batch more in the head.
    ///
    /// # Errors
    /// `Overloaded` where it may not: a cut will make room.
    pub(super) fn check_head(&self, batch: &Batch) -> Result<()> {
        let tenant = batch.tenant();
        let Some(most) = self.0.limits.of(tenant).and_then(|bounds| bounds.head_bytes()) else { return Ok(()) };
        let (series, chunks) = self.0.head.tenant_bytes(tenant);
        let used = series.saturating_add(chunks);
        if chunks > most.saturating_sub(series) / 2 {
            // As where memory runs short: the other half is for what comes until samples are in blocks.
            self.0.pressed.notify_one();
        }
        if used.saturating_add(batch.byte_size() as u64) <= most {
            return Ok(());
        }
        self.0.limits.hit(tenant, "head_bytes");
        self.0.measures.refused(batch.sample_count() as u64);
        let message = format!("tenant `{tenant}` has {used} of {most} bytes in the head, which is its `head_bytes`");
        Err(Error::new(Kind::Overloaded { retry_after: Some(RETRY) }, message))
    }

    /// Drops the blocks whose samples are all older than their tenants keep any.
    ///
    /// Cancel safety: what is not dropped is dropped the next time.
    ///
    /// # Errors
    /// The bucket or the disk fails; some of it may be gone.
    pub async fn expire(&self) -> Result<Expired> {
        let mut expired = Expired::default();
        if self.0.limits.0.is_none() {
            return Ok(expired);
        }
        let mut tenants: Vec<Tenant> = self.0.view.read().unwrap_or_else(PoisonError::into_inner).tenants().collect();
        if let Some(depot) = &self.0.depot {
            tenants.extend(depot.tenants().await?);
        }
        tenants.sort_unstable();
        tenants.dedup();
        for tenant in tenants {
            let kept = self.times(&tenant).kept;
            if kept > i64::MIN {
                self.expire_local(&tenant, kept, &mut expired).await?;
                self.expire_shared(&tenant, kept, &mut expired).await?;
            }
        }
        self.0.measures.expired(&expired);
        Ok(expired)
    }

    async fn expire_local(&self, tenant: &Tenant, kept: i64, expired: &mut Expired) -> Result<()> {
        // No merge meanwhile; where an upload may be committed already, what it took is left to it.
        let moving = self.0.moving.lock().await;
        let _one = self.0.cutting.lock().await;
        if moving.is_some() {
            return Ok(());
        }
        let blocks = self.0.view.read().unwrap_or_else(PoisonError::into_inner).of(tenant);
        let old: Vec<_> = blocks.iter().filter(|block| block.max_ts() < kept).cloned().collect();
        let Some(first) = old.iter().map(|block| block.min_ts()).min() else { return Ok(()) };
        expired.local += old.len() as u64;
        expired.samples += old.iter().map(|block| block.samples()).sum::<u64>();
        self.drop_local(tenant, &old).await?;
        self.0.changes.note(tenant, first);
        Ok(())
    }

    async fn expire_shared(&self, tenant: &Tenant, kept: i64, expired: &mut Expired) -> Result<()> {
        let Some(depot) = &self.0.depot else { return Ok(()) };
        let old = depot.expire(tenant, kept).await?;
        let Some(first) = old.iter().map(|entry| entry.min_ts).min() else { return Ok(()) };
        expired.bucket += old.len() as u64;
        expired.samples += old.iter().map(|entry| entry.samples).sum::<u64>();
        self.0.changes.note(tenant, first);
        Ok(())
    }
}

/// Drops what has become too old, now and then, until the store is gone or closed.
pub(super) fn run(store: &Store) -> impl Future<Output = ()> + Send + use<> {
    let store = Arc::downgrade(&store.0);
    async move {
        loop {
            sleep(EVERY).await;
            let Some(store) = store.upgrade().map(Store).filter(|store| !store.0.in_flight.is_closed()) else { return };
            match store.expire().await {
                Ok(Expired { local: 0, bucket: 0, .. }) => {}
                Ok(expired) => tracing::info!(?expired, "dropped blocks that are older than their tenants keep any"),
                Err(error) => tracing::warn!(error = error.report(), "blocks that are too old stay for now"),
            }
        }
    }
}
