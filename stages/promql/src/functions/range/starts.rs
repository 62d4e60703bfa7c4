//! What start timestamps tell of counters.
//!
//! Source: `isStartTimestampReset` and `checkStartTimeOverlap` of Prometheus' `promql/functions.go`.

use weir_pipeline::HistogramPoint;

/// When a sample is, and since when it counts, which is 0 for unknown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamp {
    pub(super) time: i64,
    pub(super) start: i64,
}

// === impl Stamp ===

impl Stamp {
    /// That of a histogram.
    pub(super) fn of(point: &HistogramPoint) -> Self {
        Self { time: point.timestamp, start: point.start }
    }

    /// Whether a counter began anew between the sample `before` and this one.
    pub(super) fn is_reset_after(self, before: Self) -> bool {
        // A start that isn't before its own sample says nothing.
        if self.start == 0 || self.start >= self.time || self.start < before.time {
            return false;
        }
        if self.start > before.time {
            return true;
        }
        // It starts where the sample before it is: so do deltas, whose samples all start anew, and counters whose first
        // sample has an unknown start, which go on.
        before.start <= before.time && before.start != 0 && before.start != before.time
    }

    /// Whether it starts before the sample `before`, and not where that one starts.
    pub(super) fn overlaps(self, before: Self) -> bool {
        self.start != 0 && self.start < before.time && self.start != before.start
    }
}
