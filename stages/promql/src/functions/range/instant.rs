//! The instant selector: the last sample of the lookback window, unless it marks the end of the series; and the functions
//! that ask when that sample was, and since when it counts.
//!
//! A `smoothed` selector goes on a line between the samples around the step instead.

use std::sync::Arc;

use weir_pipeline::histogram::ResetHint;
use weir_pipeline::{Histogram, Value, is_stale};

use super::extended::interpolate;
use super::noted::{self, is_gauge};
use super::starts::Stamp;
use super::{HistogramPoint, RangeFunction, Window};
use crate::annotations::{Note, Notes};
use crate::syntax::ast::Extension;

/// An instant selector.
pub(super) static INSTANT: RangeFunction =
    RangeFunction { keeps_name: true, sees_stale: true, ..RangeFunction::new("instant", instant) }.with_floats(
        |floats, places| floats.each(places, |values, _| values.last().copied().filter(|v| !is_stale(*v))),
    );

/// `timestamp` of a bare selector, in seconds since the Unix epoch.
pub(super) static TIMESTAMP: RangeFunction = RangeFunction {
    sees_stale: true,
    ..RangeFunction::new("timestamp", |window, _| stamp(window, |stamp| stamp.time))
};

/// `start_timestamp` of a bare selector, in seconds since the Unix epoch, 0 for unknown.
pub(super) static START_TIMESTAMP: RangeFunction = RangeFunction {
    sees_stale: true,
    ..RangeFunction::new("start_timestamp", |window, _| stamp(window, |stamp| stamp.start))
};

/// The info series of `info`: when the sample is that an instant selector has, in milliseconds since the Unix epoch. A
/// histogram, which no info series should be, stays what it is.
pub(super) static INFO: RangeFunction =
    RangeFunction { keeps_name: true, sees_stale: true, ..RangeFunction::new("info", info) };

fn info(window: &Window<'_>, notes: &mut Notes) -> Option<Value> {
    match instant(window, notes)? {
        Value::Float(_) => window.timestamps.last().map(|&time| Value::Float(time as f64)),
        histogram => Some(histogram),
    }
}

fn instant(window: &Window<'_>, notes: &mut Notes) -> Option<Value> {
    match window.extension {
        Some(Extension::Smoothed) => smoothed(window, notes),
        _ => {
            let float = window.timestamps.last().zip(window.values.last());
            match (float, window.histograms.last()) {
                (Some((time, &value)), h) if h.is_none_or(|h| h.timestamp < *time) => {
                    (!is_stale(value)).then_some(Value::Float(value))
                }
                (_, histogram) => histogram.filter(|h| !h.histogram.is_stale()).map(HistogramPoint::value),
            }
        }
    }
}

/// Of the last sample up to the step, whatever follows the selector.
fn stamp(window: &Window<'_>, of: fn(Stamp) -> i64) -> Option<Value> {
    let float = window.timestamps.partition_point(|&time| time <= window.end).checked_sub(1);
    let float = float.and_then(|i| {
        let stamp = Stamp { time: *window.timestamps.get(i)?, start: window.float_start(i) };
        Some((stamp, is_stale(*window.values.get(i)?)))
    });
    let histogram = window.histograms.iter().rfind(|point| point.timestamp <= window.end);
    let histogram = histogram.map(|h| (Stamp::of(h), h.histogram.is_stale()));
    let last = float.into_iter().chain(histogram).max_by_key(|(stamp, _)| stamp.time);
    let (stamp, _) = last.filter(|(stamp, stale)| !stale && stamp.time > window.start)?;
    Some(Value::Float(of(stamp) as f64 / 1000.0))
}

/// On a line between the samples around the step; the last sample where none follows.
fn smoothed(window: &Window<'_>, notes: &mut Notes) -> Option<Value> {
    let floats = window.timestamps.iter().copied().zip(window.values.iter().copied());
    let floats = floats.filter(|&(time, value)| time > window.start && !is_stale(value));
    let histograms = window.histograms.iter().filter(|h| h.timestamp > window.start && !h.histogram.is_stale());
    match (floats.clone().next(), histograms.clone().next()) {
        (Some(_), Some(_)) => {
            notes.push(Note::MixedFloatsHistograms);
            None
        }
        (Some(_), None) => {
            let before = floats.clone().take_while(|&(time, _)| time < window.end).last();
            let after = floats.clone().find(|&(time, _)| time >= window.end);
            match (before, after) {
                (_, Some((time, value))) if time == window.end => Some(Value::Float(value)),
                (Some(before), Some(after)) => Some(Value::Float(interpolate(before, after, window.end, false))),
                (before, _) => before.map(|(_, value)| Value::Float(value)),
            }
        }
        (None, _) => {
            let before = histograms.clone().take_while(|h| h.timestamp < window.end).last();
            let after = histograms.clone().find(|h| h.timestamp >= window.end);
            smoothed_histogram(before, after, window.end, notes)
        }
    }
}

fn smoothed_histogram(
    before: Option<&HistogramPoint>,
    after: Option<&HistogramPoint>,
    time: i64,
    notes: &mut Notes,
) -> Option<Value> {
    match (before, after) {
        (_, Some(after)) if after.timestamp == time => Some(after.value()),
        (Some(before), Some(after)) => {
            if before.histogram.has_custom_buckets() != after.histogram.has_custom_buckets() {
                notes.push(Note::MixedExponentialCustom);
                return None;
            }
            let counter = !is_gauge(&before.histogram) || !is_gauge(&after.histogram);
            let histogram = noted::interpolate(before, after, time, counter, notes)?;
            Some(Value::Histogram(Arc::new(histogram)))
        }
        (before, _) => before.map(|before| {
            // What was known of resets was known of that sample, not of the step.
            let histogram = Histogram { reset: ResetHint::Unknown, ..Histogram::clone(&before.histogram) };
            Value::Histogram(Arc::new(histogram))
        }),
    }
}
