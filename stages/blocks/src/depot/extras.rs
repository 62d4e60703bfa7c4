//! What the blocks of a bucket have beside samples.

use std::sync::Arc;

use weir_pipeline::batch::Metadata;
use weir_pipeline::{Matcher, Result, SeriesExemplars, Tenant};

use super::{Depot, Found};
use crate::catalog::Entry;
use crate::extras::{self, Known};

/// What is said of metrics is read of blocks that are so much older than the newest, in milliseconds.
const RECENT: i64 = 86_400_000;

/// And of so many of them at most.
const MOST: usize = 64;

// === impl Depot ===

impl Depot {
    /// The exemplars within `start..=end` of a tenant's series that satisfy all matchers, sorted by series and time, each once.
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
        let wanted = move |entry: &Entry| entry.extras.has_exemplars(start, end);
        let Found { blocks, missing } = self.look_for(self.those(tenant, wanted)).await;
        Ok(extras::exemplars_of(&blocks, matchers, start, end).await?.lacking(missing))
    }

    /// What is said of a tenant's metrics in the blocks of the last day that there are any of, sorted by their names.
    pub async fn metrics(&self, tenant: &Tenant) -> Known<Vec<Arc<Metadata>>> {
        let newest = self.snapshot(tenant).await.and_then(|snapshot| {
            let mut ends: Vec<i64> =
                snapshot.entries().filter(|entry| entry.extras.metrics).map(|entry| entry.max_ts).collect();
            ends.sort_unstable_by(|a, b| b.cmp(a));
            let first = ends.first()?.saturating_sub(RECENT);
            Some(ends.get(MOST - 1).map_or(first, |end| first.max(*end)))
        });
        // A bucket that does not answer says so here.
        let since = newest.unwrap_or(i64::MAX);
        let wanted = move |entry: &Entry| entry.extras.metrics && entry.max_ts >= since;
        let Found { blocks, missing } = self.look_for(self.those(tenant, wanted)).await;
        extras::metrics_of(&blocks).await.lacking(missing)
    }
}
