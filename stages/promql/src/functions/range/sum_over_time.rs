//! `sum_over_time(m[d])`: the sum of the window, compensated.

use weir_pipeline::Value;

use super::{OneKind, RangeFunction, Window};
use crate::annotations::Notes;
use crate::functions::compensated::Sum;

/// `sum_over_time`
pub(super) static SUM_OVER_TIME: RangeFunction = RangeFunction::new("sum_over_time", sum);

fn sum(window: &Window<'_>, notes: &mut Notes) -> Option<Value> {
    match window.one_kind(notes)? {
        OneKind::Floats(..) => Some(Value::Float(floats(window.values))),
        OneKind::Histograms(..) => None,
    }
}

fn floats(values: &[f64]) -> f64 {
    let mut sum = Sum::default();
    values.iter().for_each(|&value| sum.add(value));
    sum.total()
}
