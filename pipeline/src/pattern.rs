//! Go's regular expressions, anchored, on Rust's `regex`.

use std::fmt;

use regex::Regex;

/// An anchored regular expression of Go's RE2 syntax: `^(?s:…)$`, as Prometheus compiles matchers and relabel rules.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

/// Why a text is not a regular expression of Go's syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPattern {
    /// What is wrong.
    pub message: String,
}

// === impl Pattern ===

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The text is not a regular expression of Go's syntax, or is too large.
    pub fn new(source: &str) -> Result<Self, InvalidPattern> {
        let regex = Regex::new(&format!("^(?s:{source})$")).map_err(|e| InvalidPattern { message: e.to_string() })?;
        Ok(Self { source: source.to_owned(), regex })
    }

    /// The text it was made from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the whole of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The expansion of `template` (`$1`, `${name}`, `$$`) with the groups of the match on `text`, or `None` where the
    /// text does not match.
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let captures = self.regex.captures(text)?;
        let mut out = String::new();
        captures.expand(template, &mut out);
        Some(out)
    }
}

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a regular expression: {}", self.message)
    }
}

impl std::error::Error for InvalidPattern {}
