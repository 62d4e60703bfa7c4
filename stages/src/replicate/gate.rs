//! Whether a member may be asked: closed for a growing pause after each failure, then open for one request that finds out.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use weir_pipeline::Error;

use crate::random::Random;

/// What is known of a member that failed last time.
#[derive(Debug)]
struct Failing {
    /// Since when it only fails.
    since: Instant,
    /// Nobody asks before.
    until: Instant,
    pause: Duration,
    /// Whether somebody is finding out.
    probing: bool,
    error: Error,
}

/// Whether a member may be asked.
#[derive(Debug)]
pub(super) struct Gate {
    initial: Duration,
    max: Duration,
    state: Mutex<(Option<Failing>, Random)>,
    changed: Notify,
}

/// A request that was let through. What became of it must be said; one that is dropped before lets the next one through.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    probe: bool,
}

// === impl Gate ===

impl Gate {
    pub(super) fn new(initial: Duration, max: Duration, seed: u64) -> Self {
        Self { initial, max, state: Mutex::new((None, Random::new(seed))), changed: Notify::new() }
    }

    /// Whether the member answered the last request.
    pub(super) fn is_open(&self) -> bool {
        self.state().0.is_none()
    }

    /// Since when the member only fails, and with what it failed last.
    pub(super) fn failing(&self) -> Option<(Instant, Error)> {
        self.state().0.as_ref().map(|failing| (failing.since, failing.error.clone()))
    }

    /// Waits until the member may be asked.
    pub(super) async fn pass(&self) -> Pass<'_> {
        loop {
            let changed = self.changed.notified();
            let until = {
                let mut state = self.state();
                match &mut state.0 {
                    None => return Pass { gate: self, probe: false },
                    Some(failing) if !failing.probing && failing.until <= Instant::now() => {
                        failing.probing = true;
                        return Pass { gate: self, probe: true };
                    }
                    Some(failing) => (!failing.probing).then_some(failing.until),
                }
            };
            match until {
                Some(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }

    /// The pause of a batch after its first failure, or after one more: as it is waited, and as it grows.
    pub(super) fn pause(&self, last: Option<Duration>) -> (Duration, Duration) {
        let pause = last.map_or(self.initial, |last| (last * 2).min(self.max));
        (self.state().1.around(pause), pause)
    }

    fn state(&self) -> MutexGuard<'_, (Option<Failing>, Random)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Pass ===

impl Pass<'_> {
    /// The member answered.
    pub(super) fn succeeded(self) {
        let was = self.gate.state().0.take();
        if was.is_some() {
            self.gate.changed.notify_waiters();
        }
    }

    /// The member failed in a way that may pass, and may have said when to come back.
    pub(super) fn failed(self, error: &Error, retry_after: Option<Duration>) {
        let Gate { initial, max, .. } = *self.gate;
        let now = Instant::now();
        let mut state = self.gate.state();
        let (failing, random) = &mut *state;
        match failing {
            // Of requests that were under way together the first to fail makes the pause.
            Some(failing) if !self.probe => failing.error = error.clone(),
            _ => {
                let (since, pause) = failing.as_ref().map_or((now, initial), |f| (f.since, (f.pause * 2).min(max)));
                let wait = random.around(pause).max(retry_after.unwrap_or_default().min(max));
                *failing = Some(Failing { since, until: now + wait, pause, probing: false, error: error.clone() });
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.probe {
            return;
        }
        if let Some(failing) = &mut self.gate.state().0 {
            failing.probing = false;
        }
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
