//! What an operator makes of two elements that met.
//!
//! Source: `vectorElemBinop` and `doBinOp` of `VectorBinop` in Prometheus' `promql/engine.go`.

use weir_pipeline::Value;

use crate::annotations::Notes;
use crate::exec::steps::StepsBuilder;
use crate::functions::binary::{Answer, Kernel, apply, kernel};
use crate::syntax::ast::BinaryOp;

/// What an operator makes of an element of the "many" side and one of the "one" side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Combine {
    op: BinaryOp,
    /// What it makes of two numbers, if anything.
    kernel: Option<Kernel>,
    return_bool: bool,
    /// Whether the "one" side is the left operand.
    one_first: bool,
}

/// What is left of two elements.
#[derive(Clone, Debug)]
pub(super) enum Outcome<T> {
    /// They do not go together, so they did not meet.
    Apart,
    /// They met, and a filter leaves nothing.
    Filtered,
    /// A value.
    Kept(T),
}

// === impl Combine ===

impl Combine {
    pub(super) fn new(op: BinaryOp, return_bool: bool, one_first: bool) -> Self {
        Self { op, kernel: kernel(op), return_bool, one_first }
    }

    /// Whether two numbers always meet.
    pub(super) fn has_kernel(&self) -> bool {
        self.kernel.is_some()
    }

    /// Two elements of either kind.
    pub(super) fn values(&self, many: &Value, one: &Value, notes: &mut Notes) -> Outcome<Value> {
        let (left, right) = if self.one_first { (one, many) } else { (many, one) };
        if let (Value::Float(left), Value::Float(right), Some(kernel)) = (left, right, self.kernel) {
            return self.numbers(kernel, *left, *right).map(Value::Float);
        }
        // A comparison that answers tells those that differ from those that can't be compared.
        match apply(self.op, Answer::Bool, left, right, notes) {
            None => Outcome::Apart,
            Some(Value::Float(holds)) if self.op.is_comparison() && !self.return_bool => {
                if holds == 0.0 {
                    Outcome::Filtered
                } else {
                    Outcome::Kept(left.clone())
                }
            }
            Some(value) => Outcome::Kept(value),
        }
    }

    fn numbers(&self, kernel: Kernel, left: f64, right: f64) -> Outcome<f64> {
        match kernel {
            Kernel::Arithmetic(f) => Outcome::Kept(f(left, right)),
            Kernel::Comparison(f) if self.return_bool => Outcome::Kept(f64::from(u8::from(f(left, right)))),
            Kernel::Comparison(f) if f(left, right) => Outcome::Kept(left),
            Kernel::Comparison(_) => Outcome::Filtered,
        }
    }

    /// Numbers at every step, appended to a row.
    pub(super) fn whole(&self, many: &[f64], one: &[f64], out: &mut StepsBuilder) {
        let Some(kernel) = self.kernel else { return };
        let (left, right) = if self.one_first { (one, many) } else { (many, one) };
        let pairs = left.iter().zip(right);
        match kernel {
            Kernel::Arithmetic(f) => pairs.for_each(|(l, r)| out.put(Some(f(*l, *r)))),
            Kernel::Comparison(f) if self.return_bool => {
                pairs.for_each(|(l, r)| out.put(Some(f64::from(u8::from(f(*l, *r))))));
            }
            Kernel::Comparison(f) => pairs.for_each(|(l, r)| out.put(f(*l, *r).then_some(*l))),
        }
    }
}

// === impl Outcome ===

impl<T> Outcome<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Apart => Outcome::Apart,
            Self::Filtered => Outcome::Filtered,
            Self::Kept(value) => Outcome::Kept(f(value)),
        }
    }
}
