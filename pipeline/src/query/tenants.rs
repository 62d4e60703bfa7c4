//! What a store has of each tenant.

use crate::tenant::Tenant;

/// What a store has of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantUsage {
    /// Whose.
    pub tenant: Tenant,
    /// Series in the head, also those without a sample at the moment.
    pub head_series: u64,
    /// Samples in the head, in no block yet.
    pub head_samples: u64,
    /// The blocks on the store's disk, which are not in the bucket yet.
    pub local: BlocksUsage,
    /// Those in the bucket, of all stores that share it; `None` where there is no bucket.
    pub bucket: Option<BlocksUsage>,
}

/// What blocks take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlocksUsage {
    /// How many blocks.
    pub blocks: u64,
    /// Samples in them.
    pub samples: u64,
    /// What their files take, in bytes.
    pub bytes: u64,
}

// === impl TenantUsage ===

impl TenantUsage {
    /// Whether there is no sample of the tenant.
    pub fn is_empty(&self) -> bool {
        let bucket = self.bucket.unwrap_or_default();
        self.head_samples == 0 && self.local.blocks == 0 && bucket.blocks == 0
    }
}

// === impl BlocksUsage ===

impl BlocksUsage {
    /// Counts a block.
    pub fn add(&mut self, samples: u64, bytes: u64) {
        self.blocks += 1;
        self.samples = self.samples.saturating_add(samples);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}
