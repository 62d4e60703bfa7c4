//! What there is of tenants on all members, and that one be deleted from all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use weir_pipeline::query::{BlocksUsage, TenantUsage};
use weir_pipeline::{Error, Result, Tenant};

use super::epochs::Needed;
use super::known::Poll;
use crate::exec::source::Known;

/// How long a member may take at least to delete a tenant: it cuts its head first.
pub(super) const DELETION: Duration = Duration::from_secs(90);

// === impl Poll ===

impl Poll {
    /// What all members have of tenants together, sorted by their names; `shared` where all have one bucket.
    ///
    /// # Errors
    /// A member does not allow it.
    pub(super) async fn tenants(self, everyone: Needed, shared: bool) -> Result<Known<Vec<TenantUsage>>> {
        let ask = |poll: Self, member| async move { poll.reader.tenants(&member, &poll.query).await };
        let (answers, missing) = self.poll(&[everyone], ask).await?;
        Ok(Known { found: united(answers.into_values().flatten(), shared), missing })
    }
}

/// What several members have of each tenant.
fn united(found: impl Iterator<Item = TenantUsage>, shared: bool) -> Vec<TenantUsage> {
    let mut all: BTreeMap<Tenant, TenantUsage> = BTreeMap::new();
    for more in found {
        let Some(usage) = all.get_mut(&more.tenant) else {
            all.insert(more.tenant.clone(), more);
            continue;
        };
        usage.head_series = usage.head_series.saturating_add(more.head_series);
        usage.head_samples = usage.head_samples.saturating_add(more.head_samples);
        usage.local = sum(usage.local, more.local);
        usage.bucket = match (usage.bucket, more.bucket) {
            (Some(one), Some(other)) if shared => Some(if other.blocks > one.blocks { other } else { one }),
            (Some(one), Some(other)) => Some(sum(one, other)),
            (one, other) => one.or(other),
        };
    }
    all.into_values().collect()
}

fn sum(a: BlocksUsage, b: BlocksUsage) -> BlocksUsage {
    BlocksUsage {
        blocks: a.blocks.saturating_add(b.blocks),
        samples: a.samples.saturating_add(b.samples),
        bytes: a.bytes.saturating_add(b.bytes),
    }
}

/// What there was of a tenant that all members have deleted.
///
/// # Errors
/// `Unavailable` where not all of them say that they did.
pub(super) fn deleted(tenant: &Tenant, known: Known<Vec<TenantUsage>>) -> Result<TenantUsage> {
    if !known.missing.is_empty() {
        let why = known.missing.join("; ");
        return Err(Error::unavailable(format!(
            "not all there is of tenant `{tenant}` is deleted, say it again: {why}"
        )));
    }
    let none = || TenantUsage {
        tenant: tenant.clone(),
        head_series: 0,
        head_samples: 0,
        local: BlocksUsage::default(),
        bucket: None,
    };
    Ok(known.found.into_iter().find(|usage| usage.tenant == *tenant).unwrap_or_else(none))
}
