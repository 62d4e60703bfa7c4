//! What binary operators make of two values.
//!
//! No operator fails a query here: where two values do not go together, the element goes, with a note.
//!
//! Source: `vectorElemBinop`, `VectorBinop`, `VectorscalarBinop` and `scalarBinop` of Prometheus' `promql/engine.go`.

use weir_pipeline::Value;

use crate::annotations::{Note, Notes};
use crate::syntax::ast::BinaryOp;

mod histograms;

/// What an operator makes of two numbers.
#[derive(Clone, Copy, Debug)]
pub enum Kernel {
    /// A number.
    Arithmetic(fn(f64, f64) -> f64),
    /// Whether the left one stays.
    Comparison(fn(f64, f64) -> bool),
}

/// What a comparison answers where it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The left operand: of two vectors, or of a vector and a number.
    Left,
    /// The right operand: of a number and a vector.
    Right,
    /// 1, and 0 where it does not hold: with `bool`.
    Bool,
}

/// What an operator makes of two numbers; nothing for set operators and those of histograms.
pub fn kernel(op: BinaryOp) -> Option<Kernel> {
    use Kernel::{Arithmetic, Comparison};
    Some(match op {
        BinaryOp::Add => Arithmetic(|a, b| a + b),
        BinaryOp::Sub => Arithmetic(|a, b| a - b),
        BinaryOp::Mul => Arithmetic(|a, b| a * b),
        BinaryOp::Div => Arithmetic(|a, b| a / b),
        BinaryOp::Mod => Arithmetic(|a, b| a % b),
        BinaryOp::Pow => Arithmetic(f64::powf),
        BinaryOp::Atan2 => Arithmetic(f64::atan2),
        BinaryOp::Equal => Comparison(|a, b| a == b),
        BinaryOp::NotEqual => Comparison(|a, b| a != b),
        BinaryOp::Less => Comparison(|a, b| a < b),
        BinaryOp::LessEqual => Comparison(|a, b| a <= b),
        BinaryOp::Greater => Comparison(|a, b| a > b),
        BinaryOp::GreaterEqual => Comparison(|a, b| a >= b),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::TrimUpper | BinaryOp::TrimLower => return None,
    })
}

/// What an operator makes of two numbers that belong to no series, where comparisons answer 0 or 1.
pub fn of_scalars(op: BinaryOp, lhs: f64, rhs: f64) -> Option<f64> {
    kernel(op)?.apply(lhs, rhs, Answer::Bool)
}

/// What an operator makes of two elements, or of an element and a number; `None` where nothing is left. Set operators
/// leave nothing: they look at no values.
pub fn apply(op: BinaryOp, answer: Answer, lhs: &Value, rhs: &Value, notes: &mut Notes) -> Option<Value> {
    let incompatible = |lhs, rhs, notes: &mut Notes| notes.push(Note::IncompatibleTypes(lhs, op.as_str(), rhs));
    match (lhs, rhs) {
        (Value::Float(l), Value::Float(r)) => match kernel(op) {
            Some(kernel) => kernel.apply(*l, *r, answer).map(Value::Float),
            None => {
                incompatible("float", "float", notes);
                None
            }
        },
        (Value::Float(float), Value::Histogram(histogram)) => {
            let result = histograms::from_left(op, *float, histogram);
            if result.is_none() {
                incompatible("float", "histogram", notes);
            }
            result
        }
        (Value::Histogram(histogram), Value::Float(float)) => {
            let result = histograms::from_right(op, histogram, *float);
            if result.is_none() {
                incompatible("histogram", "float", notes);
            }
            result
        }
        (Value::Histogram(l), Value::Histogram(r)) => match histograms::of_both(op, l, r, notes) {
            histograms::Outcome::Value(histogram) => Some(histogram),
            histograms::Outcome::Holds(holds) => match answer {
                Answer::Bool => Some(Value::Float(f64::from(u8::from(holds)))),
                Answer::Left => holds.then(|| lhs.clone()),
                Answer::Right => holds.then(|| rhs.clone()),
            },
            histograms::Outcome::Nothing => None,
            histograms::Outcome::Incompatible => {
                incompatible("histogram", "histogram", notes);
                None
            }
        },
    }
}

/// Whether the result is no longer the metric, so that `__name__`, `__type__` and `__unit__` go.
pub fn drops_name(op: BinaryOp, return_bool: bool) -> bool {
    return_bool || op.is_arithmetic() || op == BinaryOp::Atan2
}

// === impl Kernel ===

impl Kernel {
    /// The value of one element, or none where a comparison does not hold.
    pub fn apply(self, lhs: f64, rhs: f64, answer: Answer) -> Option<f64> {
        match (self, answer) {
            (Self::Arithmetic(f), _) => Some(f(lhs, rhs)),
            (Self::Comparison(f), Answer::Bool) => Some(f64::from(u8::from(f(lhs, rhs)))),
            (Self::Comparison(f), Answer::Left) => f(lhs, rhs).then_some(lhs),
            (Self::Comparison(f), Answer::Right) => f(lhs, rhs).then_some(rhs),
        }
    }
}

#[cfg(test)]
mod tests;
