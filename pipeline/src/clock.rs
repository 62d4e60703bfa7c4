//! The time, as everything in Weir sees it.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Tells the time. Stages and sources ask their context's clock, never the system, so that tests can pause it.
#[derive(Clone, Debug)]
pub struct Clock(Inner);

#[derive(Clone, Debug)]
enum Inner {
    System,
    /// A wall clock that moves with tokio's.
    Tokio {
        epoch: i64,
        start: Instant,
    },
}

// === impl Clock ===

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Inner::System)
    }

    /// A clock that shows `epoch` (milliseconds since the Unix epoch) now and moves with tokio's time, paused or not.
    /// Must be called within a tokio runtime.
    pub fn starting_at(epoch: i64) -> Self {
        Self(Inner::Tokio { epoch, start: Instant::now() })
    }

    /// Milliseconds since the Unix epoch.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    pub fn now(&self) -> i64 {
        match &self.0 {
            Inner::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64),
            Inner::Tokio { epoch, start } => epoch + start.elapsed().as_millis() as i64,
        }
    }
}
