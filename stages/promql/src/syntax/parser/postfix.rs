//! What follows an operand: ranges, subqueries, `offset`, `@`, `anchored` and `smoothed`.

use super::place::Place;
use super::{Deep, Depth, Parse, Parser};
use crate::syntax::ast::{At, DurationExpr, Expr, ExprKind, Extension, Selector, Shift, Span, Subquery};
use crate::syntax::lexer::token::{Kind, Word};

/// The milliseconds that an `i64` holds.
const TIMES: std::ops::Range<f64> = -9.2e18..9.2e18;

// === impl Parser ===

impl Parser<'_> {
    /// `operand` with all that follows it.
    pub(super) fn postfix(&mut self, mut operand: Deep) -> Parse<Deep> {
        // Also one so short that nothing of it is kept.
        let mut has_offset = false;
        loop {
            match self.peek()? {
                Kind::BracketOpen => {
                    operand = self.brackets(operand)?;
                    has_offset = false;
                }
                Kind::Word(Word::Offset) => has_offset |= self.offset(&mut operand, has_offset)?,
                Kind::At => self.at(&mut operand.expr)?,
                Kind::Word(Word::Anchored) => self.extend(&mut operand.expr, Extension::Anchored)?,
                Kind::Word(Word::Smoothed) => self.extend(&mut operand.expr, Extension::Smoothed)?,
                _ => return Ok(operand),
            }
        }
    }

    /// `[range]` or `[range:step]`.
    fn brackets(&mut self, operand: Deep) -> Parse<Deep> {
        let open = self.take()?.span;
        let range = self.within(Place::RANGE, Self::positive_duration)?;
        let mut step = None;
        let is_subquery = self.within(Place::AFTER_RANGE, |p| {
            let colon = p.eat(Kind::Colon)?;
            if !colon {
                p.expect(Kind::BracketClose)?;
            }
            Ok(colon)
        })?;
        if is_subquery && !self.eat(Kind::BracketClose)? {
            step = Some(self.within(Place::STEP, Self::positive_duration)?);
            self.within(Place::AFTER_STEP, |p| p.expect(Kind::BracketClose))?;
        }
        let span = self.since(operand.expr.span);
        let brackets = self.since(open);
        let depth = Depth::of([&operand, &range].into_iter().chain(&step));
        let range = range.duration();
        let kind = if is_subquery {
            let step = step.map(Deep::duration);
            ExprKind::Subquery(Box::new(Subquery { expr: operand.expr, range, step, shift: Shift::default() }))
        } else {
            ExprKind::Matrix { selector: self.ranged(operand.expr, brackets)?, range }
        };
        self.node(kind, span, depth)
    }

    /// The selector that a range follows.
    fn ranged(&self, expr: Expr, brackets: Span) -> Parse<Selector> {
        let message = match expr.kind {
            ExprKind::Selector(selector) if selector.shift.offset.is_some() => {
                "no offset modifiers allowed before range"
            }
            ExprKind::Selector(selector) if selector.shift.at.is_some() => "no @ modifiers allowed before range",
            ExprKind::Selector(selector) => return Ok(selector),
            _ => "ranges only allowed for vector selectors",
        };
        self.fault(brackets, message)
    }

    /// `offset …`, maybe behind one that counts already. Whether this one counts: an offset of nothing is none, as in Prometheus.
    fn offset(&mut self, target: &mut Deep, is_second: bool) -> Parse<bool> {
        self.take()?;
        let offset = self.within(Place::OFFSET, Self::offset_duration)?;
        let span = target.expr.span;
        let depth = target.depth.max(offset.depth);
        let Some(shift) = target.expr.shift() else {
            let message = "offset modifier must be preceded by an instant vector selector or range vector selector or a \
                           subquery";
            return self.fault(span, message);
        };
        if shift.offset.is_some() || is_second {
            return self.fault(span, "offset may not be set multiple times");
        }
        // Prometheus counts nanoseconds.
        let is_nothing = matches!(offset.expr.kind, ExprKind::Number(seconds) if (seconds * 1e9).round() == 0.0);
        shift.offset = Some(offset.duration()).filter(|offset| !matches!(offset, DurationExpr::Literal(0, _)));
        target.depth = depth;
        target.expr.span.end = self.end;
        Ok(!is_nothing)
    }

    /// `@ …`
    fn at(&mut self, target: &mut Expr) -> Parse<()> {
        self.take()?;
        let span = target.span;
        let at = self.within(Place::AT, |p| match p.peek()? {
            Kind::Word(word @ (Word::Start | Word::End)) => {
                p.take()?;
                p.expect(Kind::ParenOpen)?;
                p.expect(Kind::ParenClose)?;
                Ok(if word == Word::Start { At::Start } else { At::End })
            }
            _ => p.time(span),
        })?;
        let Some(shift) = target.shift() else {
            let message =
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return self.fault(span, message);
        };
        if shift.at.is_some() {
            return self.fault(span, "@ <timestamp> may not be set multiple times");
        }
        shift.at = Some(at);
        target.span.end = self.end;
        Ok(())
    }

    /// Seconds as a time, for the target at `span`.
    fn time(&mut self, span: Span) -> Parse<At> {
        let seconds = self.signed()?;
        let millis = (seconds * 1000.0).round();
        if !TIMES.contains(&millis) {
            let shown = if seconds.is_infinite() {
                if seconds > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
            } else {
                format!("{seconds:.6}")
            };
            return self.fault(span, format!("timestamp out of bounds for @ modifier: {shown}"));
        }
        Ok(At::Time(millis as i64))
    }

    /// `anchored` or `smoothed`.
    fn extend(&mut self, target: &mut Expr, extension: Extension) -> Parse<()> {
        self.take()?;
        let word = extension.as_str();
        let span = target.span;
        let selector = match &mut target.kind {
            ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => selector,
            ExprKind::Subquery(_) => {
                return self.fault(span, format!("{word} modifier is not supported for subqueries"));
            }
            _ => return self.fault(span, format!("{word} modifier not implemented")),
        };
        if selector.extension.is_some_and(|other| other != extension) {
            return self.fault(span, "anchored and smoothed modifiers cannot be used together");
        }
        // Not part of the span, as in Prometheus.
        selector.extension = Some(extension);
        Ok(())
    }
}

// === impl Expr ===

impl Expr {
    /// Where `offset` and `@` of it are kept, if it can have them.
    fn shift(&mut self) -> Option<&mut Shift> {
        match &mut self.kind {
            ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => Some(&mut selector.shift),
            ExprKind::Subquery(subquery) => Some(&mut subquery.shift),
            _ => None,
        }
    }
}
