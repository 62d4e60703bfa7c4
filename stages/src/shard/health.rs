//! Whether a replica set takes what is sent to it: after a failure it is left alone for a while, then one request finds out.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use weir_pipeline::{Error, Kind};

/// How long a set that failed is left alone.
const PAUSE: Duration = Duration::from_secs(5);

/// Whether a set takes what is sent to it.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Until when nobody asks, since it failed last.
    until: Mutex<Option<Instant>>,
}

// === impl Health ===

impl Health {
    /// Whether it may be asked.
    pub(super) fn is_open(&self) -> bool {
        self.until().is_none_or(|until| until <= Instant::now())
    }

    /// It is asked: where it failed before, others wait for what becomes of that.
    pub(super) fn asked(&self) {
        let mut until = self.until();
        if until.is_some() {
            *until = Some(Instant::now() + PAUSE);
        }
    }

    /// It answered, or could not.
    pub(super) fn told(&self, error: Option<&Error>) {
        *self.until() = error.filter(|error| is_failure(error)).map(|_| Instant::now() + PAUSE);
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether another set may do better. What is about the tenant alone is no failure of the set.
pub(super) fn is_failure(error: &Error) -> bool {
    !error.is_of_tenant() && matches!(error.kind(), Kind::Unavailable { .. } | Kind::TimedOut)
}
