//! Functions of labels alone: `label_replace`, `label_join`, and the orders of `sort` and `sort_by_label`.
//!
//! Both label functions leave it to their caller that no two series may end up with the same labels. What they set as
//! `__name__` stays, whatever the argument dropped.
//!
//! Source: `promql/functions.go` of Prometheus 3.14; the natural order is that of `facette/natsort`.

use std::cmp::Ordering;

use weir_pipeline::{LabelSet, Labels, Pattern};

/// `label_replace(v, dst, replacement, src, regex)`
#[derive(Clone, Debug)]
pub struct LabelReplace {
    destination: String,
    replacement: String,
    source: String,
    pattern: Pattern,
}

/// `label_join(v, dst, separator, src, …)`
#[derive(Clone, Debug)]
pub struct LabelJoin {
    destination: String,
    separator: String,
    sources: Vec<String>,
}

// === impl LabelReplace ===

impl LabelReplace {
    /// From the arguments, in their order.
    ///
    /// # Errors
    /// The regular expression, or the name of the destination, is none. In Prometheus' words.
    pub fn new(destination: &str, replacement: &str, source: &str, regex: &str) -> Result<Self, String> {
        let invalid = |_| format!("invalid regular expression in label_replace(): {regex}");
        let pattern = Pattern::new(regex).map_err(invalid)?;
        check_name(destination, "destination", "label_replace")?;
        let [destination, replacement, source] = [destination, replacement, source].map(str::to_owned);
        Ok(Self { destination, replacement, source, pattern })
    }

    /// The label that it sets.
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// The labels after it, or `None` where they stay as they are: the expression must match the whole value, and an
    /// absent label is empty.
    pub fn apply(&self, labels: Labels<'_>) -> Option<LabelSet> {
        let value = self.pattern.expand(labels.get(&self.source).unwrap_or_default(), &self.replacement)?;
        Some(labels.to_builder().set(self.destination.as_str(), value).build())
    }
}

// === impl LabelJoin ===

impl LabelJoin {
    /// From the arguments, in their order.
    ///
    /// # Errors
    /// A name of a label is none. In Prometheus' words.
    pub fn new(destination: &str, separator: &str, sources: Vec<String>) -> Result<Self, String> {
        sources.iter().try_for_each(|source| check_name(source, "source", "label_join"))?;
        check_name(destination, "destination", "label_join")?;
        Ok(Self { destination: destination.to_owned(), separator: separator.to_owned(), sources })
    }

    /// The label that it sets.
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// The labels after it.
    pub fn apply(&self, labels: Labels<'_>) -> LabelSet {
        let values: Vec<_> = self.sources.iter().map(|source| labels.get(source).unwrap_or_default()).collect();
        labels.to_builder().set(self.destination.as_str(), values.join(&self.separator)).build()
    }
}

fn check_name(name: &str, which: &str, function: &str) -> Result<(), String> {
    // Any text is a name, but none.
    if name.is_empty() { Err(format!("invalid {which} label name in {function}(): {name}")) } else { Ok(()) }
}

/// The order of `sort`, or of `sort_desc`: NaN is last in both. Histograms must have gone before.
pub fn by_value(a: f64, b: f64, descending: bool) -> Ordering {
    match a.partial_cmp(&b) {
        Some(order) if descending => order.reverse(),
        Some(order) => order,
        None => a.is_nan().cmp(&b.is_nan()),
    }
}

/// The order of `sort_by_label`, or of `sort_by_label_desc`: by the values of some labels, then by all labels.
pub fn by_labels(a: Labels<'_>, b: Labels<'_>, names: &[String], descending: bool) -> Ordering {
    let compare = |name: &String| natural(a.get(name).unwrap_or_default(), b.get(name).unwrap_or_default());
    let first = names.iter().map(compare).find(|order| order.is_ne());
    let order = first.unwrap_or_else(|| a.compare(b));
    if descending { order.reverse() } else { order }
}

/// The natural order: runs of digits that are numbers of 64 bits compare as such, and what stands between them as a whole, by bytes.
/// Texts that differ in zeros before numbers alone compare as bytes.
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (own, other) = match (chunk(left), chunk(right)) {
            (Some(own), Some(other)) => (own, other),
            (None, None) => return a.cmp(b),
            (own, other) => return own.is_some().cmp(&other.is_some()),
        };
        let order = match (own.parse::<i64>(), other.parse::<i64>()) {
            (Ok(own), Ok(other)) => own.cmp(&other),
            _ => own.cmp(other),
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (after(left, own), after(right, other));
    }
}

/// The digits that a text begins with, or what stands before its first digit; `None` of an empty one.
fn chunk(text: &str) -> Option<&str> {
    let is_number = text.bytes().next()?.is_ascii_digit();
    let end = text.bytes().position(|byte| byte.is_ascii_digit() != is_number).unwrap_or(text.len());
    text.get(..end)
}

/// What follows a text's first chunk.
fn after<'a>(text: &'a str, chunk: &str) -> &'a str {
    text.get(chunk.len()..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
