//! What a bucket has of each tenant, and how that goes.

use std::sync::Arc;

use weir_pipeline::query::BlocksUsage;
use weir_pipeline::{Error, Kind, Result, Tenant};

use super::{Depot, OWN};
use crate::catalog::{BlockId, Catalog, Change, Entry, Resolution};

/// So often it is tried to remove all blocks of a tenant while others add and replace some.
const ATTEMPTS: usize = 20;

// === impl Depot ===

impl Depot {
    /// The tenants that have a directory, in no order: one listing.
    ///
    /// # Errors
    /// The bucket fails.
    pub(crate) async fn tenants(&self) -> Result<Vec<Tenant>> {
        let names = self.objects.directories(None).await?;
        // Others are somebody else's.
        Ok(names.iter().filter(|name| *name != OWN).filter_map(|name| Tenant::new(name).ok()).collect())
    }

    /// What the catalog has of a tenant.
    ///
    /// # Errors
    /// The bucket fails.
    pub(crate) async fn usage(&self, tenant: &Tenant) -> Result<BlocksUsage> {
        let mut usage = BlocksUsage::default();
        for entry in self.catalog.snapshot(tenant, Resolution::Raw).await?.entries() {
            usage.add(entry.samples, entry.samples_bytes.saturating_add(entry.series_bytes));
        }
        Ok(usage)
    }

    /// Removes the blocks of a tenant whose samples are all before a time, and says which: nobody reads them from then on, and a
    /// sweep removes their files. Where somebody else changes them meanwhile it is left to the next time.
    ///
    /// # Errors
    /// The bucket fails.
    pub(crate) async fn expire(&self, tenant: &Tenant, before: i64) -> Result<Vec<Arc<Entry>>> {
        let snapshot = self.catalog.snapshot(tenant, Resolution::Raw).await?;
        let old: Vec<Arc<Entry>> = snapshot.entries().filter(|entry| entry.max_ts < before).cloned().collect();
        if old.is_empty() {
            return Ok(old);
        }
        let remove = old.iter().map(|entry| entry.block).collect();
        let change = Change { remove, data_change: true, ..Change::default() };
        match self.catalog.commit(tenant, Resolution::Raw, change).await {
            Err(error) if error.kind() == Kind::Unprocessable => Ok(Vec::new()),
            done => done.map(|_| old),
        }
    }

    /// Removes all blocks of a tenant from the catalog: nobody reads them from then on, and a sweep removes their files.
    ///
    /// # Errors
    /// The bucket fails, or others go on to add blocks of the tenant.
    pub(crate) async fn delete(&self, tenant: &Tenant) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let snapshot = self.catalog.snapshot(tenant, Resolution::Raw).await?;
            let remove: Vec<BlockId> = snapshot.entries().map(|entry| entry.block).collect();
            if remove.is_empty() {
                self.shelf.forget(tenant, |_| false);
                return Ok(());
            }
            let change = Change { remove, data_change: true, ..Change::default() };
            match self.catalog.commit(tenant, Resolution::Raw, change).await {
                // Somebody else has replaced one of them.
                Err(error) if error.kind() == Kind::Unprocessable => {}
                done => _ = done?,
            }
        }
        Err(Error::unavailable(format!("others go on to add blocks of tenant `{tenant}` to the bucket")))
    }
}
