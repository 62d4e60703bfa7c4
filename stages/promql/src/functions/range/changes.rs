//! `changes(m[d])`: how often the value changed within a window. A change between floats and histograms counts.

use weir_pipeline::Value;

use super::extended::anchored;
use super::merged::{Either, Sample, merged};
use super::{RangeFunction, Window};
use crate::histogram::equals;

/// `changes`
pub(super) static CHANGES: RangeFunction =
    RangeFunction::new("changes", |window, _| anchored(window).map(|window| Value::Float(changes(&window) as f64)))
        .with_floats(|floats, places| floats.each(places, |values, _| Some(changed(values) as f64)));

fn changes(window: &Window<'_>) -> usize {
    if window.histograms.is_empty() {
        return changed(window.values);
    }
    let pairs = merged(window).zip(merged(window).skip(1));
    pairs.filter(|(before, after)| is_change(before, after)).count()
}

/// How often a value differs from the one before it.
fn changed(values: &[f64]) -> usize {
    values.iter().zip(values.iter().skip(1)).filter(|(before, after)| differ(**before, **after)).count()
}

fn is_change(before: &Sample<'_>, after: &Sample<'_>) -> bool {
    match (before.value, after.value) {
        (Either::Float(before), Either::Float(after)) => differ(before, after),
        (Either::Histogram(before), Either::Histogram(after)) => !equals(before, after),
        _ => true,
    }
}

fn differ(before: f64, after: f64) -> bool {
    before != after && !(before.is_nan() && after.is_nan())
}
