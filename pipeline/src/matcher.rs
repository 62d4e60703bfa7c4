//! A condition on one label, as PromQL selectors and `filter` write it.

use std::fmt;

use crate::labels::{self, Labels};
use crate::pattern::{InvalidPattern, Pattern};
use crate::selector::quote;

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
}

/// A condition on one label. An absent label reads as the empty string.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The label's name.
    pub name: String,
    /// How to compare.
    pub op: MatchOp,
    /// With what: a text, or the text of a regular expression.
    pub value: String,
    pattern: Option<Pattern>,
}

// === impl MatchOp ===

impl MatchOp {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Match => "=~",
            Self::NotMatch => "!~",
        }
    }
}

impl fmt::Display for MatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Matcher ===

impl Matcher {
    /// A matcher. Regular expressions are Go's, anchored at both ends.
    ///
    /// # Errors
    /// `value` is not a regular expression of Go's syntax.
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, InvalidPattern> {
        let value = value.into();
        let pattern = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Match | MatchOp::NotMatch => Some(Pattern::new(&value)?),
        };
        Ok(Self { name: name.into(), op, value, pattern })
    }

    /// `name="value"`, which can't fail.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), pattern: None }
    }

    /// Whether a label with this value (empty where it is absent) satisfies the condition.
    pub fn matches(&self, value: &str) -> bool {
        match (self.op, &self.pattern) {
            (MatchOp::Equal, _) => value == self.value,
            (MatchOp::NotEqual, _) => value != self.value,
            (MatchOp::Match, Some(pattern)) => pattern.is_match(value),
            (MatchOp::NotMatch, Some(pattern)) => !pattern.is_match(value),
            (MatchOp::Match | MatchOp::NotMatch, None) => false,
        }
    }

    /// Whether a series with these labels satisfies the condition.
    pub fn selects(&self, labels: Labels<'_>) -> bool {
        self.matches(labels.get(&self.name).unwrap_or(""))
    }

    /// The regular expression, where there is one.
    pub fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref()
    }

    /// Whether series without the label satisfy the condition.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

/// PromQL's notation: `name="value"`.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if labels::is_label_name(&self.name) {
            f.write_str(&self.name)?;
        } else {
            f.write_str(&quote(&self.name))?;
        }
        write!(f, "{}{}", self.op, quote(&self.value))
    }
}

#[cfg(test)]
mod tests;
