//! What binary operators make of two values.

use crate::syntax::ast::BinaryOp;

/// What an operator makes of two numbers.
#[derive(Clone, Copy, Debug)]
pub enum Kernel {
    /// A number.
    Arithmetic(fn(f64, f64) -> f64),
    /// Whether the left one stays.
    Comparison(fn(f64, f64) -> bool),
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

// === impl Kernel ===

impl Kernel {
    /// The value of one element, or none where a comparison does not hold.
    pub fn apply(self, lhs: f64, rhs: f64, answers_bool: bool) -> Option<f64> {
        match self {
            Self::Arithmetic(f) => Some(f(lhs, rhs)),
            Self::Comparison(f) if answers_bool => Some(f64::from(u8::from(f(lhs, rhs)))),
            Self::Comparison(f) => f(lhs, rhs).then_some(lhs),
        }
    }
}
