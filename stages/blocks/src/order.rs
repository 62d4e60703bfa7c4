//! The order of series within a block: metric, job, instance, then the other labels in the order of their names.

use std::cmp::Ordering;

use weir_pipeline::Labels;
use weir_pipeline::labels::METRIC;

/// The labels by which series are sorted first.
const FIRST: [&str; 3] = [METRIC, "job", "instance"];

/// A label set with what it is sorted by at hand.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    first: [&'a str; 3],
    labels: Labels<'a>,
}

/// Compares two label sets in block order; equal only where they are the same set. An absent label sorts as empty.
pub fn compare(a: Labels<'_>, b: Labels<'_>) -> Ordering {
    Key::new(a).cmp(&Key::new(b))
}

// === impl Key ===

impl<'a> Key<'a> {
    /// The key of `labels`.
    pub fn new(labels: Labels<'a>) -> Self {
        let mut first = [""; 3];
        for (name, value) in labels {
            if let Some(i) = FIRST.iter().position(|f| *f == name) {
                first[i] = value;
            }
        }
        Self { first, labels }
    }

    fn rest(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.labels.iter().filter(|(name, _)| !FIRST.contains(name))
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.first.cmp(&other.first).then_with(|| self.rest().cmp(other.rest()))
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.labels == other.labels
    }
}

impl Eq for Key<'_> {}

#[cfg(test)]
mod tests;
