//! Numbers for label sets, so that a label set is hashed once and then is an index.

use std::collections::HashMap;

use datafusion::common::{Result, exec_err};
use datafusion::execution::memory_pool::MemoryReservation;
use weir_pipeline::Labels;

use crate::labels::{key_of, labels_by, labels_without};

/// The labels that two series have in common when they meet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MatchBy {
    /// Whether `labels` are those to compare, or those to leave out.
    pub(crate) on: bool,
    /// Labels.
    pub(crate) labels: Vec<String>,
}

/// Label sets, numbered in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    numbers: HashMap<[u8; 16], usize>,
    /// All labels, one set after the other.
    labels: Vec<u8>,
    /// Where each set ends.
    ends: Vec<usize>,
}

// === impl MatchBy ===

impl MatchBy {
    /// Whether the values of this label must be the same on both sides.
    pub(crate) fn compares(&self, label: &str) -> bool {
        self.on == self.labels.iter().any(|own| own == label)
    }

    /// Puts the labels that a series meets others on in place of what is in `out`. An absent label is as an empty one.
    pub(crate) fn key(&self, labels: &[u8], out: &mut Vec<u8>) {
        out.clear();
        let labels = Labels::from_canonical(labels);
        if self.on {
            labels_by(labels, &self.labels, out);
        } else {
            labels_without(labels, &self.labels, out);
        }
    }
}

impl std::fmt::Display for MatchBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}({})", if self.on { "on" } else { "ignoring" }, self.labels.join(", "))
    }
}

// === impl Keys ===

impl Keys {
    /// The number of a label set that has come.
    pub(crate) fn find(&self, labels: &[u8]) -> Result<Option<usize>> {
        self.check(self.numbers.get(&key_of(labels)).copied(), labels)
    }

    /// The number of a label set, which may be new: then it is as great as there were label sets before.
    pub(crate) fn number(&mut self, labels: &[u8], memory: &MemoryReservation) -> Result<usize> {
        let (key, next) = (key_of(labels), self.ends.len());
        if let Some(number) = self.check(self.numbers.get(&key).copied(), labels)? {
            return Ok(number);
        }
        memory.try_grow(labels.len() + 64)?;
        self.numbers.insert(key, next);
        self.labels.extend_from_slice(labels);
        self.ends.push(self.labels.len());
        Ok(next)
    }

    fn check(&self, number: Option<usize>, labels: &[u8]) -> Result<Option<usize>> {
        match number {
            Some(number) if self.get(number) != labels => {
                let (one, other) = (Labels::from_canonical(self.get(number)), Labels::from_canonical(labels));
                exec_err!("the label sets {one} and {other} have the same hash")
            }
            number => Ok(number),
        }
    }

    /// The label set of a number.
    pub(crate) fn get(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(number).and_then(|end| self.labels.get(start..*end)).unwrap_or_default()
    }
}
