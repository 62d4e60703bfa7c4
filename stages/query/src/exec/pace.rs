//! Turns: how long an operator computes before it lets others have the thread.

use std::time::{Duration, Instant};

/// How long a turn is. Between turns a query that was given up ends.
const TURN: Duration = Duration::from_millis(2);

/// The turns of one operator. It asks the system's clock: what is limited is the time that a thread is held.
#[derive(Debug)]
pub(crate) struct Pace {
    begin: Instant,
}

// === impl Pace ===

impl Pace {
    /// The first turn begins.
    pub(crate) fn new() -> Self {
        Self { begin: Instant::now() }
    }

    /// Whether the turn is over.
    pub(crate) fn is_over(&self) -> bool {
        self.begin.elapsed() >= TURN
    }

    /// Lets others have the thread where the turn is over.
    pub(crate) async fn rest(&mut self) {
        if self.is_over() {
            tokio::task::yield_now().await;
            self.begin = Instant::now();
        }
    }
}
