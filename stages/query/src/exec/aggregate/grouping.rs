//! `by` and `without`: which rows belong together.

use std::fmt;

use weir_pipeline::Labels;

use crate::labels::{labels_by, labels_without};

/// Which labels make a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grouping {
    /// Whether `labels` are those to leave out.
    pub(crate) without: bool,
    /// The labels of `by` or `without`.
    pub(crate) labels: Vec<String>,
}

// === impl Grouping ===

impl Grouping {
    /// Puts the labels of the group that a row belongs to in place of what is in `out`.
    pub(super) fn labels_of(&self, labels: Labels<'_>, out: &mut Vec<u8>) {
        out.clear();
        if self.without {
            labels_without(labels, &self.labels, out);
        } else if !self.labels.is_empty() {
            labels_by(labels, &self.labels, out);
        }
    }
}

impl fmt::Display for Grouping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.without, self.labels.as_slice()) {
            (false, []) => Ok(()),
            (false, labels) => write!(f, " by ({})", labels.join(", ")),
            (true, labels) => write!(f, " without ({})", labels.join(", ")),
        }
    }
}
