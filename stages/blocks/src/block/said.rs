//! What blocks say of metrics, in memory: most say the same, which is kept once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use weir_pipeline::batch::Metadata;

/// So many names of metrics are looked through at least before those that no block has any more are forgotten.
const FEW: usize = 1024;

/// What the open blocks of a shelf say of metrics.
#[derive(Default)]
pub(super) struct Said(Mutex<All>);

#[derive(Default)]
struct All {
    by_name: HashMap<String, Vec<Weak<Metadata>>>,
    /// How many names there were left when they were looked through last.
    left: usize,
}

// === impl Said ===

impl Said {
    /// The same, shared with other blocks that say it.
    pub(super) fn share(&self, said: Metadata) -> Arc<Metadata> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.by_name.len() > 2 * all.left.max(FEW) {
            all.by_name.retain(|_, known| known.iter().any(|one| one.strong_count() > 0));
            all.left = all.by_name.len();
        }
        let known = all.by_name.entry(said.metric.clone()).or_default();
        known.retain(|one| one.strong_count() > 0);
        if let Some(same) = known.iter().filter_map(Weak::upgrade).find(|one| **one == said) {
            return same;
        }
        let new = Arc::new(said);
        known.push(Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests;
