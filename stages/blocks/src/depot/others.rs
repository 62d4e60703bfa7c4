//! Of stores that upload the same samples one does, and the others see what it has uploaded.
//!
//! A store says that it uploads blocks of a tenant by an object in the bucket, which one of all who come at once makes, and
//! which it removes when it is done. Others wait, and find those blocks in the catalog then. It saves work and nothing
//! depends on it: who has waited long enough goes on, and of two who upload the same both may be right.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use object_store::path::Path;
use tokio::time::timeout;
use ulid::Ulid;
use weir_pipeline::{Result, Tenant};

use super::{Depot, OPENED_AT_ONCE, OWN, PATIENCE, late, next_in_time};
use crate::catalog::{Catalog, Entry, Resolution};
use crate::store::shelf::{Block, is_damage};

/// The directory of the objects that say who uploads, one for each tenant, below [`OWN`].
const UPLOADS: &str = "uploads";

// === impl Depot ===

impl Depot {
    /// A tenant's blocks that reach into `start..=end` and were made by others than this writer alone. Blocks that are
    /// damaged are left out.
    ///
    /// # Errors
    /// The bucket fails.
    pub(crate) async fn others(
        &self,
        tenant: &Tenant,
        writer: &str,
        (start, end): (i64, i64),
    ) -> Result<Vec<Arc<dyn Block>>> {
        let snapshot = timeout(PATIENCE, self.catalog.snapshot(tenant, Resolution::Raw)).await.unwrap_or_else(late)?;
        let reaches = |entry: &&Arc<Entry>| entry.min_ts <= end && entry.max_ts >= start && !entry.is_of(writer);
        let entries: Vec<Arc<Entry>> = snapshot.entries().filter(reaches).cloned().collect();
        let open = |entry: Arc<Entry>| async move { self.shelf.find(tenant, &entry).await };
        let mut opened = stream::iter(entries.into_iter().map(open)).buffered(OPENED_AT_ONCE);
        let mut found = Vec::new();
        while let Some(block) = next_in_time(&mut opened).await? {
            match block {
                Ok(block) => found.push(block),
                Err(error) if is_damage(&error) => {
                    tracing::error!(error = error.report(), "a block is taken as having nothing");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// Whether the catalog has all these blocks.
    ///
    /// # Errors
    /// The bucket fails.
    pub(crate) async fn has(&self, tenant: &Tenant, blocks: &HashSet<Ulid>) -> Result<bool> {
        if blocks.is_empty() {
            return Ok(true);
        }
        let snapshot = self.catalog.snapshot(tenant, Resolution::Raw).await?;
        Ok(blocks.iter().all(|block| snapshot.get(block).is_some()))
    }

    /// Says that a writer uploads blocks of a tenant, and whether it is the one: not where another has said so and goes on.
    ///
    /// # Errors
    /// The bucket fails.
    pub(crate) async fn claim(&self, tenant: &Tenant, writer: &str) -> Result<bool> {
        let path = claim(tenant);
        if self.objects.put_if_absent(&path, writer.to_owned().into()).await? {
            return Ok(true);
        }
        // It may be left of the writer's last life. Where it is gone by now there is a next time.
        Ok(self.objects.find(&path).await?.is_some_and(|said| said == writer.as_bytes()))
    }

    /// As [`claim`](Self::claim), whoever has said so before.
    ///
    /// # Errors
    /// The bucket fails.
    pub(crate) async fn take_over(&self, tenant: &Tenant, writer: &str) -> Result<()> {
        self.objects.put(&claim(tenant), writer.to_owned().into()).await
    }

    /// Says that the upload is done, or given up.
    ///
    /// # Errors
    /// The bucket fails: others wait for as long as they do for one that died.
    pub(crate) async fn release(&self, tenant: &Tenant) -> Result<()> {
        self.objects.delete(&claim(tenant)).await
    }
}

fn claim(tenant: &Tenant) -> Path {
    Path::from_iter([OWN, UPLOADS, tenant.as_str()])
}
