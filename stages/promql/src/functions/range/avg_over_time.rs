//! `avg_over_time(m[d])`: the mean of the window, from a compensated sum.

use weir_pipeline::Value;

use super::{OneKind, RangeFunction, Window};
use crate::annotations::Notes;
use crate::functions::compensated::{Mean, Sum};

/// `avg_over_time`
pub(super) static AVG_OVER_TIME: RangeFunction = RangeFunction::new("avg_over_time", average);

fn average(window: &Window<'_>, notes: &mut Notes) -> Option<Value> {
    match window.one_kind(notes)? {
        OneKind::Floats(&first, rest) => Some(Value::Float(floats(first, rest))),
        OneKind::Histograms(..) => None,
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
