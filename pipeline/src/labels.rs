//! Label sets in their canonical encoding, and the id of a series.
//!
//! The encoding, version 1, frozen: for each label, in the byte order of the names, the length of the name as an
//! unsigned LEB128 varint, the name, the length of the value likewise, the value. An empty value is the same as an
//! absent label and is never encoded. The metric name is the label `__name__`.
//!
//! The id, version 1, frozen: XXH3-128 (seed 0) of that encoding, big-endian. It does not hold the tenant: a series is
//! the pair of tenant and id. XXH3 resists accidents, not forgery, so whoever keeps series by id compares the
//! encodings where two ids meet.

use std::cmp::Ordering;
use std::fmt;

use crate::selector::quote;

mod encoding;

use encoding::take;
pub use encoding::{Iter, Pair, Pairs, encode_label};

/// The name of the label that holds the metric's name.
pub const METRIC: &str = "__name__";

/// The version of the canonical encoding and of the hash over it. Written into every file that keeps either.
pub const ENCODING_VERSION: u8 = 1;

/// Identifies a series within a tenant: the hash of its canonical label encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub [u8; 16]);

/// A borrowed label set in canonical encoding. Cheap to copy; reading walks the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Labels<'a> {
    encoded: &'a [u8],
}

/// An owned label set in canonical encoding.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct LabelSet {
    encoded: Box<[u8]>,
}

/// Collects labels in any order and yields the canonical encoding.
///
/// A name set twice keeps the last value; an empty value removes the label, as in Prometheus. A label without a name is
/// none.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    pairs: Vec<(String, String)>,
}

/// The encoding is not canonical: cut short, not UTF-8, unsorted, repeated or empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCanonical;

// === impl SeriesId ===

impl SeriesId {
    /// The id of the series with this canonical encoding.
    pub fn of(encoded: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(encoded).to_be_bytes())
    }

    /// The id as a number, for use as a hash.
    pub fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.as_u128())
    }
}

impl fmt::Debug for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl Labels ===

impl<'a> Labels<'a> {
    /// The labels in `encoded`, which must be canonical: made by this module, or checked before by [`Labels::check`].
    /// Bytes that are not canonical read as fewer labels, never as a panic.
    pub fn from_canonical(encoded: &'a [u8]) -> Self {
        Self { encoded }
    }

    /// The labels in `encoded`, bytes of unknown origin (a file, a peer).
    ///
    /// # Errors
    /// The bytes are not a canonical encoding.
    pub fn check(encoded: &'a [u8]) -> Result<Self, NotCanonical> {
        let mut rest = encoded;
        let mut last: Option<&str> = None;
        while !rest.is_empty() {
            let (name, value, after) = take(rest).ok_or(NotCanonical)?;
            if name.is_empty() || value.is_empty() || last.is_some_and(|last| last >= name) {
                return Err(NotCanonical);
            }
            last = Some(name);
            rest = after;
        }
        Ok(Self { encoded })
    }

    /// The canonical encoding.
    pub fn encoded(self) -> &'a [u8] {
        self.encoded
    }

    /// The id of the series with these labels.
    pub fn id(self) -> SeriesId {
        SeriesId::of(self.encoded)
    }

    /// The labels in the order of their names.
    pub fn iter(self) -> Iter<'a> {
        Iter { rest: self.encoded }
    }

    /// The labels as bytes, without a look at whether they are text: where many are passed over, that is faster.
    pub fn pairs(self) -> Pairs<'a> {
        Pairs { rest: self.encoded }
    }

    /// The value of `name`, or `None` where the label is absent.
    pub fn get(self, name: &str) -> Option<&'a str> {
        let pair = self.pairs().find(|pair| pair.name == name.as_bytes())?;
        std::str::from_utf8(pair.value).ok()
    }

    /// The metric's name, or the empty string.
    pub fn metric(self) -> &'a str {
        self.get(METRIC).unwrap_or("")
    }

    /// Whether there is no label at all.
    pub fn is_empty(self) -> bool {
        self.encoded.is_empty()
    }

    /// An owned copy.
    pub fn to_set(self) -> LabelSet {
        LabelSet { encoded: self.encoded.into() }
    }

    /// A builder that starts with these labels.
    pub fn to_builder(self) -> LabelsBuilder {
        LabelsBuilder { pairs: self.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect() }
    }

    /// Prometheus' order of label sets: label by label, name before value, a prefix first.
    pub fn compare(self, other: Labels<'_>) -> Ordering {
        // Bytes of UTF-8 are in the order of the characters.
        let own = self.pairs().map(|pair| (pair.name, pair.value));
        own.cmp(other.pairs().map(|pair| (pair.name, pair.value)))
    }
}

impl<'a> IntoIterator for Labels<'a> {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Prometheus' notation: `name{a="b", c="d"}`.
impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = self.metric();
        let bare = is_metric_name(metric);
        if bare {
            f.write_str(metric)?;
        }
        let mut open = false;
        for (name, value) in self.iter().filter(|(n, _)| !(bare && *n == METRIC)) {
            f.write_str(if open { ", " } else { "{" })?;
            open = true;
            if is_label_name(name) {
                f.write_str(name)?;
            } else {
                f.write_str(&quote(name))?;
            }
            write!(f, "={}", quote(value))?;
        }
        match (open, bare) {
            (true, _) => f.write_str("}"),
            (false, false) => f.write_str("{}"),
            (false, true) => Ok(()),
        }
    }
}

impl fmt::Debug for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl LabelSet ===

impl LabelSet {
    /// The labels, borrowed.
    pub fn as_labels(&self) -> Labels<'_> {
        Labels { encoded: &self.encoded }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for LabelSet {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.build()
    }
}

impl PartialOrd for LabelSet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LabelSet {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_labels().compare(other.as_labels())
    }
}

impl fmt::Display for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_labels(), f)
    }
}

impl fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl LabelsBuilder ===

impl LabelsBuilder {
    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        let (name, value) = (name.into(), value.into());
        if name.is_empty() || value.is_empty() {
            return self.remove(&name);
        }
        match self.pairs.iter_mut().find(|(n, _)| *n == name) {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((name, value)),
        }
        self
    }

    /// Removes a label.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.pairs.retain(|(n, _)| n != name);
        self
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The labels as set so far, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Appends the canonical encoding to `out`.
    pub fn encode_into(&mut self, out: &mut Vec<u8>) {
        self.pairs.sort_unstable();
        for (name, value) in &self.pairs {
            encode_label(name, value, out);
        }
    }

    /// The label set.
    pub fn build(&mut self) -> LabelSet {
        let mut encoded = Vec::new();
        self.encode_into(&mut encoded);
        LabelSet { encoded: encoded.into() }
    }
}

// === names ===

/// Whether `name` is a metric name of the classic grammar, `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub fn is_metric_name(name: &str) -> bool {
    let ok = |(i, b): (usize, u8)| b.is_ascii_alphabetic() || b == b'_' || b == b':' || (i > 0 && b.is_ascii_digit());
    !name.is_empty() && name.bytes().enumerate().all(ok)
}

/// Whether `name` is a label name of the classic grammar, `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':')
}

#[cfg(test)]
mod tests;
