//! Steps of a range, as far as arithmetic goes.

/// The times `first, first + step, …, last`, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) first: i64,
    pub(super) last: i64,
    /// Above 0.
    pub(super) step: i64,
}

// === impl Steps ===

impl Steps {
    /// Those of a query; `None` where there is none, or where time overflows.
    pub(super) fn new(start: i64, end: i64, step: i64) -> Option<Self> {
        let length = end.checked_sub(start).filter(|length| *length >= 0 && step > 0)?;
        // Beyond both ends there is room for a step.
        let (last, _) = (start + (length / step) * step, start.checked_sub(step)?);
        last.checked_add(step).map(|_| Self { first: start, last, step })
    }

    /// How many there are.
    pub(super) fn count(self) -> i64 {
        (self.last - self.first) / self.step + 1
    }

    /// Those that are not after `time`.
    pub(super) fn until(self, time: i64) -> Option<Self> {
        if time >= self.last {
            return Some(self);
        }
        let length = time.checked_sub(self.first).filter(|length| *length >= 0)?;
        Some(Self { last: self.first + (length / self.step) * self.step, ..self })
    }

    /// Whether both, which have the same step and phase, overlap, or follow upon each other.
    pub(super) fn meets(self, other: Self) -> bool {
        self.first <= other.last.saturating_add(self.step) && other.first <= self.last.saturating_add(self.step)
    }

    /// Both as one, where they meet.
    pub(super) fn and(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last), ..self }
    }

    /// What others, which meet these, leave of them: some before, some after.
    pub(super) fn without(self, others: Self) -> Vec<Self> {
        let before = Self { last: self.last.min(others.first.saturating_sub(self.step)), ..self };
        let after = Self { first: self.first.max(others.last.saturating_add(self.step)), ..self };
        [before, after].into_iter().filter(|steps| steps.first <= steps.last).collect()
    }
}

#[cfg(test)]
mod tests;
