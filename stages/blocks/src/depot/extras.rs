//! What the blocks of a bucket have beside samples.

use std::sync::Arc;

use weir_pipeline::batch::Metadata;
use weir_pipeline::{Matcher, Result, SeriesExemplars, Tenant};

use super::{Depot, Found, those_of};
use crate::catalog::{Entry, Snapshot};
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
        let choose = |all: &Snapshot| those_of(all, |entry| entry.extras.has_exemplars(start, end));
        let Found { blocks, missing } = self.look_for(self.those(tenant, choose)).await;
        Ok(extras::exemplars_of(&blocks, matchers, start, end).await?.lacking(missing))
    }

    /// What is said of a tenant's metrics in the blocks of the last day that there are any of, sorted by their names.
    pub async fn metrics(&self, tenant: &Tenant) -> Known<Vec<Arc<Metadata>>> {
        let Found { blocks, missing } = self.look_for(self.those(tenant, newest)).await;
        extras::metrics_of(&blocks).await.lacking(missing)
    }
}

/// The blocks of the last day that there are any of, of those in which something is said of metrics.
fn newest(all: &Snapshot) -> Vec<Arc<Entry>> {
    let mut entries = those_of(all, |entry| entry.extras.metrics);
    entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.max_ts));
    let since = entries.first().map_or(i64::MIN, |entry| entry.max_ts.saturating_sub(RECENT));
    entries.retain(|entry| entry.max_ts >= since);
    entries.truncate(MOST);
    entries
}
