//! The blocks that readers see.

use std::collections::HashMap;
use std::sync::Arc;

use weir_pipeline::Tenant;

use super::shelf::Block;

/// Blocks that share one list with those who read it.
pub(super) type Blocks = Arc<Vec<Arc<dyn Block>>>;

/// The blocks that readers see, by tenant.
#[derive(Default)]
pub(super) struct View(HashMap<Tenant, Blocks>);

// === impl View ===

impl View {
    /// A tenant's blocks.
    pub(super) fn of(&self, tenant: &Tenant) -> Blocks {
        self.0.get(tenant).cloned().unwrap_or_default()
    }

    /// All blocks.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<dyn Block>> {
        self.0.values().flat_map(|blocks| blocks.iter())
    }

    /// The tenants that have blocks.
    pub(super) fn tenants(&self) -> impl Iterator<Item = Tenant> {
        self.0.keys().cloned()
    }

    /// Shows some blocks in the place of others.
    pub(super) fn replace(&mut self, tenant: &Tenant, old: &[Arc<dyn Block>], new: &[Arc<dyn Block>]) {
        let shown = Arc::make_mut(self.0.entry(tenant.clone()).or_default());
        shown.retain(|block| !old.iter().any(|gone| Arc::ptr_eq(gone, block)));
        shown.extend(new.iter().cloned());
        if shown.is_empty() {
            self.0.remove(tenant);
        }
    }
}
