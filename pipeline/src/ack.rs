//! What became of each sample.

mod counts;
pub mod reason;

use std::fmt;

use crate::error::Place;
pub use counts::Counts;

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Durable by the sink's own definition.
    Written,
    /// A disk queue took it; a new root starts there.
    Accepted,
    /// It lives on in another sample (aggregate, dedup).
    Absorbed,
    /// A stage left it out, as its settings say.
    Dropped,
    /// It was bad, or a limit refused it; the sender should know.
    Rejected,
}

/// A number of samples with one outcome, for one reason, at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What became of them.
    pub outcome: Outcome,
    /// Why, in snake_case, one of [`reason`]; empty for what is written.
    pub reason: &'static str,
    /// A sentence for the sender about the first of them, where there is one to say.
    pub detail: Option<String>,
    /// Which stage did it. Filled in by the assembler.
    pub place: Option<Place>,
    /// How many samples.
    pub count: u64,
    /// How many of these are known to be native histograms.
    pub histograms: u64,
}

/// What became of each sample of a batch, counted once.
///
/// The law, checked by the assembler at every stage: samples in + created = written + accepted + absorbed + dropped +
/// rejected. `Ok(Ack)` means that the written ones are durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ack {
    entries: Vec<Entry>,
    /// Samples that were not in the batch and were made on the way.
    pub created: u64,
    /// Exemplars that were lost with series that are rejected. They are no samples, and the law does not count them.
    pub exemplars: u64,
}

// === impl Outcome ===

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [Self::Written, Self::Accepted, Self::Absorbed, Self::Dropped, Self::Rejected];

    /// The name, as in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Accepted => "accepted",
            Self::Absorbed => "absorbed",
            Self::Dropped => "dropped",
            Self::Rejected => "rejected",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Ack ===

impl Ack {
    /// All `count` samples are written.
    pub fn written(count: u64) -> Self {
        Self::default().with(Outcome::Written, "", count)
    }

    /// The same with `count` more samples of this outcome.
    #[must_use]
    pub fn with(mut self, outcome: Outcome, reason: &'static str, count: u64) -> Self {
        self.add(outcome, reason, count);
        self
    }

    /// Counts `count` samples. Zero adds nothing.
    pub fn add(&mut self, outcome: Outcome, reason: &'static str, count: u64) {
        self.push(Entry { outcome, reason, detail: None, place: None, count, histograms: 0 });
    }

    /// Counts `count` rejected samples, floats all, with a sentence about the first of them.
    pub fn reject(&mut self, reason: &'static str, detail: impl Into<String>, count: u64) {
        self.reject_all(reason, detail, Counts { floats: count, ..Counts::default() });
    }

    /// Counts what is rejected of all kinds, with a sentence about the first of it.
    pub fn reject_all(&mut self, reason: &'static str, detail: impl Into<String>, counts: Counts) {
        let (count, histograms) = (counts.samples(), counts.histograms);
        let (outcome, detail) = (Outcome::Rejected, Some(detail.into()));
        self.exemplars = self.exemplars.saturating_add(counts.exemplars);
        self.push(Entry { outcome, reason, detail, place: None, count, histograms });
    }

    /// Adds an entry; entries of one outcome, reason and place become one, with the detail of the first that has one.
    pub fn push(&mut self, entry: Entry) {
        if entry.count == 0 {
            return;
        }
        let same = |e: &&mut Entry| e.outcome == entry.outcome && e.reason == entry.reason && e.place == entry.place;
        match self.entries.iter_mut().find(same) {
            Some(old) => {
                old.count = old.count.saturating_add(entry.count);
                old.histograms = old.histograms.saturating_add(entry.histograms);
                old.detail = old.detail.take().or(entry.detail);
            }
            None => self.entries.push(entry),
        }
    }

    /// Adds what another ack counted, of other samples.
    pub fn merge(&mut self, other: Self) {
        self.created = self.created.saturating_add(other.created);
        self.exemplars = self.exemplars.saturating_add(other.exemplars);
        for entry in other.entries {
            self.push(entry);
        }
    }

    /// The entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entries, for the observer that fills in places.
    pub(crate) fn entries_mut(&mut self) -> &mut [Entry] {
        &mut self.entries
    }

    /// How many samples had this outcome.
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.entries.iter().filter(|e| e.outcome == outcome).fold(0, |sum, e| sum.saturating_add(e.count))
    }

    /// How much of each kind was rejected. Samples of which nobody said what they are count as floats.
    pub fn rejected(&self) -> Counts {
        let entries = self.entries.iter().filter(|entry| entry.outcome == Outcome::Rejected);
        entries.fold(Counts { exemplars: self.exemplars, ..Counts::default() }, |sum, entry| {
            let floats = entry.count.saturating_sub(entry.histograms);
            sum.and(Counts { floats, histograms: entry.histograms, exemplars: 0 })
        })
    }

    /// How many samples are accounted for.
    pub fn total(&self) -> u64 {
        self.entries.iter().fold(0, |sum, e| sum.saturating_add(e.count))
    }

    /// Whether the law holds for a batch of `samples`.
    pub fn balances(&self, samples: u64) -> bool {
        // Counts may come from a peer: no sum of them may overflow into the right one.
        let accounted: u128 = self.entries.iter().map(|e| u128::from(e.count)).sum();
        u128::from(samples) + u128::from(self.created) == accounted
    }
}

#[cfg(test)]
mod tests;
