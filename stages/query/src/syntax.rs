//! PromQL's syntax: from text to a tree in which every node knows where it stands.
//!
//! The language is that of Prometheus 3.14, all of it; what the planner can't run yet it says, with its position.
//! Limits: [`MAX_QUERY_BYTES`] and [`MAX_DEPTH`], so that no text overflows a stack here or below.

use std::fmt;

use weir_pipeline::{Error, Matcher};

pub mod ast;
mod check;
mod duration;
pub mod functions;
pub mod fuzz;
mod lexer;
mod number;
mod parser;
mod print;
mod selector;

use ast::{Expr, Span};

/// The longest query, in bytes.
pub const MAX_QUERY_BYTES: usize = 64 << 10;

/// The deepest tree. Plans are several nodes deep for each level, and are walked by recursion.
pub const MAX_DEPTH: usize = 100;

/// Why a text is not PromQL, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// The line and the column of `span.start`.
    pub position: Position,
}

/// A line and a column, from 1; columns count bytes, as in Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The byte in the line.
    pub column: usize,
}

/// Reads an expression and checks its types.
///
/// # Errors
/// The first mistake, in Prometheus' words where it has some.
pub fn parse(text: &str) -> Result<Expr, ParseError> {
    let parsed = parser::Parser::new(text).and_then(|mut p| p.whole()).and_then(|expr| {
        check::check(&expr)?;
        Ok(expr)
    });
    parsed.map_err(|fault| fault.in_text(text))
}

/// Reads a series selector, as in `match[]`.
///
/// # Errors
/// The text is not a selector, or one that every series matches.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let expr = parse(text)?;
    match expr.kind {
        ast::ExprKind::Selector(selector) if selector.shift == ast::Shift::default() => Ok(selector.matchers),
        _ => Err(Fault::new(expr.span, "expected a series selector").in_text(text)),
    }
}

/// A mistake, before its position is known.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    span: Span,
    message: String,
}

type Parsed<T> = Result<T, Fault>;

// === impl Position ===

impl Position {
    /// Where `span` begins in `text`.
    pub fn of(text: &str, span: Span) -> Self {
        let before = text.as_bytes().get(..span.start as usize).unwrap_or(text.as_bytes());
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|b| **b != b'\n').count();
        Self { line, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

// === impl Fault ===

impl Fault {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }

    fn in_text(self, text: &str) -> ParseError {
        ParseError { position: Position::of(text, self.span), span: self.span, message: self.message }
    }
}

// === impl ParseError ===

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: parse error: {}", self.position, self.message)
    }
}

impl std::error::Error for ParseError {}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        Self::invalid(error.to_string())
    }
}

#[cfg(test)]
mod tests;
