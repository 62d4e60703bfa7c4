//! Addition and subtraction of native histograms that need not have the same buckets.
//!
//! The coarser schema and the wider zero bucket win; of custom bounds those that both have.
//!
//! Source: `Add`, `Sub` and `KahanAdd` of Prometheus' `model/histogram/float_histogram.go`.

use std::cmp::Ordering;

use weir_pipeline::histogram::{Buckets, Histogram, ResetHint};

use super::bounds::exponential;
use super::bucket::{negative, positive};
use super::layout::{Layout, cells};
use super::{Combined, Incompatible};
use crate::functions::compensated::Sum;

/// What rounding took from each number of a histogram, in the order of its buckets.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost {
    pub(super) zero_count: f64,
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) positive: Vec<f64>,
    pub(super) negative: Vec<f64>,
}

/// Adds `other`. It may have other buckets; with `Err` nothing was added.
pub fn add(to: &mut Histogram, other: &Histogram) -> Result<Combined, Incompatible> {
    combine(to, None, other, 1.0)
}

/// Subtracts `other` as [`add`] adds it. That the difference is a gauge is left to the caller.
pub fn sub(from: &mut Histogram, other: &Histogram) -> Result<Combined, Incompatible> {
    combine(from, None, other, -1.0)
}

/// Adds `other` times `sign`, and keeps what rounding takes where there is a place for it.
pub(super) fn combine(
    to: &mut Histogram,
    mut lost: Option<&mut Lost>,
    other: &Histogram,
    sign: f64,
) -> Result<Combined, Incompatible> {
    if to.has_custom_buckets() != other.has_custom_buckets() {
        return Err(Incompatible);
    }
    let mut combined = Combined { reset_collision: adjust_hint(to, other), reconciled_bounds: false };
    if !to.has_custom_buckets() {
        let zero = reconcile_zero(to, lost.as_deref_mut(), other);
        accumulate(&mut to.zero_count, lost.as_deref_mut().map(|lost| &mut lost.zero_count), zero.sum * sign);
        if let Some(lost) = lost.as_deref_mut() {
            accumulate(&mut to.zero_count, Some(&mut lost.zero_count), zero.lost);
        }
    }
    accumulate(&mut to.count, lost.as_deref_mut().map(|lost| &mut lost.count), other.count * sign);
    accumulate(&mut to.sum, lost.as_deref_mut().map(|lost| &mut lost.sum), other.sum * sign);
    if to.has_custom_buckets() {
        combined.reconciled_bounds = combine_custom(to, lost, other, sign);
    } else {
        combine_exponential(to, lost, other, sign);
    }
    Ok(combined)
}

fn accumulate(total: &mut f64, lost: Option<&mut f64>, value: f64) {
    match lost {
        None => *total += value,
        Some(lost) => {
            let mut sum = Sum { sum: *total, lost: *lost };
            sum.add(value);
            (*total, *lost) = (sum.sum, sum.lost);
        }
    }
}

/// A gauge makes a gauge, and something unknown something unknown. Whether one was reset and the other was not.
fn adjust_hint(to: &mut Histogram, other: &Histogram) -> bool {
    let (hint, collision) = match (to.reset, other.reset) {
        (one, two) if one == two => (one, false),
        (ResetHint::Gauge, _) | (_, ResetHint::Gauge) => (ResetHint::Gauge, false),
        (ResetHint::Unknown, _) | (_, ResetHint::Unknown) => (ResetHint::Unknown, false),
        _ => (ResetHint::Unknown, true),
    };
    to.reset = hint;
    collision
}

// === Custom buckets ===

/// Whether the bounds were not the same.
fn combine_custom(to: &mut Histogram, mut lost: Option<&mut Lost>, other: &Histogram, sign: f64) -> bool {
    let mut layout = Layout::take(&mut to.positive, lost.as_deref_mut().map(|lost| std::mem::take(&mut lost.positive)));
    let same = to.custom == other.custom;
    if same {
        layout.add(signed(&other.positive, sign));
    } else {
        let shared = shared_bounds(&to.custom, &other.custom);
        layout = Layout::mapped((layout, &to.custom), (&other.positive, &other.custom), sign, &shared);
        to.custom = shared;
    }
    put(layout, &mut to.positive, lost.map(|lost| &mut lost.positive));
    !same
}

/// The bounds that are in both, which ascend.
pub(super) fn shared_bounds(one: &[f64], two: &[f64]) -> Vec<f64> {
    let mut two = two.iter().peekable();
    let mut shared = Vec::new();
    for bound in one {
        while two.next_if(|other| *other < bound).is_some() {}
        if two.next_if(|other| *other == bound).is_some() {
            shared.push(*bound);
        }
    }
    shared
}

// === Exponential buckets ===

