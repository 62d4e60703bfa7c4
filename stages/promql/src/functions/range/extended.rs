//! Windows of `anchored` and `smoothed` selectors, which know samples outside of the window, too: no extrapolation.
//! `anchored` takes the last sample before the window for its beginning, `smoothed` a line between the samples around each
//! of its ends.
//!
//! Source: `extendedRate` of Prometheus' `promql/functions.go`, `extendFloats` of `promql/engine.go`.

mod histograms;

use std::sync::Arc;

use weir_pipeline::Value;

use super::extrapolated::Change;
use super::{OneKind, Window};
use crate::annotations::Notes;
use crate::syntax::ast::Extension;

/// `rate`, `increase` and `delta`.
pub(super) fn change(window: &Window<'_>, change: Change, notes: &mut Notes) -> Option<Value> {
    match window.one_kind(notes)? {
        OneKind::Floats(..) => floats(window, change).map(Value::Float),
        OneKind::Histograms(..) => {
            histograms::change(window, change, notes).map(|histogram| Value::Histogram(Arc::new(histogram)))
        }
    }
}

/// The samples of a bare range selector with an extension: one at each end of the window, and those between. Prometheus
/// refuses histograms here: "anchored modifier is not supported with histograms".
pub fn extend(window: &Window<'_>) -> Vec<(i64, f64)> {
    let smoothed = window.extension == Some(Extension::Smoothed);
    let Some((first, last)) = edges(window.timestamps, |&time| time, window) else { return Vec::new() };
    let (left, right) = (left(window, first, smoothed, false), right(window, last, smoothed, false));
    let (Some(left), Some(right)) = (left, right) else { return Vec::new() };
    let between = within(window, first, last);
    let times = window.timestamps.get(between.clone()).unwrap_or_default().iter().copied();
    let values = window.values.get(between).unwrap_or_default().iter().copied();
    std::iter::once((window.start, left)).chain(times.zip(values)).chain([(window.end, right)]).collect()
}

/// An anchored window from its anchor on: the last sample up to its start, of either kind, and all that follow; none
/// where none follows. Other windows stay as they are.
pub(super) fn anchored<'a>(window: &Window<'a>) -> Option<Window<'a>> {
    if window.extension != Some(Extension::Anchored) {
        return (!window.is_empty()).then_some(*window);
    }
    let floats = window.timestamps.partition_point(|&time| time <= window.start);
    let histograms = window.histograms.partition_point(|point| point.timestamp <= window.start);
    if floats >= window.timestamps.len() && histograms >= window.histograms.len() {
        return None;
    }
    let float = floats.checked_sub(1).and_then(|i| window.timestamps.get(i).copied());
    let histogram = histograms.checked_sub(1).and_then(|i| window.histograms.get(i)).map(|point| point.timestamp);
    let (floats, histograms) = match (float, histogram) {
        (None, None) => (floats, histograms),
        (float, histogram) if float >= histogram => (floats - 1, histograms),
        _ => (floats, histograms - 1),
    };
    Some(Window {
        timestamps: window.timestamps.get(floats..)?,
        values: window.values.get(floats..)?,
        starts: window.starts.get(floats..).unwrap_or_default(),
        histograms: window.histograms.get(histograms..)?,
        ..*window
    })
}

/// The value at `time` on the line between two samples; a counter that was reset between them begins at 0.
pub(super) fn interpolate(from: (i64, f64), to: (i64, f64), time: i64, counter: bool) -> f64 {
    let start = if counter && to.1 < from.1 { 0.0 } else { from.1 };
    let (passed, all) = (time.saturating_sub(from.0) as f64, to.0.saturating_sub(from.0) as f64);
    start + (to.1 - start) * passed / all
}

/// The first and the last sample that say something of the window: the last one up to its start; for `smoothed` the first
/// one from its end on, else the last of all. None where all are before.
fn edges<T>(points: &[T], time: impl Fn(&T) -> i64, window: &Window<'_>) -> Option<(usize, usize)> {
    let (last, before_last) = points.split_last()?;
    let first = before_last.partition_point(|point| time(point) <= window.start).saturating_sub(1);
    let (last_index, last) = match window.extension {
        Some(Extension::Smoothed) => {
            let index = before_last.partition_point(|point| time(point) < window.end);
            (index, points.get(index)?)
        }
        _ => (before_last.len(), last),
    };
    (time(last) > window.start).then_some((first, last_index))
}

fn floats(window: &Window<'_>, change: Change) -> Option<f64> {
    let smoothed = window.extension == Some(Extension::Smoothed);
    let (first, last) = edges(window.timestamps, |&time| time, window)?;
    if smoothed && *window.timestamps.get(first)? > window.end {
        return None;
    }
    let left = left(window, first, smoothed, change.counter)?;
    let right = right(window, last, smoothed, change.counter)?;
    let mut result = right - left;
    if change.counter {
        let (mut lost, mut before) = (0.0, left);
        let values = window.values.get(within(window, first, last)).unwrap_or_default();
        for &value in values.iter().chain([&right]) {
            if value < before {
                lost += before;
            }
            before = value;
        }
        result += lost;
    }
    Some(if change.per_second { result / window.seconds() } else { result })
}

/// The samples from `first` to `last` that are neither at the ends of the window nor outside.
fn within(window: &Window<'_>, first: usize, last: usize) -> std::ops::Range<usize> {
    let before = window.timestamps.get(first).is_some_and(|&time| time <= window.start);
    let after = window.timestamps.get(last).is_some_and(|&time| time >= window.end);
    first + usize::from(before)..last + usize::from(!after)
}

fn left(window: &Window<'_>, first: usize, smoothed: bool, counter: bool) -> Option<f64> {
    let sample = at(window, first)?;
    if smoothed && sample.0 < window.start {
        return Some(interpolate(sample, at(window, first + 1)?, window.start, counter));
    }
    Some(sample.1)
}

fn right(window: &Window<'_>, last: usize, smoothed: bool, counter: bool) -> Option<f64> {
    let sample = at(window, last)?;
    if smoothed && last > 0 && sample.0 > window.end {
        return Some(interpolate(at(window, last - 1)?, sample, window.end, counter));
    }
    Some(sample.1)
}

fn at(window: &Window<'_>, index: usize) -> Option<(i64, f64)> {
    Some((*window.timestamps.get(index)?, *window.values.get(index)?))
}
