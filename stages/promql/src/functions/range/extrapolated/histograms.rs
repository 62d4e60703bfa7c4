//! The change of native histograms over a window.
//!
//! Source: `histogramRate` of Prometheus' `promql/functions.go`.

use weir_pipeline::Histogram;

use super::{Change, Reach};
use crate::annotations::{Note, Notes};
use crate::functions::range::noted::{self, finish_difference, is_gauge};
use crate::functions::range::starts::Stamp;
use crate::functions::range::{HistogramPoint, Window};
use crate::histogram::{detect_reset, reduce_schema, scale};

pub(super) fn change(window: &Window<'_>, change: Change, notes: &mut Notes) -> Option<Histogram> {
    let points = window.histograms;
    let (first, last) = (points.first()?, points.last()?);
    let difference = match points {
        [_] => None,
        _ => Some(difference(points, change.counter, notes)?),
    };
    let stamp = Stamp { start: if change.counter { first.start } else { 0 }, ..Stamp::of(first) };
    let mut reach = Reach::new(window, stamp, last.timestamp, points.len())?;
    let mut result = match difference {
        Some(mut difference) => {
            if reach.from_zero {
                noted::add(&mut difference, &first.histogram, notes)?;
            } else if change.counter && difference.count > 0.0 && first.histogram.count >= 0.0 {
                reach.not_below_zero(first.histogram.count, difference.count);
            }
            difference
        }
        None => Histogram::clone(&first.histogram),
    };
    scale(&mut result, reach.factor(window, change));
    Some(result)
}

/// The last histogram without the first, and for counters with what they lost in resets.
fn difference(points: &[HistogramPoint], counter: bool, notes: &mut Notes) -> Option<Histogram> {
    let ([first, second, ..], [.., last]) = (points, points) else { return None };
    // Where nothing else can be said but that layouts are mixed, that is all that is said.
    let mut own = Notes::default();
    if counter && (is_gauge(&first.histogram) || is_gauge(&last.histogram)) {
        own.push(Note::HistogramNotCounter);
    }
    let mut nothing = Histogram::default();
    let mut base: &Histogram = &first.histogram;
    if counter && is_reset(first, second, base) {
        // The first one doesn't count, so its layout doesn't matter.
        nothing.schema = second.histogram.schema;
        nothing.custom.clone_from(&second.histogram.custom);
        base = &nothing;
    }
    let custom = base.has_custom_buckets();
    if last.histogram.has_custom_buckets() != custom {
        own.push(Note::MixedExponentialCustom);
        own.drain().for_each(|note| notes.push(note));
        return None;
    }
    let mut schema = base.schema.min(last.histogram.schema);
    if counter {
        for point in points.get(1..points.len() - 1).unwrap_or_default() {
            if is_gauge(&point.histogram) {
                own.push(Note::HistogramNotCounter);
            }
            if point.histogram.has_custom_buckets() != custom {
                notes.push(Note::MixedExponentialCustom);
                return None;
            }
            schema = schema.min(point.histogram.schema);
        }
    }
    let mut result = Histogram::clone(&last.histogram);
    reduce_schema(&mut result, schema);
    // All have one layout by now: neither this nor adding fails.
    noted::sub(&mut result, base, &mut own)?;
    if counter {
        add_resets(&mut result, points, base, &mut own)?;
    } else if !is_gauge(&first.histogram) || !is_gauge(&last.histogram) {
        own.push(Note::HistogramNotGauge);
    }
    own.drain().for_each(|note| notes.push(note));
    finish_difference(&mut result);
    Some(result)
}

/// Adds what was counted before each reset. The first of `points` counts as `base`.
fn add_resets(result: &mut Histogram, points: &[HistogramPoint], base: &Histogram, notes: &mut Notes) -> Option<()> {
    let (mut overlap, mut base) = (false, base);
    for pair in points.windows(2) {
        let [before, after] = pair else { continue };
        overlap |= Stamp::of(after).overlaps(Stamp::of(before));
        if is_reset(before, after, base) {
            noted::add(result, base, notes)?;
        }
        base = &after.histogram;
    }
    if overlap {
        notes.push(Note::StartTimeOverlap);
    }
    Some(())
}

/// Whether a counter began anew between two samples, the first of which counts as `base`.
fn is_reset(before: &HistogramPoint, after: &HistogramPoint, base: &Histogram) -> bool {
    Stamp::of(after).is_reset_after(Stamp::of(before)) || detect_reset(&after.histogram, base)
}
