//! Memory of queries: what one may take, within what all queries of its tenant may take.
//!
//! Errors: [`Kind::Unprocessable`](weir_pipeline::Kind::Unprocessable), which names the limit.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use tokio::sync::Semaphore;
use weir_pipeline::{Error, Tenant};

use super::error::bytes;
use crate::exec::context::to_datafusion;

/// What the queries of each tenant use at this time.
#[derive(Debug)]
pub(super) struct Tenants {
    memory: usize,
    concurrency: usize,
    all: Mutex<HashMap<Tenant, Weak<Usage>>>,
}

/// What the queries of one tenant use at this time.
#[derive(Debug)]
pub(super) struct Usage {
    memory: Counter,
    /// How many may run.
    pub(super) gate: Arc<Semaphore>,
}

/// The memory of one query.
#[derive(Debug)]
pub(super) struct QueryPool {
    memory: Counter,
    tenant: Arc<Usage>,
}

/// Bytes in use, of at most `limit`.
#[derive(Debug)]
struct Counter {
    limit: usize,
    used: AtomicUsize,
}

// === impl Tenants ===

impl Tenants {
    /// Nothing is used yet. The queries of a tenant may take `memory` bytes, and so many may run at once.
    pub(super) fn new(memory: u64, concurrency: usize) -> Self {
        let memory = usize::try_from(memory).unwrap_or(usize::MAX);
        Self { memory, concurrency: concurrency.clamp(1, Semaphore::MAX_PERMITS), all: Mutex::default() }
    }

    /// What the queries of a tenant use. It is forgotten once none runs.
    pub(super) fn of(&self, tenant: &Tenant) -> Arc<Usage> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(usage) = all.get(tenant).and_then(Weak::upgrade) {
            return usage;
        }
        all.retain(|_, usage| usage.strong_count() > 0);
        let gate = Arc::new(Semaphore::new(self.concurrency));
        let usage = Arc::new(Usage { memory: Counter::new(self.memory), gate });
        all.insert(tenant.clone(), Arc::downgrade(&usage));
        usage
    }
}

// === impl QueryPool ===

impl QueryPool {
    /// A pool of `memory` bytes, within what the tenant has.
    pub(super) fn new(memory: u64, tenant: Arc<Usage>) -> Self {
        Self { memory: Counter::new(usize::try_from(memory).unwrap_or(usize::MAX)), tenant }
    }
}

impl fmt::Display for QueryPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &str {
        "query"
    }

    fn grow(&self, _: &MemoryReservation, additional: usize) {
        self.memory.grow(additional);
        self.tenant.memory.grow(additional);
    }

    fn shrink(&self, _: &MemoryReservation, shrink: usize) {
        self.memory.shrink(shrink);
        self.tenant.memory.shrink(shrink);
    }

    fn try_grow(&self, _: &MemoryReservation, additional: usize) -> Result<()> {
        let refused = |text: String| Err(to_datafusion(Error::unprocessable(text)));
        if !self.memory.try_grow(additional) {
            return refused(format!("the query needs more than {} of memory", bytes(self.memory.limit as u64)));
        }
        if !self.tenant.memory.try_grow(additional) {
            self.memory.shrink(additional);
            let limit = bytes(self.tenant.memory.limit as u64);
            return refused(format!("the queries of the tenant need more than {limit} of memory together"));
        }
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.memory.used.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.memory.limit)
    }
}

impl Drop for QueryPool {
    fn drop(&mut self) {
        // What a query did not give back, its tenant has again.
        self.tenant.memory.shrink(self.reserved());
    }
}

// === impl Counter ===

impl Counter {
    fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    fn grow(&self, additional: usize) {
        self.used.fetch_add(additional, Ordering::Relaxed);
    }

    fn shrink(&self, shrink: usize) {
        let less = |used: usize| Some(used.saturating_sub(shrink));
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    fn try_grow(&self, additional: usize) -> bool {
        let more = |used: usize| used.checked_add(additional).filter(|used| *used <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

#[cfg(test)]
mod tests;
