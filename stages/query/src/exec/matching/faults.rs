//! What makes a match fail, and of several reasons the one that Prometheus gives.

use weir_pipeline::{Error, Labels};

use crate::labels::in_error;

/// Why a match fails, those first that Prometheus looks for first at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Two series of the "one" side share a key.
    Duplicate,
    /// Two series of the left side met one of the right side.
    Ambiguous,
    /// Two series of the "many" side that share a key have the same labels in the result.
    Grouping,
    /// Two series that do not share a key have the same labels in the result.
    SameLabels,
}

/// The first fault: of the first step that has one.
#[derive(Debug, Default)]
pub(super) struct Faults {
    first: Option<(usize, Fault)>,
}

// === impl Faults ===

impl Faults {
    /// Adds a fault of a step.
    pub(super) fn add(&mut self, step: usize, fault: Fault) {
        self.first = Some(self.first.map_or((step, fault), |first| first.min((step, fault))));
    }

    /// The fault to tell, and its step.
    pub(super) fn first(&self) -> Option<(usize, Fault)> {
        self.first
    }
}

// === impl Fault ===

impl Fault {
    /// The error. `duplicate` is that of [`Fault::Duplicate`], which says more.
    pub(super) fn error(self, duplicate: impl FnOnce() -> Error) -> Error {
        Error::unprocessable(match self {
            Self::Duplicate => return duplicate(),
            Self::Ambiguous => {
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            }
            Self::Grouping => "multiple matches for labels: grouping labels must ensure unique matches",
            Self::SameLabels => "vector cannot contain metrics with the same labelset",
        })
    }
}

/// The error of two series of the "one" side, which is `side`, that share the key `group`.
pub(super) fn duplicate(side: &str, group: &[u8], one: &[u8], other: &[u8]) -> Error {
    let text = |labels| in_error(Labels::from_canonical(labels));
    let (group, one, other) = (text(group), text(one), text(other));
    let (first, second) = if one > other { (other, one) } else { (one, other) };
    Error::unprocessable(format!(
        "found duplicate series for the match group {group} on the {side} hand-side of the operation: \
         [{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side"
    ))
}
