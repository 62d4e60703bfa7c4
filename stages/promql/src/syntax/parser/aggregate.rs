//! Aggregations: `sum by (a) (x)`, `topk(5, x) without (b)`.

use super::place::Place;
use super::{Deep, Depth, Parse, Parser};
use crate::syntax::ast::{Aggregate, AggregateOp, ExprKind, Span};
use crate::syntax::lexer::token::{Kind, Word};

/// `by` or `without`, and the labels.
struct Grouping {
    without: bool,
    labels: Vec<String>,
}

// === impl Parser ===

impl Parser<'_> {
    /// An aggregation whose operator was taken.
    pub(super) fn aggregate(&mut self, op: AggregateOp, first: Span) -> Parse<Deep> {
        let (grouping, args) = self.within(Place::AGGREGATION, |p| {
            let before = p.grouping()?;
            let args = p.args()?;
            let after = if before.is_none() { p.grouping()? } else { None };
            Ok((before.or(after), args))
        })?;
        let span = self.since(first);
        let Grouping { without, labels } = grouping.unwrap_or(Grouping { without: false, labels: Vec::new() });
        let expected = if op.has_param() { 2 } else { 1 };
        let got = args.len();
        if got == 0 {
            return self.fault(span, "no arguments for aggregate expression provided");
        }
        let wrong =
            format!("wrong number of arguments for aggregate expression provided, expected {expected}, got {got}");
        let depth = Depth::of(&args);
        let mut args = args.into_iter().map(|arg| arg.expr);
        let param = if op.has_param() { args.next() } else { None };
        match args.next() {
            Some(expr) if got == expected => {
                let aggregate = Aggregate { op, expr, param, without, labels };
                self.node(ExprKind::Aggregate(Box::new(aggregate)), span, depth)
            }
            _ => self.fault(span, wrong),
        }
    }

    fn grouping(&mut self) -> Parse<Option<Grouping>> {
        let without = match self.peek()? {
            Kind::Word(Word::By) => false,
            Kind::Word(Word::Without) => true,
            _ => return Ok(None),
        };
        self.take()?;
        Ok(Some(Grouping { without, labels: self.labels()? }))
    }

    /// Labels in parentheses.
    pub(super) fn labels(&mut self) -> Parse<Vec<String>> {
        self.within(Place::LABELS, |p| p.expect(Kind::ParenOpen))?;
        let mut labels = Vec::new();
        while !self.eat(Kind::ParenClose)? {
            labels.push(self.within(Place::LABEL, Self::label)?);
            if !self.eat(Kind::Comma)? {
                self.within(Place::AFTER_LABEL, |p| p.expect(Kind::ParenClose))?;
                break;
            }
        }
        Ok(labels)
    }

    fn label(&mut self) -> Parse<String> {
        let kind = self.peek()?;
        if kind != Kind::String && !kind.is_label() {
            return self.unexpected();
        }
        let span = self.take()?.span;
        let label = if kind == Kind::String { self.unquote(span)? } else { self.read(span).to_owned() };
        if label.is_empty() {
            return self.fault(span, "invalid label name for grouping: \"\"");
        }
        Ok(label)
    }
}
