//! A label set under change, with the order that Prometheus' `labels.Builder` keeps.

use std::borrow::Cow;

use weir_pipeline::Labels;
use weir_pipeline::labels::encode_label;

/// The labels that a series came with, and what rules changed of them.
///
/// The order matters where `labelmap` makes two labels of one name: the walk goes over the labels that came, by name,
/// without those that were set or removed, then over those that were set, in the order in which they first were.
#[derive(Debug)]
pub(super) struct Edit<'a> {
    base: Labels<'a>,
    set: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    removed: Vec<Cow<'a, str>>,
}

impl<'a> Edit<'a> {
    pub(super) fn new(base: Labels<'a>) -> Self {
        Self { base, set: Vec::new(), removed: Vec::new() }
    }

    /// The value of `name`, empty where it is absent.
    pub(super) fn get(&self, name: &str) -> &str {
        if let Some((_, value)) = self.set.iter().find(|(n, _)| n == name) {
            return value;
        }
        if self.removed.iter().any(|n| n == name) {
            return "";
        }
        self.base.get(name).unwrap_or("")
    }

    /// Sets a label; an empty value removes it.
    pub(super) fn set(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let (name, value) = (name.into(), value.into());
        if value.is_empty() {
            return self.remove(name);
        }
        match self.set.iter_mut().find(|(n, _)| *n == name) {
            Some(pair) => pair.1 = value,
            None => self.set.push((name, value)),
        }
    }

    /// Removes a label.
    pub(super) fn remove(&mut self, name: Cow<'a, str>) {
        self.set.retain(|(n, _)| *n != name);
        if !self.removed.contains(&name) {
            self.removed.push(name);
        }
    }

    /// The labels as they are now, in the order of the walk.
    pub(super) fn walk(&self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        let came = self.base.iter().filter(|(name, _)| !self.is_changed(name));
        let came = came.map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value)));
        came.chain(self.set.iter().cloned()).collect()
    }

    fn is_changed(&self, name: &str) -> bool {
        self.removed.iter().any(|n| n == name) || self.set.iter().any(|(n, _)| n == name)
    }

    /// Whether a label has no name, which no canonical encoding has.
    pub(super) fn has_empty_name(&self) -> bool {
        self.set.iter().any(|(name, _)| name.is_empty())
    }

    /// Appends the canonical encoding.
    pub(super) fn encode_into(&self, out: &mut Vec<u8>) {
        if self.set.is_empty() && self.removed.is_empty() {
            return out.extend_from_slice(self.base.encoded());
        }
        let mut pairs = self.walk();
        pairs.sort_unstable();
        pairs.iter().for_each(|(name, value)| encode_label(name, value, out));
    }
}
