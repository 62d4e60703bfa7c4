//! `changes(m[d])`: how often the value changed within a window. A change between floats and histograms counts.

use weir_pipeline::Value;

use super::extended::anchored;
use super::merged::{Either, Sample, merged};
use super::{RangeFunction, Window};
use crate::histogram::equals;

/// `changes`
pub(super) static CHANGES: RangeFunction =
    RangeFunction::new("changes", |window, _| anchored(window).map(|window| Value::Float(changes(&window) as f64)));

fn changes(window: &Window<'_>) -> usize {
    if window.histograms.is_empty() {
        return window.values.windows(2).filter(|pair| matches!(**pair, [b, a] if differ(b, a))).count();
    }
    let pairs = merged(window).zip(merged(window).skip(1));
    pairs.filter(|(before, after)| is_change(before, after)).count()
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
