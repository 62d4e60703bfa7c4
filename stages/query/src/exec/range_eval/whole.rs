//! A series of floats, all its windows at once: see [`Floats`].

use weir_pipeline::is_stale;

use crate::exec::samples::Row;
use crate::exec::steps::{Steps, StepsBuilder};
use crate::functions::range::{Floats, OfFloats, Places, RangeFunction};

/// Evaluates series of floats.
pub(super) struct Whole {
    of_floats: OfFloats,
    sees_stale: bool,
    steps: Steps,
    offset: i64,
    range: i64,
    windows: Windows,
    /// The samples of a series that are no staleness markers.
    timestamps: Vec<i64>,
    values: Vec<f64>,
}

/// The windows of a series. Those of the next are often the same: the series of one target have the same timestamps.
#[derive(Default)]
struct Windows {
    timestamps: Vec<i64>,
    windows: Vec<(u32, u32)>,
}

// === impl Whole ===

impl Whole {
    /// For windows of `range` milliseconds that end `offset` before each step.
    pub(super) fn new(function: &RangeFunction, steps: Steps, offset: i64, range: i64) -> Option<Self> {
        let (of_floats, sees_stale) = (function.of_floats?, function.sees_stale);
        let (windows, timestamps, values) = (Windows::default(), Vec::new(), Vec::new());
        Some(Self { of_floats, sees_stale, steps, offset, range, windows, timestamps, values })
    }

    /// Evaluates a series at all steps. Returns false where it has more than floats, and is left to others.
    pub(super) fn evaluate(&mut self, row: Row<'_>, out: &mut StepsBuilder) -> bool {
        if row.has_histograms() || !row.starts.is_empty() || u32::try_from(row.timestamps.len()).is_err() {
            return false;
        }
        let (mut timestamps, mut values) = (row.timestamps, row.values);
        if !self.sees_stale && values.iter().any(|&value| is_stale(value)) {
            let live = || timestamps.iter().zip(values).filter(|(_, value)| !is_stale(**value));
            self.timestamps.clear();
            self.timestamps.extend(live().map(|(time, _)| time));
            self.values.clear();
            self.values.extend(live().map(|(_, value)| value));
            (timestamps, values) = (&self.timestamps, &self.values);
        }
        let (steps, end) = (self.steps, self.steps.start.saturating_sub(self.offset));
        self.windows.move_over(timestamps, steps, end, self.range);
        let windows = &self.windows.windows;
        let floats = Floats { timestamps, values, windows, end, step: steps.step, range: self.range };
        out.fill(|values, valid| (self.of_floats)(&floats, Places { values, valid }));
        true
    }
}

// === impl Windows ===

impl Windows {
    /// The windows of a series with these timestamps, of which the first ends at `end`.
    fn move_over(&mut self, timestamps: &[i64], steps: Steps, end: i64, range: i64) {
        if self.windows.len() == steps.count && self.timestamps == timestamps {
            return;
        }
        self.timestamps.clear();
        self.timestamps.extend_from_slice(timestamps);
        self.windows.clear();
        let (mut from, mut to) = (0, 0);
        for step in 0..steps.count {
            let end = end.saturating_add(steps.step.saturating_mul(step as i64));
            let start = end.saturating_sub(range);
            while timestamps.get(to).is_some_and(|time| *time <= end) {
                to += 1;
            }
            while from < to && timestamps.get(from).is_some_and(|time| *time <= start) {
                from += 1;
            }
            self.windows.push((from as u32, to as u32));
        }
    }
}
