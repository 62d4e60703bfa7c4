//! Where something stands in a text, as Prometheus writes it.

use std::fmt;

use weir_pipeline::Error;

use super::ast::Span;

/// Line and column of a byte, both from 1. A column counts bytes, as in Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The byte in the line, from 1.
    pub column: usize,
}

/// Why a text is not PromQL, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong, in Prometheus' words.
    pub message: String,
    /// What it is about.
    pub span: Span,
    /// Where that starts; `None` in an empty text.
    pub position: Option<Position>,
}

// === impl Position ===

impl Position {
    /// Where `span` starts in `text`.
    pub fn of(text: &str, span: Span) -> Self {
        let before = text.as_bytes().get(..span.start as usize).unwrap_or(text.as_bytes());
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        Self { line, column: before.len() - start + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

// === impl ParseError ===

impl ParseError {
    /// An error about the part `span` of `text`.
    pub fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        let position = (!text.is_empty()).then(|| Position::of(text, span));
        Self { message: message.into(), span, position }
    }
}

/// As Prometheus: `1:5: parse error: …`.
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{position}: parse error: {}", self.message),
            None => write!(f, "unknown position: parse error: {}", self.message),
        }
    }
}

impl std::error::Error for ParseError {}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        Self::invalid(error.to_string())
    }
}
