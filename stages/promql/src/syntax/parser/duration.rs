//! Durations in brackets and after `offset`: literals, or arithmetic over literals, `step()` and `range()`.

use super::{Deep, Depth, Parse, Parser, Token, UNARY};
use crate::syntax::ast::{Binary, BinaryOp, Call, DurationExpr, Expr, ExprKind, Matching, Span};
use crate::syntax::functions;
use crate::syntax::lexer::token::{Kind, Word};

/// What fits Prometheus' durations, in seconds.
const SECONDS: std::ops::RangeInclusive<f64> = -(i64::MAX as f64 / 1e9)..=(i64::MAX as f64 / 1e9);

/// Milliseconds that are none: more than what doubles lose of 292 years.
const SAME: f64 = 2e-3;

// === impl Parser ===

impl Parser<'_> {
    /// A range or a step.
    pub(super) fn positive_duration(&mut self) -> Parse<Deep> {
        let duration = self.duration(0)?;
        match duration.expr.kind {
            ExprKind::Number(seconds) if seconds <= 0.0 => {
                self.fault(duration.expr.span, "duration must be greater than 0")
            }
            // Times count milliseconds: Prometheus would take this for 0.
            ExprKind::Number(seconds) if millis(seconds) == 0 => {
                self.fault(duration.expr.span, "duration must be at least 1ms")
            }
            _ => Ok(duration),
        }
    }

    /// What `offset` takes. Arithmetic only goes on behind parentheses (and behind two signs), as in Prometheus:
    /// `foo offset 2 ^ 2` is `(foo offset 2) ^ 2`.
    pub(super) fn offset_duration(&mut self) -> Parse<Deep> {
        let first = self.ahead()?;
        let duration = match first.kind {
            Kind::ParenOpen => self.duration(0)?,
            Kind::Binary(sign @ (BinaryOp::Add | BinaryOp::Sub)) => {
                self.take()?;
                self.signed_offset(sign == BinaryOp::Sub, first.span)?
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

    /// What follows a sign that was taken, in an offset.
    fn signed_offset(&mut self, negative: bool, sign: Span) -> Parse<Deep> {
        match self.peek()? {
            // Here the sign is to blame for what does not fit.
            Kind::Number | Kind::Duration => {
                let (seconds, span) = self.literal()?;
                self.seconds(if negative { -seconds } else { seconds }, sign.to(span), sign)
            }
            next if next.is_sign() => {
                let operand = self.duration(UNARY + 1)?;
                let signed = self.signed_duration(negative, sign, operand)?;
                self.longer_duration(signed, 0)
            }
            Kind::ParenOpen => {
                let operand = self.duration_operand()?;
                self.signed_duration(negative, sign, operand)
            }
            // Before a call a `+` is kept, and only here.
            _ => {
                let operand = self.duration_operand()?;
                self.unary_duration(negative, sign, operand)
            }
        }
    }

    /// An expression of operators that bind at least as tightly as `least`.
    fn duration(&mut self, least: u8) -> Parse<Deep> {
        self.enter()?;
        let operand = match self.ahead()? {
            Token { kind: Kind::Binary(sign @ (BinaryOp::Add | BinaryOp::Sub)), span } => {
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
            // Operators of durations count as if they stood within each other: all walks over them recurse.
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
                    // Parentheses around parentheses add nothing.
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
        let depth = Depth::of(&args);
        let args = args.into_iter().map(|arg| arg.expr).collect();
        let span = self.since(first);
        self.node(ExprKind::Call(Call { function, args }), span, depth)
    }

    /// `operand` behind a sign. `+` changes nothing.
    fn signed_duration(&mut self, negative: bool, sign: Span, operand: Deep) -> Parse<Deep> {
        match operand.expr.kind {
            ExprKind::Number(seconds) => {
                let seconds = if negative { -seconds } else { seconds };
                self.seconds(seconds, sign.to(operand.expr.span), sign)
            }
            _ if negative => self.unary_duration(negative, sign, operand),
            _ => Ok(operand),
        }
    }

    fn unary_duration(&mut self, negative: bool, sign: Span, operand: Deep) -> Parse<Deep> {
        let span = sign.to(operand.expr.span);
        self.node(ExprKind::Unary { negative, expr: Box::new(operand.expr) }, span, operand.depth)
    }

    /// A literal, which must fit; if not, the fault is that of `blamed`.
    fn seconds(&mut self, seconds: f64, span: Span, blamed: Span) -> Parse<Deep> {
        if !SECONDS.contains(&seconds) {
            return self.fault(blamed, "duration out of range");
        }
        self.leaf(ExprKind::Number(seconds), span)
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
        match self.expr.kind {
            ExprKind::Number(seconds) => DurationExpr::Literal(millis(seconds), self.expr.span),
            _ => DurationExpr::Expr(Box::new(self.expr)),
        }
    }
}

// === impl Expr ===

impl Expr {
    fn is_zero(&self) -> bool {
        matches!(self.kind, ExprKind::Number(value) if value == 0.0)
    }
}

// === impl Kind ===

impl Kind {
    fn is_sign(self) -> bool {
        matches!(self, Self::Binary(BinaryOp::Add | BinaryOp::Sub))
    }
}