fn combine_exponential(to: &mut Histogram, mut lost: Option<&mut Lost>, other: &Histogram, sign: f64) {
    let (own, others) = (to.schema, other.schema);
    to.schema = own.min(others);
    let (schema, threshold) = (to.schema, to.zero_threshold);
    let side = |to: &mut Buckets, lost: Option<&mut Vec<f64>>, other: &Buckets| {
        let mut lost = lost;
        let mut layout = Layout::take(to, lost.as_deref_mut().map(std::mem::take));
        if own > schema {
            layout = layout.reduced(own.abs_diff(schema));
        }
        // What is inside the zero bucket is in its count already.
        let outside = |(index, _): &(i64, Sum)| exponential(*index, schema) <= threshold;
        if others > schema {
            let keeps = lost.as_ref().map(|_| Vec::new());
            let reduced = Layout::take(&mut other.clone(), keeps).reduced(others.abs_diff(schema));
            let cells =
                reduced.cells().map(|(index, cell)| (index, Sum { sum: cell.sum * sign, lost: cell.lost * sign }));
            layout.add(cells.skip_while(outside));
        } else {
            layout.add(signed(other, sign).skip_while(outside));
        }
        put(layout, to, lost);
    };
    side(&mut to.positive, lost.as_deref_mut().map(|lost| &mut lost.positive), &other.positive);
    side(&mut to.negative, lost.map(|lost| &mut lost.negative), &other.negative);
}

fn signed(buckets: &Buckets, sign: f64) -> impl Iterator<Item = (i64, Sum)> + '_ {
    cells(buckets).map(move |(index, count)| (index, Sum::of(count * sign)))
}

fn put(layout: Layout, buckets: &mut Buckets, lost: Option<&mut Vec<f64>>) {
    let (changed, changed_lost) = layout.into_buckets();
    *buckets = changed;
    if let Some(lost) = lost {
        *lost = changed_lost.unwrap_or_default();
    }
}

// === The zero bucket ===

/// Widens the zero bucket until it reaches as far as that of `other` and ends inside no bucket of either. The zero count
/// that `other` would have then.
fn reconcile_zero(to: &mut Histogram, mut lost: Option<&mut Lost>, other: &Histogram) -> Sum {
    let mut zero = Sum::of(other.zero_count);
    let mut threshold = other.zero_threshold;
    // Each turn widens one of the two. NaN is no width that could be reached.
    while threshold.partial_cmp(&to.zero_threshold).is_some_and(Ordering::is_ne) {
        if to.zero_threshold > threshold {
            (zero, threshold) = widened_zero(other, None, to.zero_threshold);
        }
        if threshold > to.zero_threshold {
            let (widened, reached) = widened_zero(to, lost.as_deref(), threshold);
            (to.zero_count, to.zero_threshold) = (widened.sum, reached);
            if let Some(lost) = lost.as_deref_mut() {
                lost.zero_count = widened.lost;
            }
            drop_inside_zero(to, lost.as_deref_mut());
        }
    }
    zero
}

/// What the zero count would be were the zero bucket that wide, or wider where it would end inside a bucket that is not
/// empty; and how wide.
pub(super) fn widened_zero(of: &Histogram, lost: Option<&Lost>, mut threshold: f64) -> (Sum, f64) {
    let mut zero = Sum { sum: of.zero_count, lost: lost.map_or(0.0, |lost| lost.zero_count) };
    if threshold == of.zero_threshold {
        return (zero, threshold);
    }
    loop {
        // What was lost is not set back, as it is not in Prometheus.
        zero.sum = of.zero_count;
        let above = positive(of).map(|bucket| (bucket.lower, bucket.upper, bucket.count));
        if let Some(wider) = swallow(&mut zero, above, lost.map(|lost| &lost.positive), threshold) {
            threshold = wider;
        }
        let below = negative(of).map(|bucket| (-bucket.upper, -bucket.lower, bucket.count));
        match swallow(&mut zero, below, lost.map(|lost| &lost.negative), threshold) {
            // Now more of the positive buckets are inside.
            Some(wider) => threshold = wider,
            None => return (zero, threshold),
        }
    }
}

/// Adds the buckets within the threshold. The end of the last where it reaches beyond and is not empty.
fn swallow(
    zero: &mut Sum,
    buckets: impl Iterator<Item = (f64, f64, f64)>,
    lost: Option<&Vec<f64>>,
    threshold: f64,
) -> Option<f64> {
    for (at, (near, far, count)) in buckets.enumerate() {
        if near >= threshold {
            break;
        }
        zero.add(count);
        if let Some(lost) = lost {
            zero.add(lost.get(at).copied().unwrap_or(0.0));
        }
        if far > threshold {
            return (count != 0.0).then_some(far);
        }
    }
    None
}

/// Takes out the buckets that the zero bucket covers.
fn drop_inside_zero(of: &mut Histogram, mut lost: Option<&mut Lost>) {
    let threshold = of.zero_threshold;
    let above = positive(of).take_while(|bucket| bucket.lower < threshold).count();
    let below = negative(of).take_while(|bucket| bucket.upper > -threshold).count();
    let side = |buckets: &mut Buckets, lost: Option<&mut Vec<f64>>, inside: usize| {
        let mut lost = lost;
        let mut layout = Layout::take(buckets, lost.as_deref_mut().map(std::mem::take));
        layout.clear_first(inside);
        put(layout.compact(0), buckets, lost);
    };
    side(&mut of.positive, lost.as_deref_mut().map(|lost| &mut lost.positive), above);
    side(&mut of.negative, lost.map(|lost| &mut lost.negative), below);
}
