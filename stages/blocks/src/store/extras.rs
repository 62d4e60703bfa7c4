//! What a store has beside samples, wherever it is: in memory, in blocks on disk, and in the bucket.

use std::sync::PoisonError;

use weir_pipeline::batch::Metadata;
use weir_pipeline::{Matcher, Result, SeriesExemplars, Tenant};

use super::{Store, view};
use crate::extras::{self, Known};

// === impl Store ===

impl Store {
    /// The exemplars within `start..=end` of a tenant's series that satisfy all matchers, sorted by labels and time, each once.
    ///
    /// # Errors
    /// They are more than an answer may have.
    pub async fn exemplars(
        &self,
        tenant: &Tenant,
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Result<Known<Vec<SeriesExemplars>>> {
        let recent = self.recent_exemplars(tenant, matchers, start, end).await?;
        let Some(depot) = &self.0.depot else { return Ok(recent) };
        // The bucket comes last: what left the disk meanwhile is there.
        let Known { found, missing } = depot.exemplars(tenant, matchers, start, end).await?;
        let found = extras::join(recent.found.into_iter().chain(found));
        Ok(Known { found, missing: recent.missing }.lacking(missing))
    }

    /// As [`exemplars`](Self::exemplars), without what is in the bucket.
    ///
    /// # Errors
    /// Likewise.
    pub async fn recent_exemplars(
        &self,
        tenant: &Tenant,
        matchers: &[Matcher],
        start: i64,
        end: i64,
    ) -> Result<Known<Vec<SeriesExemplars>>> {
        // Those that come into blocks stay in memory: they are not lost from sight by it.
        let in_memory = self.0.exemplars.select(tenant, matchers, start, end);
        let Known { found, missing } = extras::exemplars_of(&self.blocks_of(tenant), matchers, start, end).await?;
        Ok(Known { found: extras::join(in_memory.into_iter().chain(found)), missing })
    }

    /// What senders said last of the metrics of a tenant, or of one of them, sorted by name. Of metrics that came to this store
    /// that is what it was told last, as far as it keeps that in memory; else what the newest blocks say.
    pub async fn metadata(&self, tenant: &Tenant, metric: Option<&str>) -> Known<Vec<Metadata>> {
        let recent = self.recent_metadata(tenant, metric).await;
        let Some(depot) = &self.0.depot else { return recent };
        let Known { found, missing } = depot.metrics(tenant).await;
        Known { found: extras::beside(recent.found, found, metric), missing: recent.missing }.lacking(missing)
    }

    /// As [`metadata`](Self::metadata), without what is in the bucket.
    pub async fn recent_metadata(&self, tenant: &Tenant, metric: Option<&str>) -> Known<Vec<Metadata>> {
        let in_memory = self.0.metrics.of(tenant, metric);
        let Known { found, missing } = extras::metrics_of(&self.blocks_of(tenant)).await;
        Known { found: extras::beside(in_memory, found, metric), missing }
    }

    fn blocks_of(&self, tenant: &Tenant) -> view::Blocks {
        self.0.view.read().unwrap_or_else(PoisonError::into_inner).of(tenant)
    }
}
