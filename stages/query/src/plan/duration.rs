//! Durations: literals, and arithmetic over them that is known once it is known when a query is asked for.
//!
//! Errors: in Prometheus' words and with its places, which are those of operands without the parentheses around. They belong to
//! the text of a query, and come before anything is evaluated.
//!
//! Source: `promql/durations.go` of Prometheus.

use weir_pipeline::{Error, Result};

use super::Planner;
use crate::syntax::ast::{BinaryOp, DurationExpr, Expr, ExprKind, Shift, Span};

/// The longest duration, in seconds: what Prometheus counts in nanoseconds must fit 64 bits.
const MAX_SECONDS: f64 = 9_223_372_036.854_775;

impl Planner<'_> {
    /// Looks at all durations of an expression, in the order of Prometheus.
    ///
    /// # Errors
    /// One of them is none.
    pub(super) fn check_durations(&self, expr: &Expr) -> Result<()> {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) => Ok(()),
            ExprKind::Paren(expr) | ExprKind::Unary { expr, .. } => self.check_durations(expr),
            ExprKind::Binary(binary) => {
                self.check_durations(&binary.lhs)?;
                self.check_durations(&binary.rhs)
            }
            ExprKind::Aggregate(aggregate) => {
                self.check_durations(&aggregate.expr)?;
                aggregate.param.iter().try_for_each(|param| self.check_durations(param))
            }
            ExprKind::Call(call) => call.args.iter().try_for_each(|arg| self.check_durations(arg)),
            ExprKind::Selector(selector) => self.check_shift(&selector.shift),
            ExprKind::Matrix { selector, range } => {
                self.duration(range, false)?;
                self.check_shift(&selector.shift)
            }
            ExprKind::Subquery(subquery) => {
                self.check_shift(&subquery.shift)?;
                subquery.step.iter().try_for_each(|step| self.duration(step, false).map(drop))?;
                self.duration(&subquery.range, false)?;
                self.check_durations(&subquery.expr)
            }
        }
    }

    fn check_shift(&self, shift: &Shift) -> Result<()> {
        self.offset(shift).map(drop)
    }

    /// A duration in milliseconds. Only an offset `may_be_negative`, or zero.
    pub(super) fn duration(&self, duration: &DurationExpr, may_be_negative: bool) -> Result<i64> {
        let expr = match duration {
            DurationExpr::Literal(milliseconds, _) => return Ok(*milliseconds),
            DurationExpr::Expr(expr) => expr,
        };
        let seconds = self.seconds(expr)?;
        let wrong = |text: &str| Err(at(place(expr), text));
        match seconds {
            s if !s.is_finite() => wrong("duration is NaN or infinite"),
            s if s <= 0.0 && !may_be_negative => wrong("duration must be greater than 0"),
            s if s.abs() > MAX_SECONDS => wrong("duration is out of range"),
            s => Ok((s * 1000.0) as i64),
        }
    }

    fn seconds(&self, expr: &Expr) -> Result<f64> {
        match &expr.kind {
            ExprKind::Number(number) => Ok(*number),
            ExprKind::Paren(inner) => self.seconds(inner),
            ExprKind::Unary { negative, expr } => {
                let seconds = self.seconds(expr)?;
                Ok(if *negative { -seconds } else { seconds })
            }
            ExprKind::Binary(binary) => {
                let (lhs, rhs) = (self.seconds(&binary.lhs)?, self.seconds(&binary.rhs)?);
                match binary.op {
                    BinaryOp::Add => Ok(lhs + rhs),
                    BinaryOp::Sub => Ok(lhs - rhs),
                    BinaryOp::Mul => Ok(lhs * rhs),
                    BinaryOp::Div if rhs == 0.0 => Err(at(place(expr), "division by zero")),
                    BinaryOp::Div => Ok(lhs / rhs),
                    BinaryOp::Mod if rhs == 0.0 => Err(at(place(expr), "modulo by zero")),
                    BinaryOp::Mod => Ok(lhs % rhs),
                    BinaryOp::Pow => Ok(lhs.powf(rhs)),
                    _ => Err(self.error(expr.span, "expected arithmetic over durations")),
                }
            }
            ExprKind::Call(call) => match (call.function.name, call.args.as_slice()) {
                ("step", []) => Ok(self.asked.step as f64 / 1000.0),
                ("range", []) => Ok(self.asked.end.saturating_sub(self.asked.start) as f64 / 1000.0),
                ("min_of", [a, b]) => Ok(self.seconds(a)?.min(self.seconds(b)?)),
                ("max_of", [a, b]) => Ok(self.seconds(a)?.max(self.seconds(b)?)),
                _ => Err(self.error(expr.span, "expected a duration")),
            },
            _ => Err(self.error(expr.span, "expected a duration")),
        }
    }
}

/// Where a duration stands for Prometheus: from its first operand to its last.
fn place(expr: &Expr) -> Span {
    let span = expr.span;
    match &expr.kind {
        // Around a number, the first of the parentheses is the place of a sign.
        ExprKind::Paren(inner) if matches!(inner.kind, ExprKind::Number(_)) => span.to(inner.span),
        ExprKind::Paren(inner) => place(inner),
        ExprKind::Unary { expr, .. } => span.to(place(expr)),
        ExprKind::Binary(binary) => place(&binary.lhs).to(place(&binary.rhs)),
        ExprKind::Call(call) => match call.args.as_slice() {
            [first, last] => place(first).to(place(last)),
            _ => span,
        },
        _ => span,
    }
}

/// An error as Prometheus words it, with the byte offsets of the expression before it.
fn at(span: Span, text: &str) -> Error {
    Error::invalid(format!("{}:{}: {text}", span.start, span.end))
}
