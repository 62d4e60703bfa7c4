//! Operators with a native histogram on one side or on both.

use std::sync::Arc;

use weir_pipeline::histogram::ResetHint;
use weir_pipeline::{Histogram, Value};

use crate::annotations::{HistogramOperation, Note, Notes};
use crate::histogram::{Combined, Incompatible, add, compact, divide, equals, scale, sub, trim_lower, trim_upper};
use crate::syntax::ast::BinaryOp;

/// What is made of two histograms.
pub(super) enum Outcome {
    /// A histogram.
    Value(Value),
    /// A comparison holds, or does not.
    Holds(bool),
    /// Nothing, which is noted.
    Nothing,
    /// There is no such operator of two histograms.
    Incompatible,
}

/// A number, and a histogram.
pub(super) fn from_left(op: BinaryOp, float: f64, histogram: &Histogram) -> Option<Value> {
    (op == BinaryOp::Mul).then(|| changed(histogram, |histogram| compacted(histogram, |h| scale(h, float))))
}

/// A histogram, and a number.
pub(super) fn from_right(op: BinaryOp, histogram: &Histogram, float: f64) -> Option<Value> {
    Some(match op {
        BinaryOp::Mul => changed(histogram, |histogram| compacted(histogram, |h| scale(h, float))),
        BinaryOp::Div => changed(histogram, |histogram| compacted(histogram, |h| divide(h, float))),
        BinaryOp::TrimUpper => changed(histogram, |histogram| trim_upper(histogram, float)),
        BinaryOp::TrimLower => changed(histogram, |histogram| trim_lower(histogram, float)),
        _ => return None,
    })
}

/// Two histograms.
pub(super) fn of_both(op: BinaryOp, lhs: &Histogram, rhs: &Histogram, notes: &mut Notes) -> Outcome {
    match op {
        BinaryOp::Add => {
            let mut sum = lhs.clone();
            let combined = add(&mut sum, rhs);
            finish(op, HistogramOperation::Addition, sum, combined, notes)
        }
        BinaryOp::Sub => {
            let mut difference = lhs.clone();
            let combined = sub(&mut difference, rhs);
            difference.reset = ResetHint::Gauge;
            finish(op, HistogramOperation::Subtraction, difference, combined, notes)
        }
        BinaryOp::Equal => Outcome::Holds(equals(lhs, rhs)),
        BinaryOp::NotEqual => Outcome::Holds(!equals(lhs, rhs)),
        _ => Outcome::Incompatible,
    }
}

fn finish(
    op: BinaryOp,
    operation: HistogramOperation,
    mut result: Histogram,
    combined: Result<Combined, Incompatible>,
    notes: &mut Notes,
) -> Outcome {
    let Ok(Combined { reset_collision, reconciled_bounds }) = combined else {
        notes.push(Note::IncompatibleBucketLayout(op.as_str()));
        return Outcome::Nothing;
    };
    if reset_collision {
        // As in Prometheus: unlike in an aggregation, no result is left.
        notes.push(Note::CounterResetCollision(operation));
        return Outcome::Nothing;
    }
    if reconciled_bounds {
        notes.push(Note::MismatchedCustomBuckets(operation));
    }
    compact(&mut result, 0);
    Outcome::Value(Value::Histogram(Arc::new(result)))
}

fn changed(histogram: &Histogram, change: impl FnOnce(&mut Histogram)) -> Value {
    let mut histogram = histogram.clone();
    change(&mut histogram);
    Value::Histogram(Arc::new(histogram))
}

fn compacted(histogram: &mut Histogram, change: impl FnOnce(&mut Histogram)) {
    change(histogram);
    compact(histogram, 0);
}
