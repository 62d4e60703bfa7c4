//! The samples of a range vector, collected row by row: what a range function sees of a group or of a window frame.

use std::borrow::Cow;

use datafusion::common::Result;
use weir_blocks::merge::winner;
use weir_pipeline::{Value, is_stale};

use super::arguments::refuse;
use crate::annotations::Notes;
use crate::functions::range::{RangeFunction, Window};

/// Where the window of a range function is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Reach {
    /// Around all samples.
    #[default]
    All,
    /// So many milliseconds up to the last sample.
    Back(i64),
    /// After the first and up to the second, in milliseconds since the Unix epoch.
    Between(i64, i64),
}

/// Samples in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    timestamps: Vec<i64>,
    values: Vec<f64>,
    /// So many of the first were taken back.
    gone: usize,
    /// Whether times do not strictly increase.
    unordered: bool,
}

// === impl Samples ===

impl Samples {
    /// Takes in a sample.
    pub(super) fn push(&mut self, time: i64, value: f64) {
        self.unordered |= self.timestamps.last().is_some_and(|last| *last >= time);
        self.timestamps.push(time);
        self.values.push(value);
    }

    /// Takes back the first `count` samples.
    pub(super) fn take_back(&mut self, count: usize) {
        self.gone = self.gone.saturating_add(count).min(self.timestamps.len());
        if self.gone == self.timestamps.len() {
            *self = Self::default();
        } else if self.gone > self.timestamps.len() / 2 {
            self.timestamps.drain(..self.gone);
            self.values.drain(..self.gone);
            self.gone = 0;
        }
    }

    /// The times.
    pub(super) fn timestamps(&self) -> &[i64] {
        self.timestamps.get(self.gone..).unwrap_or_default()
    }

    /// As long as the times.
    pub(super) fn values(&self) -> &[f64] {
        self.values.get(self.gone..).unwrap_or_default()
    }

    /// What they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.timestamps.capacity() * size_of::<i64>() + self.values.capacity() * size_of::<f64>()
    }

    /// What a range function makes of them; `None` where it makes nothing of them, or there are none in its window.
    pub(super) fn evaluate(&self, function: &RangeFunction, reach: Reach, args: &[f64]) -> Result<Option<f64>> {
        let (timestamps, values) = self.ordered();
        let (Some(first), Some(last)) = (timestamps.first(), timestamps.last()) else { return Ok(None) };
        let (start, end) = match reach {
            Reach::All => (first.saturating_sub(1), *last),
            Reach::Back(range) => (last.saturating_sub(range), *last),
            Reach::Between(start, end) => (start, end),
        };
        let after = timestamps.partition_point(|time| *time <= start);
        let until = timestamps.partition_point(|time| *time <= end);
        let timestamps = timestamps.get(after..until).unwrap_or_default();
        let values = values.get(after..until).unwrap_or_default();
        if timestamps.is_empty() {
            return Ok(None);
        }
        (function.check)(args).or_else(|why| refuse(&why))?;
        let window = Window { timestamps, values, start, end, step: end, args, ..Window::default() };
        Ok((function.eval)(&window, &mut Notes::default()).as_ref().and_then(Value::float))
    }

    /// The samples in order of time, one for each, without markers of staleness.
    fn ordered(&self) -> (Cow<'_, [i64]>, Cow<'_, [f64]>) {
        let (timestamps, values) = (self.timestamps(), self.values());
        if !self.unordered && !values.iter().any(|value| is_stale(*value)) {
            return (Cow::Borrowed(timestamps), Cow::Borrowed(values));
        }
        let samples = timestamps.iter().copied().zip(values.iter().copied());
        let mut samples: Vec<(i64, f64)> = samples.filter(|(_, value)| !is_stale(*value)).collect();
        samples.sort_by_key(|(time, _)| *time);
        samples.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = winner(kept.1, later.1);
            }
            same
        });
        let (timestamps, values): (Vec<_>, Vec<_>) = samples.into_iter().unzip();
        (Cow::Owned(timestamps), Cow::Owned(values))
    }
}
