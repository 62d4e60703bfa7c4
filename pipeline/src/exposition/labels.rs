//! Labels as they stand in a body.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr, memchr2};

/// Labels as they stand in a body. Cheap to copy; reading walks the bytes and undoes escapes where there are any.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct LabelText<'a> {
    /// What is between the braces, read once before: it is well-formed.
    inner: &'a str,
}

/// The walk over the labels of a [`LabelText`], in the order of the body.
#[derive(Clone, Debug)]
pub struct LabelIter<'a> {
    rest: &'a str,
}

// === impl LabelText ===

impl<'a> LabelText<'a> {
    /// The labels in `inner`, which must be well-formed. What is not reads as fewer labels, never as a panic.
    pub(super) fn new(inner: &'a str) -> Self {
        Self { inner }
    }

    /// The labels in the order of the body, without the metric's name. Values may be empty, which means that the label
    /// is absent. No name comes twice.
    pub fn iter(self) -> LabelIter<'a> {
        LabelIter { rest: self.inner }
    }

    /// Whether there is no label.
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }
}

impl<'a> IntoIterator for LabelText<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);
    type IntoIter = LabelIter<'a>;

    fn into_iter(self) -> LabelIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for LabelText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.inner)
    }
}

// === impl LabelIter ===

impl<'a> Iterator for LabelIter<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest.trim_start_matches([' ', '\t', ',']);
            let (name, after) = if rest.starts_with('"') {
                let (raw, after) = quoted(rest)?;
                (unescape(raw), after)
            } else {
                let end = rest.bytes().position(|b| matches!(b, b'=' | b' ' | b'\t'))?;
                (Cow::Borrowed(rest.get(..end)?), rest.get(end..)?)
            };
            let after = blanks(after);
            match after.strip_prefix('=') {
                Some(after) => {
                    let (value, after) = quoted(blanks(after))?;
                    self.rest = after;
                    return Some((name, unescape(value)));
                }
                // A quoted name that stands alone is the metric's.
                None => self.rest = after,
            }
        }
    }
}

fn blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// What is between the quotes at the start of `text`, and what follows them.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut end = 0;
    loop {
        let rest = inner.as_bytes().get(end..)?;
        end += memchr2(b'"', b'\\', rest)?;
        if inner.as_bytes().get(end) == Some(&b'"') {
            return Some((inner.get(..end)?, inner.get(end + 1..)?));
        }
        end += 2;
    }
}

/// Undoes `\\`, `\"` and `\n`. Any other backslash stands for itself.
pub(super) fn unescape(raw: &str) -> Cow<'_, str> {
    replace(raw, |c| match c {
        '\\' => Some('\\'),
        '"' => Some('"'),
        'n' => Some('\n'),
        _ => None,
    })
}

/// Undoes `\\` and `\n`, the escapes of help texts in 0.0.4.
pub(super) fn unescape_help(raw: &str) -> Cow<'_, str> {
    replace(raw, |c| match c {
        '\\' => Some('\\'),
        'n' => Some('\n'),
        _ => None,
    })
}

fn replace(raw: &str, escape: impl Fn(char) -> Option<char>) -> Cow<'_, str> {
    if memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let mut ahead = chars.clone();
        match ahead.next().and_then(&escape) {
            Some(plain) => {
                out.push(plain);
                chars = ahead;
            }
            None => out.push('\\'),
        }
    }
    Cow::Owned(out)
}
