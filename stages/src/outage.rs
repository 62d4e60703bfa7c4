//! What is logged where requests fail that are then repeated: the first failure, one a minute while that goes on, and that it
//! is over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use weir_pipeline::Error;
use weir_pipeline::error::Place;

/// How long after a failure that was told the next one is not.
const PAUSE: Duration = Duration::from_secs(60);

/// Whether the requests of a component fail. A clone is the same.
#[derive(Clone)]
pub(crate) struct Outage {
    place: Place,
    now: Arc<Mutex<Now>>,
}

/// A request that may fail several times, until it works or is given up. A clone is another request.
pub(crate) struct Attempts {
    outage: Outage,
    fails: bool,
}

/// What decides about the log.
#[derive(Default)]
struct Now {
    /// How many requests failed and are to be repeated.
    failing: usize,
    /// Failures since the one that was told last.
    untold: u64,
    /// When one was told last.
    told: Option<Instant>,
    /// When the first failed, where one was told since requests worked last.
    since: Option<Instant>,
}

// === impl Outage ===

impl Outage {
    /// That of the component at `place`.
    pub(crate) fn new(place: Place) -> Self {
        Self { place, now: Arc::default() }
    }

    /// A request that was not sent yet.
    pub(crate) fn request(&self) -> Attempts {
        Attempts { outage: self.clone(), fails: false }
    }

    fn now<T>(&self, ask: impl FnOnce(&mut Now) -> T) -> T {
        ask(&mut self.now.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// === impl Attempts ===

impl Attempts {
    /// The request failed, and is to be repeated.
    pub(crate) fn failed(&mut self, error: &Error) {
        let is_first = !std::mem::replace(&mut self.fails, true);
        if let Some(failures) = self.outage.now(|now| now.failed(is_first, Instant::now())) {
            let place = &self.outage.place;
            tracing::warn!(%place, failures, error = error.report(), "a request failed, and is repeated");
        }
    }

    /// The request works.
    pub(crate) fn worked(&mut self) {
        let failed = std::mem::take(&mut self.fails);
        if let Some(took) = self.outage.now(|now| now.worked(failed, Instant::now())) {
            tracing::info!(place = %self.outage.place, seconds = took.as_secs(), "requests work again");
        }
    }
}

impl Clone for Attempts {
    fn clone(&self) -> Self {
        self.outage.request()
    }
}

impl Drop for Attempts {
    fn drop(&mut self) {
        if self.fails {
            self.outage.now(Now::given_up);
        }
    }
}

// === impl Now ===

impl Now {
    /// A request failed. How many did since the last that was told, where this is to be told.
    fn failed(&mut self, is_first: bool, now: Instant) -> Option<u64> {
        self.failing += usize::from(is_first);
        self.untold += 1;
        if self.told.is_some_and(|told| now.duration_since(told) < PAUSE) {
            return None;
        }
        self.told = Some(now);
        self.since.get_or_insert(now);
        Some(std::mem::take(&mut self.untold))
    }

    /// A request worked, which may have failed before. How long requests failed, where that is over and was told.
    fn worked(&mut self, failed: bool, now: Instant) -> Option<Duration> {
        if failed {
            self.given_up();
        }
        // Others are repeated still: this one alone says little.
        if self.failing > 0 {
            return None;
        }
        self.untold = 0;
        self.since.take().map(|since| now.duration_since(since))
    }

    /// A request that failed is not repeated any more.
    fn given_up(&mut self) {
        self.failing = self.failing.saturating_sub(1);
    }
}

#[cfg(test)]
pub(crate) mod tests;
