//! What a store has of each tenant, and how all that one has goes.
//!
//! A tenant goes in an order in which nothing of it can come back: nothing new is taken of it, what is under way ends, a cut
//! leaves its samples out, after which no segment of the log has any, then its blocks go from the disk and from the catalog.
//! Whoever stops in between leaves a part of the tenant, and may begin again.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use futures_util::{StreamExt, TryStreamExt, stream};
use weir_pipeline::query::{BlocksUsage, TenantUsage};
use weir_pipeline::{Error, Kind, Result, Tenant};

use super::append::RETRY;
use super::{Store, Uploaded, cut, lock};

/// So many cuts are made until no segment of the log is left that was there: one is enough where nobody writes.
const CUTS: usize = 5;

/// Of so many tenants the catalog is asked at a time.
const AT_ONCE: usize = 16;

/// A tenant of which nothing is taken, as long as this lives.
struct Leaving<'a> {
    store: &'a Store,
    tenant: &'a Tenant,
}

// === impl Store ===

impl Store {
    /// What there is of each tenant, or of one, sorted by their names. Those of which there is nothing are left out.
    ///
    /// # Errors
    /// The bucket fails.
    pub async fn usage(&self, only: Option<&Tenant>) -> Result<Vec<TenantUsage>> {
        let names: BTreeSet<Tenant> = match (only, &self.0.depot) {
            (Some(tenant), _) => BTreeSet::from([tenant.clone()]),
            (None, None) => self.tenants().await.into_iter().collect(),
            (None, Some(depot)) => self.tenants().await.into_iter().chain(depot.tenants().await?).collect(),
        };
        let found = stream::iter(names.into_iter().map(|tenant| self.usage_of(tenant))).buffered(AT_ONCE);
        let found: Vec<TenantUsage> = found.try_collect().await?;
        Ok(found.into_iter().filter(|usage| !usage.is_empty()).collect())
    }

    /// Deletes all that there is of a tenant: head, log, disk, and the catalog's blocks, whichever store wrote them. When this
    /// returns nobody reads any of it again, and no start brings it back. The files of blocks in the bucket go with the next
    /// sweep. Says what there was.
    ///
    /// Other stores that have samples of the tenant in their own heads keep them: each is to be told. What comes after is a new
    /// beginning.
    ///
    /// Cancel safety: what is left of the tenant stays readable, and goes when this is called again.
    ///
    /// # Errors
    /// The bucket or the disk fails; some of it may be gone. `Unprocessable` where it is being deleted already.
    pub async fn delete(&self, tenant: &Tenant) -> Result<TenantUsage> {
        let leaving = Leaving::begin(self, tenant)?;
        // Whoever was let in before has written when all permits are here.
        let all = self.in_flight_kib().min(1 << 28);
        drop(self.0.in_flight.acquire_many(all).await.map_err(|_| Error::closed())?);
        let usage = self.usage_of(tenant.clone()).await?;
        // No upload and no merge from here on.
        let mut moving = self.0.moving.lock().await;
        if let Some(depot) = &self.0.depot {
            self.finish(depot, &mut moving, &mut Uploaded::default()).await?;
        }
        // Before the cut, which writes down what is known beside samples.
        self.0.metrics.forget(tenant);
        self.0.exemplars.forget(tenant);
        self.cut_log().await?;
        let blocks = self.0.view.read().unwrap_or_else(PoisonError::into_inner).of(tenant);
        self.drop_local(tenant, &blocks).await?;
        // What was answered before is wrong from here on, also where the rest fails.
        self.0.changes.note(tenant, i64::MIN);
        if let Some(depot) = &self.0.depot {
            depot.delete(tenant).await?;
        }
        self.0.changes.note(tenant, i64::MIN);
        drop(leaving);
        if !usage.is_empty() {
            tracing::warn!(%tenant, ?usage, "deleted a tenant");
        }
        Ok(usage)
    }

    /// Whether nothing of a tenant is to be taken, nor written.
    ///
    /// # Errors
    /// `Unavailable` where it is so.
    pub(super) fn check_stays(&self, tenant: &Tenant) -> Result<()> {
        if !self.is_leaving(tenant) {
            return Ok(());
        }
        let kind = Kind::Unavailable { retry_after: Some(RETRY) };
        Err(Error::new(kind, format!("tenant `{tenant}` is being deleted")).of_tenant())
    }

    pub(super) fn is_leaving(&self, tenant: &Tenant) -> bool {
        lock(&self.0.leaving).contains(tenant)
    }

    /// Cuts until the log has nothing of what it has now.
    async fn cut_log(&self) -> Result<()> {
        let present = self.0.log.present();
        for _ in 0..CUTS {
            self.cut().await?;
            if present.is_gone() {
                return Ok(());
            }
        }
        Err(Error::unavailable("the log still has what it had: somebody holds its segments for long"))
    }

    async fn usage_of(&self, tenant: Tenant) -> Result<TenantUsage> {
        let (store, name) = (self.clone(), tenant.clone());
        let head = tokio::task::spawn_blocking(move || store.0.head.tenant_usage(&name));
        let (head_series, head_samples) = head.await.map_err(cut::lost)?;
        let mut local = BlocksUsage::default();
        let blocks = self.0.view.read().unwrap_or_else(PoisonError::into_inner).of(&tenant);
        blocks.iter().for_each(|block| local.add(block.samples(), block.bytes()));
        let bucket = match &self.0.depot {
            Some(depot) => Some(depot.usage(&tenant).await?),
            None => None,
        };
        Ok(TenantUsage { tenant, head_series, head_samples, local, bucket })
    }
}

// === impl Leaving ===

impl<'a> Leaving<'a> {
    fn begin(store: &'a Store, tenant: &'a Tenant) -> Result<Self> {
        if !lock(&store.0.leaving).insert(tenant.clone()) {
            return Err(Error::unprocessable(format!("tenant `{tenant}` is being deleted already")));
        }
        Ok(Self { store, tenant })
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        lock(&self.store.0.leaving).remove(self.tenant);
    }
}
