//! `resets(m[d])`: how often a counter began anew within a window. A change between floats and histograms counts.

use weir_pipeline::Value;

use super::extended::anchored;
use super::merged::{Either, Sample, merged};
use super::{RangeFunction, Window};
use crate::histogram::detect_reset;

/// `resets`
pub(super) static RESETS: RangeFunction =
    RangeFunction::new("resets", |window, _| anchored(window).map(|window| Value::Float(resets(&window) as f64)))
        .with_floats(|floats, places| floats.each(places, |values, _| Some(falls(values) as f64)));

fn resets(window: &Window<'_>) -> usize {
    if window.histograms.is_empty() && window.starts.is_empty() {
        return falls(window.values);
    }
    let pairs = merged(window).zip(merged(window).skip(1));
    pairs.filter(|(before, after)| is_reset(before, after)).count()
}

/// How often a value is below the one before it.
fn falls(values: &[f64]) -> usize {
    values.iter().zip(values.iter().skip(1)).filter(|(before, after)| after < before).count()
}

fn is_reset(before: &Sample<'_>, after: &Sample<'_>) -> bool {
    match (before.value, after.value) {
        (Either::Float(b), Either::Float(a)) => a < b || after.stamp.is_reset_after(before.stamp),
        (Either::Histogram(b), Either::Histogram(a)) => after.stamp.is_reset_after(before.stamp) || detect_reset(a, b),
        _ => true,
    }
}
