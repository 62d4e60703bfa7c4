//! Arithmetic of histograms that says what it had to do. `None` where exponential and custom buckets meet.

use weir_pipeline::Histogram;
use weir_pipeline::histogram::ResetHint;

use super::HistogramPoint;
use crate::annotations::{HistogramOperation, Note, Notes};
use crate::histogram::{self, Combined, Incompatible, detect_reset};

/// Adds `other`.
pub(super) fn add(to: &mut Histogram, other: &Histogram, notes: &mut Notes) -> Option<()> {
    note(histogram::add(to, other), HistogramOperation::Addition, notes)
}

/// Subtracts `other`.
pub(super) fn sub(from: &mut Histogram, other: &Histogram, notes: &mut Notes) -> Option<()> {
    note(histogram::sub(from, other), HistogramOperation::Subtraction, notes)
}

/// That resets collide is no news here: resets are looked for on their own.
fn note(done: Result<Combined, Incompatible>, operation: HistogramOperation, notes: &mut Notes) -> Option<()> {
    match done {
        Err(Incompatible) => {
            notes.push(Note::MixedExponentialCustom);
            return None;
        }
        Ok(Combined { reconciled_bounds: true, .. }) => notes.push(Note::MismatchedCustomBuckets(operation)),
        Ok(_) => {}
    }
    Some(())
}

/// The histogram at `time` on the line between two; a counter that was reset between them begins at 0.
pub(super) fn interpolate(
    from: &HistogramPoint,
    to: &HistogramPoint,
    time: i64,
    counter: bool,
    notes: &mut Notes,
) -> Option<Histogram> {
    if time == from.timestamp {
        return Some(Histogram::clone(&from.histogram));
    }
    let mut result = Histogram::clone(&to.histogram);
    if time == to.timestamp {
        return Some(result);
    }
    let (passed, all) = (time.saturating_sub(from.timestamp), to.timestamp.saturating_sub(from.timestamp));
    let fraction = passed as f64 / all as f64;
    if counter && detect_reset(&to.histogram, &from.histogram) {
        histogram::scale(&mut result, fraction);
        return Some(result);
    }
    sub(&mut result, &from.histogram, notes)?;
    histogram::scale(&mut result, fraction);
    add(&mut result, &from.histogram, notes)?;
    Some(result)
}

/// Whether it says that it is a gauge.
pub(super) fn is_gauge(histogram: &Histogram) -> bool {
    histogram.reset == ResetHint::Gauge
}

/// A difference is a gauge, without empty buckets.
pub(super) fn finish_difference(histogram: &mut Histogram) {
    histogram.reset = ResetHint::Gauge;
    histogram::compact(histogram, 0);
}

/// Says what a sum or a mean of histograms had to do.
pub(super) fn aggregated(resets_collide: bool, reconciled_bounds: bool, notes: &mut Notes) {
    if resets_collide {
        notes.push(Note::CounterResetCollision(HistogramOperation::Aggregation));
    }
    if reconciled_bounds {
        notes.push(Note::MismatchedCustomBuckets(HistogramOperation::Aggregation));
    }
}
