//! The change of native histograms over a window that knows samples outside of itself.
//!
//! Source: `extendedHistogramRate` of Prometheus' `promql/functions.go`.

use weir_pipeline::Histogram;

use super::edges;
use crate::annotations::{Note, Notes};
use crate::functions::range::extrapolated::Change;
use crate::functions::range::noted::{self, finish_difference, is_gauge};
use crate::functions::range::{HistogramPoint, Window};
use crate::histogram::{detect_reset, divide};
use crate::syntax::ast::Extension;

pub(super) fn change(window: &Window<'_>, change: Change, notes: &mut Notes) -> Option<Histogram> {
    let smoothed = window.extension == Some(Extension::Smoothed);
    let (first_index, last_index) = edges(window.histograms, |point| point.timestamp, window)?;
    let points = window.histograms.get(first_index..=last_index)?;
    let (first, last) = (points.first()?, points.last()?);
    if smoothed && first.timestamp > window.end {
        return None;
    }
    validate(points, change.counter, notes)?;
    let on_line_left = smoothed && first.timestamp < window.start;
    let left = if on_line_left {
        noted::interpolate(first, points.get(1)?, window.start, change.counter, notes)?
    } else {
        Histogram::clone(&first.histogram)
    };
    let before_last = last_index.checked_sub(1).and_then(|index| window.histograms.get(index));
    let right = match before_last {
        Some(before) if smoothed && last.timestamp > window.end => {
            noted::interpolate(before, last, window.end, change.counter, notes)?
        }
        _ => Histogram::clone(&last.histogram),
    };
    if !(change.counter || is_gauge(&left) && is_gauge(&right)) {
        notes.push(Note::HistogramNotGauge);
    }
    let mut result = right.clone();
    noted::sub(&mut result, &left, notes)?;
    if change.counter
        && let Some(lost) = lost_in_resets(points, on_line_left, (&left, &right), notes)?
    {
        noted::add(&mut result, &lost, notes)?;
    }
    if change.per_second {
        divide(&mut result, window.seconds());
    }
    finish_difference(&mut result);
    Some(result)
}

/// `None` where exponential and custom buckets are mixed.
fn validate(points: &[HistogramPoint], counter: bool, notes: &mut Notes) -> Option<()> {
    let custom = points.first()?.histogram.has_custom_buckets();
    for point in points {
        if point.histogram.has_custom_buckets() != custom {
            notes.push(Note::MixedExponentialCustom);
            return None;
        }
        if counter && is_gauge(&point.histogram) {
            notes.push(Note::HistogramNotCounter);
        }
    }
    Some(())
}

/// What was counted before each reset between the left and the right end of the window, if there was any; `None` where
/// it can't be added up.
fn lost_in_resets(
    points: &[HistogramPoint],
    on_line_left: bool,
    (left, right): (&Histogram, &Histogram),
    notes: &mut Notes,
) -> Option<Option<Histogram>> {
    let (mut skipped, mut before) = (1, left);
    if on_line_left
        && let [first, second, ..] = points
        && detect_reset(&second.histogram, &first.histogram)
    {
        // The line to the left end begins at 0: that reset is counted already.
        (skipped, before) = (2, &second.histogram);
    }
    let mut lost: Option<Histogram> = None;
    // The last one is the right end or is behind it. Where both ends are on one line that begins at 0, nothing is lost.
    let Some(between) = points.get(skipped..points.len().saturating_sub(1)) else { return Some(None) };
    for current in between.iter().map(|point| &*point.histogram).chain([right]) {
        if detect_reset(current, before) {
            match &mut lost {
                Some(lost) => noted::add(lost, before, notes)?,
                None => lost = Some(before.clone()),
            }
        }
        before = current;
    }
    Some(lost)
}
