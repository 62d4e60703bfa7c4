//! What the decoder left out of a batch, and why.

use std::fmt;

use super::Version;

/// How many refusals of one reason are told in words.
const TOLD: u64 = 4;

/// Why a series, or its histograms, did not enter the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No metric name, an empty label name, bytes that are not UTF-8, or one name twice.
    InvalidLabels,
    /// A reference outside the table of symbols, or half a pair of them.
    InvalidReferences,
    /// An exemplar whose labels refer outside the table of symbols, or half a pair of them. Its series is written.
    InvalidExemplar,
    /// More or longer labels than the limits allow.
    LabelLimit,
    /// Neither samples nor histograms nor exemplars.
    EmptySeries,
    /// Native histograms that make no sense. What else its series has is written.
    InvalidHistogram,
    /// A metric of OTLP whose points are not cumulative.
    Temporality,
    /// A metric of OTLP of a kind that is not known.
    Unsupported,
}

/// How much was refused for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Why.
    pub reason: Reason,
    /// How many series.
    pub series: u64,
    /// How many samples and histograms.
    pub samples: u64,
}

/// What the decoder left out of a batch, by reason, with words about the first few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    counts: Vec<Count>,
    told: Vec<String>,
}

// === impl Reason ===

impl Reason {
    /// The name, as in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidLabels => "invalid_labels",
            Self::InvalidReferences => "invalid_references",
            Self::InvalidExemplar => "invalid_exemplar",
            Self::LabelLimit => "label_limit",
            Self::EmptySeries => "empty_series",
            Self::InvalidHistogram => "invalid_histogram",
            Self::Temporality => "temporality",
            Self::Unsupported => "unsupported",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Refused ===

impl Refused {
    /// Counts one series. `tell` is asked for words only while few were told.
    pub(super) fn add(&mut self, reason: Reason, samples: u64, tell: impl FnOnce() -> String) {
        let i = self.counts.iter().position(|c| c.reason == reason).unwrap_or_else(|| {
            self.counts.push(Count { reason, series: 0, samples: 0 });
            self.counts.len() - 1
        });
        let Some(count) = self.counts.get_mut(i) else { return };
        count.series += 1;
        count.samples += samples;
        if count.series <= TOLD {
            self.told.push(tell());
        }
    }

    /// Whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// How much was refused, by reason.
    pub fn counts(&self) -> &[Count] {
        &self.counts
    }

    /// How many samples and histograms were refused for `reason`.
    pub fn samples(&self, reason: Reason) -> u64 {
        self.counts.iter().filter(|c| c.reason == reason).map(|c| c.samples).sum()
    }

    /// Whether the sender should hear of it. 1.0 has no words for a part that was not written, and senders would drop
    /// the good part's neighbours on 400, so Prometheus passes over invalid labels in silence; what only Weir refuses
    /// is never passed over.
    pub fn fails(&self, version: Version) -> bool {
        self.counts.iter().any(|c| version == Version::V2 || c.reason != Reason::InvalidLabels)
    }
}

/// One line for each refusal told, and one for the rest of each reason.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told.join("\n"))?;
        for count in self.counts.iter().filter(|c| c.series > TOLD) {
            write!(f, "\nand {} more series: {}", count.series - TOLD, count.reason)?;
        }
        Ok(())
    }
}
