//! `quantile_over_time(φ, m[d])`: the φ-quantile of the floats of a window.

use weir_pipeline::Value;

use super::{RangeFunction, Window};
use crate::annotations::{Note, Notes};
use crate::functions::sample_quantile::sample_quantile;

/// `quantile_over_time`
pub(super) static QUANTILE_OVER_TIME: RangeFunction = RangeFunction::new("quantile_over_time", quantile);

fn quantile(window: &Window<'_>, notes: &mut Notes) -> Option<Value> {
    let (&[quantile, ..], floats) = (window.args, window.floats(notes)) else { return None };
    if floats.is_empty() {
        return None;
    }
    if !(0.0..=1.0).contains(&quantile) {
        notes.push(Note::InvalidQuantile(quantile));
    }
    Some(Value::Float(sample_quantile(quantile, &mut floats.to_vec())))
}
