//! Series selectors as text: `name{a="b", c!="d", e=~"f", g!~"h", "utf8.label"="x"}`.
//!
//! The grammar is that of PromQL's vector selectors, without offset and `@`: a metric name before the braces or quoted
//! within them, strings in `"…"`, `'…'` or backticks, a comma after the last matcher, comments from `#` to the line's end.
//! A selector that matches every series is fine here; that queries refuse it is their rule.
//!
//! Source: `promql/parser/lex.go` and `generated_parser.y` of Prometheus 3.14.

use std::fmt;

use serde::Deserialize;

use crate::labels::{Labels, METRIC};
use crate::matcher::{MatchOp, Matcher};

mod quote;

pub use quote::{InvalidString, quote, quoted, unquote};

/// The longest selector, in bytes.
pub const MAX_SELECTOR_BYTES: usize = 1 << 20;

/// A series selector: all of its matchers must hold. Settings have it as text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Selector(Vec<Matcher>);

/// Why a text is not a series selector, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSelector {
    /// The line, from 1.
    pub line: usize,
    /// The byte in the line, from 1, as Prometheus counts columns.
    pub column: usize,
    /// What was expected.
    pub message: String,
}

/// Reads a series selector. The matcher of the metric's name comes first, if there is one.
///
/// # Errors
/// The text is not a selector.
pub fn parse(text: &str) -> Result<Vec<Matcher>, InvalidSelector> {
    Parser { text, at: 0 }.selector().map_err(|fault| fault.in_text(text))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

struct Fault {
    at: usize,
    message: String,
}

type Read<T> = Result<T, Fault>;

// === impl Selector ===

impl Selector {
    /// Whether it selects series with these labels.
    pub fn selects(&self, labels: Labels<'_>) -> bool {
        self.0.iter().all(|matcher| matcher.selects(labels))
    }

    /// The matchers.
    pub fn matchers(&self) -> &[Matcher] {
        &self.0
    }
}

impl TryFrom<String> for Selector {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let invalid = |error| format!("expected a selector such as `{{job=\"a\"}}`, got `{text}`: {error}");
        parse(&text).map(Self).map_err(invalid)
    }
}

// === impl Parser ===

impl<'a> Parser<'a> {
    fn selector(&mut self) -> Read<Vec<Matcher>> {
        if self.text.len() > MAX_SELECTOR_BYTES {
            return self.fault(0, format!("expected a selector of at most {MAX_SELECTOR_BYTES} bytes"));
        }
        let mut matchers = Vec::new();
        self.skip_space();
        let name = self.word(true);
        if !name.is_empty() {
            matchers.push(Matcher::equal(METRIC, name));
        }
        self.skip_space();
        if self.eat("{") {
            self.matchers(&mut matchers)?;
        } else if name.is_empty() {
            return self.unexpected("a metric name or `{`");
        }
        self.skip_space();
        if self.rest().is_empty() { Ok(matchers) } else { self.unexpected("the end of the selector") }
    }

    /// What is between the braces, and the closing one.
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Read<()> {
        let named = !matchers.is_empty();
        loop {
            self.skip_space();
            if self.eat("}") {
                return Ok(());
            }
            let at = self.at;
            let matcher = self.matcher()?;
            if named && matcher.name == METRIC {
                return self.fault(at, "expected the metric name once, it is set before the braces".into());
            }
            matchers.push(matcher);
            self.skip_space();
            if !self.eat(",") && !self.rest().starts_with('}') {
                return self.unexpected("`,` or `}`");
            }
        }
    }

    fn matcher(&mut self) -> Read<Matcher> {
        let at = self.at;
        let is_quoted = self.rest().starts_with(['"', '\'', '`']);
        let name = if is_quoted { self.string()? } else { self.word(false).to_owned() };
        if name.is_empty() {
            self.at = at;
            return self.unexpected("a label name or `}`");
        }
        self.skip_space();
        let ops = [("=~", MatchOp::Match), ("!~", MatchOp::NotMatch), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)];
        let Some((_, op)) = ops.into_iter().find(|(text, _)| self.eat(text)) else {
            // A quoted text alone is a metric name.
            let ends = self.rest().starts_with([',', '}']);
            return if is_quoted && ends {
                Ok(Matcher::equal(METRIC, name))
            } else {
                self.unexpected("`=`, `!=`, `=~` or `!~`")
            };
        };
        self.skip_space();
        let at = self.at;
        if !self.rest().starts_with(['"', '\'', '`']) {
            return self.unexpected("a string");
        }
        let value = self.string()?;
        Matcher::new(name, op, value).map_err(|error| Fault { at, message: error.to_string() })
    }

    fn string(&mut self) -> Read<String> {
        match quoted(self.rest()) {
            Ok((value, len)) => {
                self.at += len;
                Ok(value)
            }
            Err(error) => self.fault(self.at + error.offset, error.message),
        }
    }

    /// An identifier, empty where there is none; a metric's may have colons.
    fn word(&mut self, colons: bool) -> &'a str {
        let rest = self.rest();
        let ok = |(i, c): (usize, char)| {
            c.is_ascii_alphabetic() || c == '_' || (colons && c == ':') || (i > 0 && c.is_ascii_digit())
        };
        let end = rest.char_indices().find(|&x| !ok(x)).map_or(rest.len(), |(i, _)| i);
        self.at += end;
        &rest[..end]
    }

    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn unexpected<T>(&self, expected: &str) -> Read<T> {
        let got = match self.rest().chars().next() {
            Some(c) => format!("`{c}`"),
            None => "the end".to_owned(),
        };
        self.fault(self.at, format!("expected {expected}, got {got}"))
    }

    fn fault<T>(&self, at: usize, message: String) -> Read<T> {
        Err(Fault { at, message })
    }
}

impl Fault {
    fn in_text(self, text: &str) -> InvalidSelector {
        let before = text.as_bytes().get(..self.at).unwrap_or(text.as_bytes());
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        InvalidSelector { line, column: before.len() - start + 1, message: self.message }
    }
}

// === impl InvalidSelector ===

impl fmt::Display for InvalidSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for InvalidSelector {}

#[cfg(test)]
mod tests;
