//! From tokens to a tree, by precedence climbing.
//!
//! The first error ends the reading. It names what was found and, where Prometheus' grammar says so, within what and what
//! was expected instead: [`Place`] is the innermost construct that does.
//!
//! Source: `promql/parser/generated_parser.y` and `parse.go` of Prometheus 3.14.0.

mod aggregate;
mod call;
mod duration;
mod modifier;
mod place;
mod postfix;
mod selector;

use weir_pipeline::Matcher;
use weir_pipeline::selector::unquote;

use super::ast::{Binary, BinaryOp, Expr, ExprKind, Matching, Span};
use super::lexer::Lexer;
use super::lexer::token::{Kind, Token, Word};
use super::position::ParseError;
use super::{MAX_DEPTH, MAX_NESTING, MAX_PARTS, MAX_QUERY_BYTES, number};
use place::Place;

/// Reads one text.
pub(super) struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    ahead: Option<Token>,
    /// The end of the last token taken.
    end: u32,
    place: Place,
    /// How deep the parser calls itself.
    level: usize,
    /// How many expressions and matchers were read.
    parts: usize,
}

/// An expression and how deep its tree is.
struct Deep {
    expr: Expr,
    depth: Depth,
}

/// How deep a tree is.
#[derive(Clone, Copy, Default)]
struct Depth {
    /// All its levels.
    whole: usize,
    /// Those that are no left operand of the level above.
    nested: usize,
}

type Parse<T> = Result<T, ParseError>;

/// How tightly unary operators bind: as multiplication, so that `-1 ^ 2` is -1.
const UNARY: u8 = BinaryOp::Mul.precedence();

// === impl BinaryOp ===

impl BinaryOp {
    /// How tightly it binds.
    pub(super) const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessEqual | Self::Greater | Self::GreaterEqual => 3,
            Self::TrimUpper | Self::TrimLower => 3,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
        }
    }

    /// The least precedence in its right operand: `^` is right-associative, all others left.
    pub(super) const fn right(self) -> u8 {
        match self {
            Self::Pow => self.precedence(),
            _ => self.precedence() + 1,
        }
    }
}

