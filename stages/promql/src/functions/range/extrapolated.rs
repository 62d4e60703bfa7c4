//! `rate(m[d])`, `increase(m[d])` and `delta(m[d])`: the change over a window, extrapolated to the whole of it.
//!
//! Source: `extrapolatedRate` of Prometheus' `promql/functions.go`.

mod histograms;

use std::sync::Arc;

use weir_pipeline::Value;

use super::starts::Stamp;
use super::{Floats, OneKind, Places, RangeFunction, Window, extended, seconds_between};
use crate::annotations::{Note, Notes};

/// `rate`
pub(super) static RATE: RangeFunction = RangeFunction {
    for_counters: true,
    ..RangeFunction::new("rate", |window, notes| change(window, Change { counter: true, per_second: true }, notes))
}
.with_floats(|all, places| of_floats(all, places, Change { counter: true, per_second: true }));

/// `increase`
pub(super) static INCREASE: RangeFunction = RangeFunction {
    for_counters: true,
    ..RangeFunction::new("increase", |window, notes| change(window, Change { counter: true, per_second: false }, notes))
}
.with_floats(|all, places| of_floats(all, places, Change { counter: true, per_second: false }));

/// `delta`
pub(super) static DELTA: RangeFunction =
    RangeFunction::new("delta", |window, notes| change(window, Change { counter: false, per_second: false }, notes))
        .with_floats(|all, places| of_floats(all, places, Change { counter: false, per_second: false }));

/// Which change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    /// Whether what counters lose in resets is added.
    pub(super) counter: bool,
    /// Whether it is divided by the length of the window.
    pub(super) per_second: bool,
}

/// How far the samples reach, and how far they are taken to reach. All in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// From the first sample, or from the zero before it, to the last.
    sampled: f64,
    /// From the start of the window to there, as far as it counts.
    to_start: f64,
    /// From the last sample to the end of the window, as far as it counts.
    to_end: f64,
    /// Whether the counter started within the window: the first sample counts as a change from 0.
    pub(super) from_zero: bool,
}

fn change(window: &Window<'_>, change: Change, notes: &mut Notes) -> Option<Value> {
    if window.extension.is_some() {
        return extended::change(window, change, notes);
    }
    match window.one_kind(notes)? {
        OneKind::Floats(&first, _) => floats(window, first, change, notes).map(Value::Float),
        OneKind::Histograms(..) => {
            histograms::change(window, change, notes).map(|histogram| Value::Histogram(Arc::new(histogram)))
        }
    }
}

fn floats(window: &Window<'_>, first: f64, change: Change, notes: &mut Notes) -> Option<f64> {
    let mut result = *window.values.last()? - first;
    let mut start = 0;
    if change.counter {
        result = add_resets(window, result, notes);
        start = window.float_start(0);
    }
    extrapolate(window, (first, start), result, change)
}

/// All windows of a series without starts.
fn of_floats(all: &Floats<'_>, places: Places<'_>, change: Change) {
    // Most counters never fall within a query: then no window has to be searched for resets.
    let falls = change.counter && !all.never_falls();
    let mut notes = Notes::default();
    all.each(places, |values, step| {
        let (window, first) = (all.window(step)?, *values.first()?);
        if falls {
            return floats(&window, first, change, &mut notes);
        }
        extrapolate(&window, (first, 0), *values.last()? - first, change)
    });
}

/// The change `result` between the samples of a window, of which the first has a value and a start, over all of it.
fn extrapolate(window: &Window<'_>, (first, start): (f64, i64), mut result: f64, change: Change) -> Option<f64> {
    let (&first_time, &last_time) = (window.timestamps.first()?, window.timestamps.last()?);
    let mut reach = Reach::new(window, Stamp { time: first_time, start }, last_time, window.timestamps.len())?;
    if reach.from_zero {
        result += first;
    } else if change.counter && result > 0.0 && first >= 0.0 {
        reach.not_below_zero(first, result);
    }
    Some(result * reach.factor(window, change))
}

/// Adds what the counter had counted before each of its resets.
fn add_resets(window: &Window<'_>, mut result: f64, notes: &mut Notes) -> f64 {
    if window.starts.is_empty() {
        for pair in window.values.windows(2) {
            if let &[before, after] = pair
                && after < before
            {
                result += before;
            }
        }
        return result;
    }
    let stamps = window.timestamps.iter().zip(window.starts).map(|(&time, &start)| Stamp { time, start });
    let mut overlap = false;
    let mut samples = stamps.zip(window.values);
    let Some(mut before) = samples.next() else { return result };
    for after in samples {
        overlap |= after.0.overlaps(before.0);
        if after.1 < before.1 || after.0.is_reset_after(before.0) {
            result += before.1;
        }
        before = after;
    }
    if overlap {
        notes.push(Note::StartTimeOverlap);
    }
    result
}

// === impl Reach ===

impl Reach {
    /// Of `count` samples, the first with a start that is 0 where it is unknown or the samples are no counter's. `None`
    /// for a single sample that did not start within the window.
    pub(super) fn new(window: &Window<'_>, first: Stamp, last: i64, count: usize) -> Option<Self> {
        let from_zero = first.start != 0 && first.start > window.start && first.start < first.time;
        if count < 2 && !from_zero {
            return None;
        }
        let mut reach = Self {
            sampled: seconds_between(first.time, last),
            to_start: seconds_between(window.start, first.time),
            to_end: seconds_between(last, window.end),
            from_zero,
        };
        let between = if count < 2 { 0.0 } else { reach.sampled / (count - 1) as f64 };
        // A sample further from the window's edge than this means that the series begins or ends within the window.
        let near = between * 1.1;
        if from_zero {
            reach.to_start = 0.0;
            reach.sampled = seconds_between(first.start, last);
        } else if reach.to_start >= near {
            reach.to_start = between / 2.0;
        }
        if reach.to_end >= near {
            reach.to_end = between / 2.0;
        }
        Some(reach)
    }

    /// A counter was never below zero: goes back no further than where it would have been zero.
    pub(super) fn not_below_zero(&mut self, first: f64, change: f64) {
        let to_zero = self.sampled * (first / change);
        if to_zero < self.to_start {
            self.to_start = to_zero;
        }
    }

    /// What the change between the samples is to be multiplied with.
    pub(super) fn factor(self, window: &Window<'_>, change: Change) -> f64 {
        let mut factor = 1.0;
        if self.sampled != 0.0 {
            factor = (self.sampled + self.to_start + self.to_end) / self.sampled;
        }
        if change.per_second { factor / window.seconds() } else { factor }
    }
}
