//! `sum_over_time(m[d])`: the sum of the window, compensated.

use std::sync::Arc;

use weir_pipeline::{Histogram, Value};

use super::{HistogramPoint, OneKind, RangeFunction, Window, noted};
use crate::annotations::{Note, Notes};
use crate::functions::compensated::Sum;
use crate::histogram::CompensatedSum;

/// `sum_over_time`
pub(super) static SUM_OVER_TIME: RangeFunction = RangeFunction::new("sum_over_time", sum)
    .with_floats(|all, places| all.each(places, |values, _| Some(floats(values))));

fn sum(window: &Window<'_>, notes: &mut Notes) -> Option<Value> {
    match window.one_kind(notes)? {
        OneKind::Floats(..) => Some(Value::Float(floats(window.values))),
        OneKind::Histograms(first, rest) => histograms(first, rest, notes),
    }
}

fn floats(values: &[f64]) -> f64 {
    let mut sum = Sum::default();
    values.iter().for_each(|&value| sum.add(value));
    sum.total()
}

fn histograms(first: &HistogramPoint, rest: &[HistogramPoint], notes: &mut Notes) -> Option<Value> {
    let mut sum = CompensatedSum::new(Histogram::clone(&first.histogram));
    for point in rest {
        if sum.add(&point.histogram).is_err() {
            notes.push(Note::MixedExponentialCustom);
            return None;
        }
    }
    noted::aggregated(sum.resets_collide(), sum.reconciled_bounds(), notes);
    Some(Value::Histogram(Arc::new(sum.total())))
}