// === impl Parser ===

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Parse<Self> {
        if text.len() > MAX_QUERY_BYTES {
            let message = format!("expected a query of at most {MAX_QUERY_BYTES} bytes, got {}", text.len());
            return Err(ParseError::new(text, Span::default(), message));
        }
        Ok(Self { text, lexer: Lexer::new(text), ahead: None, end: 0, place: Place::START, level: 0, parts: 0 })
    }

    /// The whole text as an expression.
    pub(super) fn expression(mut self) -> Parse<Expr> {
        if self.peek()? == Kind::End {
            return self.fault(Span::default(), "no expression found in input");
        }
        let Deep { expr, .. } = self.expr(0)?;
        self.expect(Kind::End)?;
        Ok(expr)
    }

    /// The whole text as a vector selector.
    pub(super) fn metric_selector(mut self) -> Parse<Vec<Matcher>> {
        let name = if self.peek()?.is_metric() { Some(self.take()?.span) } else { None };
        let matchers = self.selector(name)?;
        self.expect(Kind::End)?;
        Ok(matchers)
    }

    /// An expression of operators that bind at least as tightly as `least`.
    fn expr(&mut self, least: u8) -> Parse<Deep> {
        self.enter()?;
        let mut lhs = self.operand()?;
        while let Kind::Binary(op) = self.peek()?
            && op.precedence() >= least
        {
            self.take()?;
            let (return_bool, matching) = self.modifiers()?;
            let rhs = self.expr(op.right())?;
            lhs = self.binary(op, lhs, rhs, return_bool, matching)?;
        }
        self.level -= 1;
        Ok(lhs)
    }

    fn binary(&mut self, op: BinaryOp, lhs: Deep, rhs: Deep, return_bool: bool, matching: Matching) -> Parse<Deep> {
        let span = lhs.expr.span.to(rhs.expr.span);
        let depth = Depth::over(lhs.depth, rhs.depth);
        let binary = Binary { op, lhs: lhs.expr, rhs: rhs.expr, return_bool, matching };
        self.at_depth(ExprKind::Binary(Box::new(binary)), span, depth)
    }

    /// What stands between operators.
    fn operand(&mut self) -> Parse<Deep> {
        if let Kind::Binary(sign @ (BinaryOp::Add | BinaryOp::Sub)) = self.peek()? {
            return self.unary(sign == BinaryOp::Sub);
        }
        let operand = self.primary()?;
        self.postfix(operand)
    }

    fn unary(&mut self, negative: bool) -> Parse<Deep> {
        let sign = self.take()?.span;
        let operand = self.expr(UNARY + 1)?;
        let span = sign.to(operand.expr.span);
        match operand.expr.kind {
            ExprKind::Number(value) => self.leaf(ExprKind::Number(if negative { -value } else { value }), span),
            kind => {
                let expr = Box::new(Expr { kind, span: operand.expr.span });
                self.node(ExprKind::Unary { negative, expr }, span, operand.depth)
            }
        }
    }

    fn primary(&mut self) -> Parse<Deep> {
        let token = self.ahead()?;
        match token.kind {
            Kind::Number | Kind::Duration => {
                let (value, span) = self.literal()?;
                self.leaf(ExprKind::Number(value), span)
            }
            Kind::String => {
                self.take()?;
                let value = self.unquote(token.span)?;
                self.leaf(ExprKind::String(value), token.span)
            }
            Kind::ParenOpen => {
                self.take()?;
                let inner = self.expr(0)?;
                self.expect(Kind::ParenClose)?;
                let span = self.since(token.span);
                self.node(ExprKind::Paren(Box::new(inner.expr)), span, inner.depth)
            }
            Kind::BraceOpen => self.vector(None),
            kind if kind.is_metric() => self.named(),
            _ => self.unexpected(),
        }
    }

    /// What starts with a name: an aggregation, a call, or a selector.
    fn named(&mut self) -> Parse<Deep> {
        let name = self.take()?;
        let next = self.peek()?;
        match name.kind {
            Kind::Aggregate(op) if matches!(next, Kind::ParenOpen | Kind::Word(Word::By | Word::Without)) => {
                self.aggregate(op, name.span)
            }
            Kind::Identifier if next == Kind::ParenOpen => self.call(name.span),
            Kind::Word(word) if next == Kind::ParenOpen && word.is_function() => self.call(name.span),
            _ => self.vector(Some(name.span)),
        }
    }

    /// A number or a duration: seconds.
    fn literal(&mut self) -> Parse<(f64, Span)> {
        let token = self.take()?;
        let text = self.read(token.span);
        let value = if token.kind == Kind::Duration {
            super::parse_duration(text).map(|millis| millis as f64 / 1000.0)
        } else {
            number::parse_number(text)
        };
        match value {
            Ok(value) => Ok((value, token.span)),
            Err(message) => self.fault(token.span, message),
        }
    }

    /// The string that the quoted text at `span` stands for.
    fn unquote(&self, span: Span) -> Parse<String> {
        let text = self.read(span);
        unquote(text).or_else(|error| {
            let text = weir_pipeline::selector::quote(text);
            self.fault(span, format!("error unquoting string {text}: {error}"))
        })
    }

    /// A node without children.
    fn leaf(&mut self, kind: ExprKind, span: Span) -> Parse<Deep> {
        self.node(kind, span, Depth::default())
    }

    /// A node whose children are `below` deep.
    fn node(&mut self, kind: ExprKind, span: Span, below: Depth) -> Parse<Deep> {
        self.at_depth(kind, span, Depth { whole: below.whole + 1, nested: below.nested + 1 })
    }

    fn at_depth(&mut self, kind: ExprKind, span: Span, depth: Depth) -> Parse<Deep> {
        self.count(span)?;
        match depth {
            Depth { nested, .. } if nested > MAX_NESTING => self.nests_too_deep(span),
            Depth { whole, .. } if whole > MAX_DEPTH => {
                self.fault(span, format!("expected a chain of at most {MAX_DEPTH} operators"))
            }
            depth => Ok(Deep { expr: Expr { kind, span }, depth }),
        }
    }

    /// Counts an expression or a matcher.
    fn count(&mut self, span: Span) -> Parse<()> {
        self.parts += 1;
        if self.parts > MAX_PARTS {
            return self.fault(span, format!("expected at most {MAX_PARTS} expressions and matchers"));
        }
        Ok(())
    }

    /// Begins what the parser calls itself for.
    fn enter(&mut self) -> Parse<()> {
        self.level += 1;
        if self.level > MAX_NESTING {
            let span = self.ahead()?.span;
            return self.nests_too_deep(span);
        }
        Ok(())
    }

    /// Reads within another place.
    fn within<T>(&mut self, place: Place, read: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        let outer = std::mem::replace(&mut self.place, place);
        let value = read(self)?;
        self.place = outer;
        Ok(value)
    }

    fn ahead(&mut self) -> Parse<Token> {
        match self.ahead {
            Some(token) => Ok(token),
            None => Ok(*self.ahead.insert(self.lexer.token()?)),
        }
    }

    fn peek(&mut self) -> Parse<Kind> {
        Ok(self.ahead()?.kind)
    }

    fn take(&mut self) -> Parse<Token> {
        let token = self.ahead()?;
        self.ahead = None;
        self.end = token.span.end;
        Ok(token)
    }

    /// Takes the next token if it is of this kind.
    fn eat(&mut self, kind: Kind) -> Parse<bool> {
        let found = self.peek()? == kind;
        if found {
            self.take()?;
        }
        Ok(found)
    }

    fn expect(&mut self, kind: Kind) -> Parse<Span> {
        if self.peek()? == kind { Ok(self.take()?.span) } else { self.unexpected() }
    }

    fn read(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// From the start of `first` to the end of the last token taken.
    fn since(&self, first: Span) -> Span {
        Span { start: first.start, end: self.end }
    }

    /// The next token does not fit.
    fn unexpected<T>(&mut self) -> Parse<T> {
        let token = self.ahead()?;
        let found = token.kind.describe(self.read(token.span));
        self.fault(token.span, self.place.complain(&found))
    }

    fn nests_too_deep<T>(&self, span: Span) -> Parse<T> {
        self.fault(span, format!("expected at most {MAX_NESTING} expressions within each other"))
    }

    fn fault<T>(&self, span: Span, message: impl Into<String>) -> Parse<T> {
        Err(ParseError::new(self.text, span, message))
    }
}

// === impl Depth ===

impl Depth {
    /// That of an operator over its operands.
    fn over(lhs: Self, rhs: Self) -> Self {
        Self { whole: lhs.whole.max(rhs.whole) + 1, nested: lhs.nested.max(rhs.nested + 1) }
    }

    /// The most of each.
    fn max(self, other: Self) -> Self {
        Self { whole: self.whole.max(other.whole), nested: self.nested.max(other.nested) }
    }

    /// The deepest of several.
    fn of<'a>(all: impl IntoIterator<Item = &'a Deep>) -> Self {
        all.into_iter().map(|deep| deep.depth).fold(Self::default(), Self::max)
    }
}
