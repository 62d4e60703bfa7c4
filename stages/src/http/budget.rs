//! The memory of all requests being worked on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The memory of all requests being worked on. A clone shares it.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    limit: u64,
    used: AtomicU64,
}

/// What one request holds of the budget. Dropping it gives all of it back.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: u64,
}

/// There is no room in the budget.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

// === impl Budget ===

impl Budget {
    pub(crate) fn new(limit: u64) -> Self {
        Self(Arc::new(Account { limit, used: AtomicU64::new(0) }))
    }

    /// A share of nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

// === impl Share ===

impl Share {
    /// Makes the share `bytes`. Less always works; more works where there is room, or where nobody else holds any:
    /// otherwise a request larger than the whole budget would be told to come again for ever.
    pub(crate) fn resize(&mut self, bytes: u64) -> Result<(), Full> {
        let account = &*self.budget.0;
        let fits = |used: u64| {
            let others = used - self.bytes;
            let after = others + bytes;
            (bytes <= self.bytes || others == 0 || after <= account.limit).then_some(after)
        };
        account.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map_err(|_| Full)?;
        self.bytes = bytes;
        Ok(())
    }

    /// The share's size.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
