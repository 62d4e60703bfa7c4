//! Whether a counter of histograms began anew between two samples.
//!
//! Source: `DetectReset` of Prometheus' `model/histogram/float_histogram.go`.

use weir_pipeline::histogram::{Buckets, Histogram, ResetHint};

use super::bounds::exponential;
use super::combine::{shared_bounds, widened_zero};
use super::layout::{Layout, cells, spread};

/// Whether `current` can't be what `previous` has become: a count is lower, in a bucket or of all, or the buckets are
/// finer. Its hint is believed where it says. Gauges are compared like counters.
pub fn detect_reset(current: &Histogram, previous: &Histogram) -> bool {
    match current.reset {
        ResetHint::Reset => return true,
        ResetHint::NotReset => return false,
        ResetHint::Unknown | ResetHint::Gauge => {}
    }
    if current.count < previous.count {
        return true;
    }
    if current.has_custom_buckets() {
        if !previous.has_custom_buckets() {
            return true;
        }
        if current.custom != previous.custom {
            return custom_decreased(current, previous);
        }
    }
    if current.schema > previous.schema || current.zero_threshold < previous.zero_threshold {
        return true;
    }
    let (zero, threshold) = widened_zero(previous, None, current.zero_threshold);
    if threshold != current.zero_threshold || current.zero_count < zero.sum {
        return true;
    }
    let by = current.schema.abs_diff(previous.schema);
    let decreased = |now: &Buckets, before: &Buckets| {
        let before = Layout::take(&mut before.clone(), None).reduced(by);
        let before = before.cells().map(|(index, cell)| (index, cell.sum));
        decreased(outside(current, cells(now)), outside(current, before))
    };
    decreased(&current.positive, &previous.positive) || decreased(&current.negative, &previous.negative)
}

/// The buckets beyond the zero bucket.
fn outside(of: &Histogram, cells: impl Iterator<Item = (i64, f64)>) -> impl Iterator<Item = (i64, f64)> {
    let (schema, threshold) = (of.schema, of.zero_threshold);
    let all = threshold == 0.0 || of.has_custom_buckets();
    cells.skip_while(move |(index, _)| !all && exponential(*index, schema) <= threshold)
}

/// Whether a bucket has become less, or one that was not empty is missing.
fn decreased(now: impl Iterator<Item = (i64, f64)>, before: impl Iterator<Item = (i64, f64)>) -> bool {
    let mut now = now.peekable();
    for (index, count) in before {
        while now.next_if(|(other, _)| *other < index).is_some() {}
        let decreased = match now.peek() {
            Some((other, now)) if *other == index => *now < count,
            _ => count != 0.0,
        };
        if decreased {
            return true;
        }
    }
    false
}

/// Whether a bucket between bounds that both have has become less.
fn custom_decreased(current: &Histogram, previous: &Histogram) -> bool {
    let shared = shared_bounds(&current.custom, &previous.custom);
    let counts = |of: &Histogram| spread(cells(&of.positive), &of.custom, &shared);
    counts(current).iter().zip(counts(previous)).any(|(now, before)| *now < before)
}
