//! Durations in brackets and after `offset`: literals, or arithmetic over literals, `step()` and `range()`.

use super::{Deep, Parse, Parser, UNARY};
use crate::syntax::ast::{Binary, BinaryOp, Call, DurationExpr, Expr, ExprKind, Matching, Span};
use crate::syntax::functions;
use crate::syntax::lexer::token::{Kind, Word};
use crate::syntax::{MAX_DEPTH, parser};

/// What fits Prometheus' durations, in seconds.
const SECONDS: std::ops::RangeInclusive<f64> = -(i64::MAX as f64 / 1e9)..=(i64::MAX as f64 / 1e9);

/// Milliseconds that are none: more than what doubles lose of 292 years.
const SAME: f64 = 2e-3;

// === impl Parser ===

impl Parser<'_> {
    /// A range or a step.
    pub(super) fn positive_duration(&mut self) -> Parse<Deep> {
        let duration = self.duration(0)?;
        let Some(number) = duration.expr.as_number() else { return Ok(duration) };
        if number.0 <= 0.0 {
            return self.fault(number.1, "duration must be greater than 0");
        }
        // Times count milliseconds: Prometheus would take this for 0.
        if millis(number.0) == 0 {
            return self.fault(number.1, "duration must be at least 1ms");
        }
        Ok(duration)
    }

    /// What `offset` takes. Arithmetic only goes on behind parentheses (and behind two signs), as in Prometheus:
    /// `foo offset 2 ^ 2` is `(foo offset 2) ^ 2`.
    pub(super) fn offset_duration(&mut self) -> Parse<Deep> {
        let first = self.ahead()?;
        let duration = match first.kind {
            Kind::ParenOpen => self.duration(0)?,
            Kind::Binary(sign @ (BinaryOp::Add | BinaryOp::Sub)) => {
                self.take()?;
                let next = self.peek()?;
                let operand = if next.is_sign() { self.duration(UNARY + 1)? } else { self.duration_operand()? };
                let signed = self.signed_duration(sign == BinaryOp::Sub, first.span, operand)?;
                if next.is_sign() { self.longer_duration(signed, 0)? } else { signed }
            }
            _ => self.duration_operand()?,
        };
        // In parentheses, so that it reads the same wherever it stands.
        match duration.expr.kind {
            ExprKind::Binary(_) => {
                let span = duration.expr.span;
                self.parenthesized(duration, span)
            }
            _ => Ok(duration),
        }
    }

    /// An expression of operators that bind at least as tightly as `least`.
    fn duration(&mut self, least: u8) -> Parse<Deep> {
        self.level += 1;
        if self.level > MAX_DEPTH {
            let span = self.ahead()?.span;
            return self.too_deep(span);
        }
        let operand = match self.ahead()? {
            parser::Token { kind: Kind::Binary(sign @ (BinaryOp::Add | BinaryOp::Sub)), span } => {
                self.take()?;
                let operand = self.duration(UNARY + 1)?;
                self.signed_duration(sign == BinaryOp::Sub, span, operand)?
            }
            _ => self.duration_operand()?,
        };
        let duration = self.longer_duration(operand, least)?;
        self.level -= 1;
        Ok(duration)
    }

    /// `lhs` and the operators behind it.
    fn longer_duration(&mut self, mut lhs: Deep, least: u8) -> Parse<Deep> {
        while let Kind::Binary(op) = self.peek()?
            && op.is_arithmetic()
            && op.precedence() >= least
        {
            let sign = self.take()?.span;
            let rhs = self.duration(op.right())?;
            match op {
                BinaryOp::Div if rhs.expr.is_zero() => return self.fault(sign, "division by zero"),
                BinaryOp::Mod if rhs.expr.is_zero() => return self.fault(sign, "modulo by zero"),
                _ => {}
            }
            let span = lhs.expr.span.to(rhs.expr.span);
            let depth = lhs.depth.max(rhs.depth);
            let matching = Matching::default();
            let binary = Binary { op, lhs: lhs.expr, rhs: rhs.expr, return_bool: false, matching };
            lhs = self.node(ExprKind::Binary(Box::new(binary)), span, depth)?;
        }
        Ok(lhs)
    }

    fn duration_operand(&mut self) -> Parse<Deep> {
        let first = self.ahead()?;
        match first.kind {
            Kind::Number | Kind::Duration => {
                let (seconds, span) = self.literal()?;
                self.seconds(seconds, span, span)
            }
            Kind::ParenOpen => {
                self.take()?;
                let inner = self.duration(0)?;
                self.expect(Kind::ParenClose)?;
                match inner.expr.kind {
                    // Parentheses around a number or around parentheses add nothing.
                    ExprKind::Number(seconds) if seconds.is_sign_positive() => Ok(inner),
                    ExprKind::Paren(_) => Ok(inner),
                    _ => self.parenthesized(inner, self.since(first.span)),
                }
            }
            Kind::Word(word @ (Word::Step | Word::Range | Word::MinOf | Word::MaxOf)) => {
                self.take()?;
                self.expect(Kind::ParenOpen)?;
                let mut args = Vec::new();
                if matches!(word, Word::MinOf | Word::MaxOf) {
                    args.push(self.duration(0)?);
                    self.expect(Kind::Comma)?;
                    args.push(self.duration(0)?);
                }
                self.expect(Kind::ParenClose)?;
                self.duration_call(word, first.span, args)
            }
            _ => self.unexpected(),
        }
    }

    fn duration_call(&mut self, word: Word, first: Span, args: Vec<Deep>) -> Parse<Deep> {
        let name = match word {
            Word::Step => "step",
            Word::Range => "range",
            Word::MinOf => "min_of",
            _ => "max_of",
        };
        let Some(function) = functions::find(name) else { return self.unexpected() };
        let depth = args.iter().map(|arg| arg.depth).max().unwrap_or(0);
        let args = args.into_iter().map(|arg| arg.expr).collect();
        let span = self.since(first);
        self.node(ExprKind::Call(Call { function, args }), span, depth)
    }

    /// `operand` behind a sign. `+` changes nothing.
    fn signed_duration(&mut self, negative: bool, sign: Span, operand: Deep) -> Parse<Deep> {
        let span = sign.to(operand.expr.span);
        if let Some((seconds, _)) = operand.expr.as_number() {
            return self.seconds(if negative { -seconds } else { seconds }, span, sign);
        }
        if !negative {
            return Ok(operand);
        }
        self.node(ExprKind::Unary { negative, expr: Box::new(operand.expr) }, span, operand.depth)
    }

    /// A literal, which must fit; if not, the fault is that of `blamed`.
    fn seconds(&mut self, seconds: f64, span: Span, blamed: Span) -> Parse<Deep> {
        if !SECONDS.contains(&seconds) {
            return self.fault(blamed, "duration out of range");
        }
        self.node(ExprKind::Number(seconds), span, 0)
    }

    fn parenthesized(&mut self, inner: Deep, span: Span) -> Parse<Deep> {
        self.node(ExprKind::Paren(Box::new(inner.expr)), span, inner.depth)
    }
}

