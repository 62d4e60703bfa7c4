//! When a target is scraped, and which time its samples get.

use std::time::Duration;

/// How late a scrape may begin, at most, to have the time at which it was due.
const TOLERANCE: i64 = 2;

/// The steady times of a target's scrapes, in milliseconds since the Unix epoch: all that leave `offset` when divided by
/// `interval`. They are the same after a restart, and differ between targets, so that not all are scraped at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    interval: i64,
    offset: i64,
}

// === impl Schedule ===

impl Schedule {
    /// The times of the target with this hash.
    pub(super) fn new(interval: Duration, hash: u64) -> Self {
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
        Self { interval, offset: (hash % interval.unsigned_abs()) as i64 }
    }

    /// The first scrape, where it is `now`.
    pub(super) fn first(self, now: i64) -> i64 {
        self.after(now.saturating_sub(1))
    }

    /// The scrape after the one that was due at `due`, where it is `now`. Of the times that have passed meanwhile only the
    /// latest is made up for, at once. A clock that was set back makes no scrape wait for more than an interval.
    pub(super) fn next(self, due: i64, now: i64) -> i64 {
        let next = self.after(now);
        if now >= due {
            let latest = next - self.interval;
            return if latest > due { latest } else { next };
        }
        let early = due.saturating_sub(now) < self.interval;
        if early { self.after(due) } else { next }
    }

    /// The first scrape, where it is `now`, of one who was to scrape at `due`: what came due since then is made up for, once
    /// and at once.
    pub(super) fn resume(self, due: i64, now: i64) -> i64 {
        let next = self.first(now);
        if due < next { next.saturating_sub(self.interval) } else { next }
    }

    /// The time of the samples of a scrape that was due at `due` and begins `now`: as it was due, where that is near.
    /// Steady distances are kept in less space.
    pub(super) fn timestamp(self, due: i64, now: i64) -> i64 {
        let tolerance = TOLERANCE.min(self.interval / 100);
        if now.saturating_sub(due).saturating_abs() <= tolerance { due } else { now }
    }

    /// The first of the times after `time`.
    fn after(self, time: i64) -> i64 {
        let into = time.saturating_sub(self.offset).rem_euclid(self.interval);
        time.saturating_add(self.interval - into)
    }
}

#[cfg(test)]
mod tests;
