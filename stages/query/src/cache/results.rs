//! The results that are kept, within so many bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use weir_pipeline::Tenant;

use super::extent::Extent;
use super::telemetry::Telemetry;

/// What an entry takes beside its result and its text, in bytes.
const ENTRY_BYTES: usize = 256;

/// Which queries have the same result at the same step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) tenant: Tenant,
    pub(super) expr: Arc<str>,
    /// In milliseconds.
    pub(super) step: i64,
    /// What steps leave over, divided by `step`.
    pub(super) phase: i64,
    pub(super) lookback: Option<Duration>,
    pub(super) replica_labels: Option<Arc<[String]>>,
}

/// The results that are kept.
pub(super) struct Results {
    most: usize,
    inner: Mutex<Inner>,
    pub(super) telemetry: Telemetry,
}

#[derive(Default)]
struct Inner {
    kept: HashMap<Key, Kept>,
    bytes: usize,
    uses: u64,
}

struct Kept {
    extent: Arc<Extent>,
    bytes: usize,
    used: u64,
}

// === impl Results ===

impl Results {
    /// Nothing yet; so many bytes at most.
    pub(super) fn new(most: u64, telemetry: Telemetry) -> Self {
        Self { most: usize::try_from(most).unwrap_or(usize::MAX), inner: Mutex::default(), telemetry }
    }

    /// What is kept of a query.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Extent>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.uses += 1;
        let now = inner.uses;
        let kept = inner.kept.get_mut(key)?;
        kept.used = now;
        Some(kept.extent.clone())
    }

    /// Keeps a result instead of what was kept of the query, unless that is newer, or it is too large.
    pub(super) fn keep(&self, key: Key, extent: Extent) {
        let bytes = ENTRY_BYTES + key.expr.len() + extent.bytes();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.kept.get(&key).is_some_and(|kept| kept.extent.number > extent.number) {
            return;
        }
        if let Some(old) = inner.kept.remove(&key) {
            inner.bytes -= old.bytes;
        }
        if bytes <= self.most / 4 {
            while inner.bytes + bytes > self.most {
                let oldest = inner.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| key.clone());
                let Some(gone) = oldest.and_then(|oldest| inner.kept.remove(&oldest)) else { break };
                inner.bytes -= gone.bytes;
                self.telemetry.evicted();
            }
            inner.uses += 1;
            let used = inner.uses;
            inner.bytes += bytes;
            inner.kept.insert(key, Kept { extent: Arc::new(extent), bytes, used });
        }
        self.telemetry.holds(inner.bytes);
    }
}

#[cfg(test)]
mod tests;
