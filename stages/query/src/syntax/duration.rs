//! Durations in ranges and offsets: literals, and arithmetic over them.

use super::ast::{DurationExpr, Expr, ExprKind};
use super::lexer::Kind;
use super::parser::Parser;
use super::{Fault, Parsed, check};

impl Parser<'_> {
    /// A duration. Within brackets any expression of scalars may stand; after `offset` only what needs no operator.
    pub(super) fn duration(&mut self, context: &str, bracketed: bool) -> Parsed<DurationExpr> {
        let start = self.peek().span.start;
        let negative = self.is_symbol("-");
        let signed = negative || self.is_symbol("+");
        if !bracketed && signed {
            self.advance();
        }
        let starts = match self.peek().kind {
            Kind::Number(_) | Kind::Duration(_) | Kind::Symbol("(") => true,
            Kind::Symbol("-" | "+") => bracketed,
            Kind::Name => self.keyword().is_some_and(|k| matches!(k.as_str(), "step" | "range" | "min_of" | "max_of")),
            _ => false,
        };
        if !starts {
            return Err(self.unexpected(context, "number, duration, step(), or range()"));
        }
        // The sign of an offset is its own; within brackets it is part of the expression.
        let mut expr = if bracketed { self.expression(1)?.expr } else { self.operand()? };
        if !bracketed && negative {
            let kind = match expr.kind {
                ExprKind::Number(n) => ExprKind::Number(-n),
                _ => ExprKind::Unary { negative, expr: Box::new(expr) },
            };
            expr = Expr { kind, span: self.span_from(start) };
        }
        expr.span.start = start;
        check::duration(&expr)?;
        let duration = match expr.kind {
            ExprKind::Number(seconds) => self.literal(seconds, expr.span)?,
            _ => DurationExpr::Expr(Box::new(expr)),
        };
        match duration {
            DurationExpr::Literal(ms, span) if bracketed && ms <= 0 => {
                Err(Fault::new(span, "duration must be greater than 0"))
            }
            other => Ok(other),
        }
    }

    /// An operand without what may follow it: in `a offset 5m[1h:]` the brackets belong to `a offset 5m`.
    fn operand(&mut self) -> Parsed<Expr> {
        self.primary().map(|deep| deep.expr)
    }
}
