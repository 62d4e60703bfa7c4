//! `avg_over_time(m[d])`: the mean of the window, from a compensated sum.

use std::sync::Arc;

use weir_pipeline::{Histogram, Value};

use super::{HistogramPoint, OneKind, RangeFunction, Window, noted};
use crate::annotations::{Note, Notes};
use crate::functions::compensated::{Mean, Sum};
use crate::histogram::CompensatedMean;

/// `avg_over_time`
pub(super) static AVG_OVER_TIME: RangeFunction =
    RangeFunction::new("avg_over_time", average).with_floats(|all, places| {
        all.each(places, |values, _| values.split_first().map(|(first, rest)| floats(*first, rest)))
    });

fn average(window: &Window<'_>, notes: &mut Notes) -> Option<Value> {
    match window.one_kind(notes)? {
        OneKind::Floats(&first, rest) => Some(Value::Float(floats(first, rest))),
        OneKind::Histograms(first, rest) => histograms(first, rest, notes),
    }
}

fn floats(first: f64, rest: &[f64]) -> f64 {
    let mut sum = Sum::of(first);
    rest.iter().for_each(|&value| sum.add(value));
    // Once the sum overflows it stays infinite or becomes NaN: seldom enough to begin again with means.
    if sum.sum.is_finite() {
        let count = (rest.len() + 1) as f64;
        return sum.sum / count + sum.lost / count;
    }
    let mut mean = Mean::of(first);
    rest.iter().for_each(|&value| mean.add(value));
    mean.mean()
}

fn histograms(first: &HistogramPoint, rest: &[HistogramPoint], notes: &mut Notes) -> Option<Value> {
    let mut avg = CompensatedMean::new(Histogram::clone(&first.histogram));
    for point in rest {
        if avg.add(&point.histogram).is_err() {
            notes.push(Note::MixedExponentialCustom);
            return None;
        }
    }
    noted::aggregated(avg.resets_collide(), avg.reconciled_bounds(), notes);
    Some(Value::Histogram(Arc::new(avg.mean())))
}
