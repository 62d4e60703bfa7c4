//! Vector selectors: `name{a="b", "c.d"=~"e"}`.

use weir_pipeline::labels::METRIC;
use weir_pipeline::{MatchOp, Matcher};

use super::place::Place;
use super::{Deep, Parse, Parser};
use crate::syntax::ast::{BinaryOp, ExprKind, Selector, Shift, Span};
use crate::syntax::lexer::token::{Kind, Token};

// === impl Parser ===

impl Parser<'_> {
    /// An instant selector whose name, if it has one before the braces, was taken.
    pub(super) fn vector(&mut self, name: Option<Span>) -> Parse<Deep> {
        let first = match name {
            Some(span) => span,
            None => self.ahead()?.span,
        };
        let matchers = self.selector(name)?;
        let span = self.since(first);
        self.leaf(ExprKind::Selector(Selector { matchers, shift: Shift::default(), extension: None }), span)
    }

    /// The matchers of a selector; that of the name first.
    pub(super) fn selector(&mut self, name: Option<Span>) -> Parse<Vec<Matcher>> {
        let mut matchers: Vec<_> = name.map(|span| Matcher::equal(METRIC, self.read(span))).into_iter().collect();
        if self.peek()? == Kind::BraceOpen {
            self.take()?;
            self.matchers(&mut matchers)?;
        } else if name.is_none() {
            return self.unexpected();
        }
        Ok(matchers)
    }

    /// What is within braces, and the closing one.
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Parse<()> {
        loop {
            let kind = self.peek()?;
            if kind == Kind::BraceClose {
                break;
            }
            if !matches!(kind, Kind::Identifier | Kind::String) {
                return self.within(Place::MATCHER, |p| p.unexpected());
            }
            let matcher = self.matcher()?;
            matchers.push(matcher);
            if !self.eat(Kind::Comma)? {
                if self.peek()? != Kind::BraceClose {
                    return self.within(Place::AFTER_MATCHER, |p| p.unexpected());
                }
                break;
            }
        }
        self.expect(Kind::BraceClose)?;
        Ok(())
    }

    fn matcher(&mut self) -> Parse<Matcher> {
        let label = self.take()?;
        self.count(label.span)?;
        let is_quoted = label.kind == Kind::String;
        let name = if is_quoted { self.unquote(label.span)? } else { self.read(label.span).to_owned() };
        let op = match self.peek()? {
            Kind::Assign => MatchOp::Equal,
            Kind::Binary(BinaryOp::NotEqual) => MatchOp::NotEqual,
            Kind::Matches => MatchOp::Match,
            Kind::MatchesNot => MatchOp::NotMatch,
            // A quoted text alone is the metric's name; what follows it is for the caller to judge.
            _ if is_quoted => return Ok(Matcher::equal(METRIC, name)),
            _ => return self.within(Place::MATCH_OP, |p| p.unexpected()),
        };
        self.take()?;
        if self.peek()? != Kind::String {
            return self.within(Place::MATCH_VALUE, |p| p.unexpected());
        }
        let Token { span, .. } = self.take()?;
        let value = self.unquote(span)?;
        Matcher::new(name, op, value).or_else(|error| self.fault(label.span.to(span), error.to_string()))
    }
}