/// Whole milliseconds, as Prometheus makes them of seconds: what is below a millisecond is cut.
fn millis(seconds: f64) -> i64 {
    let millis = seconds * 1000.0;
    let nearest = millis.round();
    // A whole number of milliseconds need not be one as seconds.
    if (millis - nearest).abs() < SAME { nearest as i64 } else { millis as i64 }
}

// === impl Deep ===

impl Deep {
    /// The expression as a duration.
    pub(super) fn duration(self) -> DurationExpr {
        match self.expr.as_number() {
            Some((seconds, _)) => DurationExpr::Literal(millis(seconds), self.expr.span),
            None => DurationExpr::Expr(Box::new(self.expr)),
        }
    }
}

// === impl Expr ===

impl Expr {
    /// The number that it is, in parentheses or not, and where that stands.
    fn as_number(&self) -> Option<(f64, Span)> {
        match &self.kind {
            ExprKind::Number(value) => Some((*value, self.span)),
            ExprKind::Paren(inner) => inner.as_number(),
            _ => None,
        }
    }

    fn is_zero(&self) -> bool {
        self.as_number().is_some_and(|(value, _)| value == 0.0)
    }
}

// === impl Kind ===

impl Kind {
    fn is_sign(self) -> bool {
        matches!(self, Self::Binary(BinaryOp::Add | BinaryOp::Sub))
    }
}
