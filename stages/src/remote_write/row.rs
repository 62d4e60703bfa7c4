//! One series as it is read: borrowed labels in any order, and its samples.

use std::fmt::Write;

use weir_pipeline::labels::METRIC;
use weir_pipeline::{Exemplar, HistogramPoint};

use super::decode::{Fault, Intake, Limits};
use super::histogram::Read;
use super::refused::Reason;

/// A label's name and value.
pub(crate) type Pair<'a> = (&'a [u8], &'a [u8]);

/// How much of a label set is shown in an error.
const SHOWN_CHARS: usize = 200;

/// One sample, times in milliseconds; `start` is 0 where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) start: i64,
    pub(crate) timestamp: i64,
    pub(crate) value: f64,
}

/// One series as it is read. Kept from series to series, so that its vectors grow once per request.
#[derive(Default)]
pub(crate) struct Row<'a> {
    /// At most one more than the limit: what is beyond that is only counted.
    pub(super) labels: Vec<Pair<'a>>,
    pub(super) label_count: usize,
    /// Whether all names and values are known to be UTF-8.
    pub(crate) utf8: bool,
    pub(crate) samples: Vec<Sample>,
    pub(super) histograms: Vec<HistogramPoint>,
    /// Histograms that make no sense, and what is wrong with the first one.
    pub(super) flawed: (u64, String),
    pub(super) exemplars: Vec<Exemplar>,
}

/// What is wrong with a label set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flaw<'a> {
    NoMetric,
    EmptyName,
    NotUtf8,
    Twice(&'a [u8]),
    TooMany(usize),
    LongName(usize),
    LongValue(&'a [u8], usize),
}

// === impl Row ===

impl<'a> Row<'a> {
    pub(super) fn clear(&mut self) {
        self.labels.clear();
        self.samples.clear();
        self.histograms.clear();
        self.exemplars.clear();
        (self.label_count, self.flawed.0, self.utf8) = (0, 0, false);
    }

    #[inline]
    pub(crate) fn label(&mut self, pair: Pair<'a>, limits: &Limits) {
        self.label_count += 1;
        if self.label_count <= limits.labels {
            self.labels.push(pair);
        }
    }

    /// Takes a histogram, or what is wrong with it.
    pub(crate) fn histogram(&mut self, read: Read, intake: &mut Intake<'_>) -> Result<(), Fault> {
        match read {
            Ok(point) => {
                intake.charge(point.byte_size())?;
                self.histograms.push(point);
            }
            Err(_) if self.flawed.0 > 0 => self.flawed.0 += 1,
            Err(flaw) => self.flawed = (1, flaw),
        }
        Ok(())
    }

    /// How many samples there are, those among them that make no sense included.
    pub(super) fn sample_count(&self) -> u64 {
        self.samples.len() as u64 + self.histograms.len() as u64 + self.flawed.0
    }

    /// Whether nothing of it is to be kept.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.histograms.is_empty() && self.exemplars.is_empty()
    }

    /// Sorts the labels where they are not, and says what is wrong with them.
    pub(super) fn check(&mut self, limits: &Limits) -> Result<(), Flaw<'a>> {
        if self.label_count > limits.labels {
            return Err(Flaw::TooMany(self.label_count));
        }
        if !self.labels.is_sorted_by(|a, b| a.0 < b.0) {
            self.labels.sort_unstable_by_key(|pair| pair.0);
            if let Some(pair) = self.labels.windows(2).find_map(|w| match w {
                [a, b] if a.0 == b.0 => Some(*a),
                _ => None,
            }) {
                return Err(Flaw::Twice(pair.0));
            }
        }
        let mut metric = false;
        for &(name, value) in &self.labels {
            if name.len() > limits.name_bytes {
                return Err(Flaw::LongName(name.len()));
            }
            if value.len() > limits.value_bytes {
                return Err(Flaw::LongValue(name, value.len()));
            }
            metric |= name == METRIC.as_bytes() && !value.is_empty();
        }
        // Sorted, so an empty name is the first.
        if self.labels.first().is_some_and(|pair| pair.0.is_empty()) {
            return Err(Flaw::EmptyName);
        }
        if !metric {
            return Err(Flaw::NoMetric);
        }
        let valid = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
        if !self.utf8 && !self.labels.iter().all(|&(name, value)| valid(name) && valid(value)) {
            return Err(Flaw::NotUtf8);
        }
        Ok(())
    }

    /// How long the canonical encoding is at most.
    pub(super) fn encoded_len(&self) -> usize {
        // A length takes up to five bytes each.
        self.labels.iter().map(|(name, value)| name.len() + value.len() + 10).sum()
    }

    /// Appends the canonical encoding. The labels must have been checked.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        for &(name, value) in self.labels.iter().filter(|(_, value)| !value.is_empty()) {
            super::wire::put_varint(name.len() as u64, out);
            out.extend_from_slice(name);
            super::wire::put_varint(value.len() as u64, out);
            out.extend_from_slice(value);
        }
    }

    /// The labels for an error, cut where they are long.
    pub(super) fn shown(&self) -> String {
        let mut text = String::from("{");
        for (i, (name, value)) in self.labels.iter().enumerate() {
            if text.len() > SHOWN_CHARS {
                break;
            }
            let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
            // A `String` takes any write.
            let _ = write!(text, "{}{name}={value:?}", if i == 0 { "" } else { ", " });
        }
        text.push('}');
        if text.chars().nth(SHOWN_CHARS).is_some() {
            text = text.chars().take(SHOWN_CHARS).chain("…".chars()).collect();
        }
        text
    }
}

// === impl Flaw ===

impl Flaw<'_> {
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::NoMetric | Self::EmptyName | Self::NotUtf8 | Self::Twice(_) => Reason::InvalidLabels,
            Self::TooMany(_) | Self::LongName(_) | Self::LongValue(..) => Reason::LabelLimit,
        }
    }

    pub(super) fn text(&self, limits: &Limits) -> String {
        let shown = |name: &[u8]| String::from_utf8_lossy(name).chars().take(SHOWN_CHARS).collect::<String>();
        match self {
            Self::NoMetric => format!("expected a label `{METRIC}`"),
            Self::EmptyName => "expected label names that are not empty".into(),
            Self::NotUtf8 => "expected labels in UTF-8".into(),
            Self::Twice(name) => format!("expected each label once, got `{}` twice", shown(name)),
            Self::TooMany(n) => format!("expected at most {} labels, got `{n}`", limits.labels),
            Self::LongName(n) => format!("expected label names of at most {} bytes, got `{n}`", limits.name_bytes),
            Self::LongValue(name, n) => {
                let limit = limits.value_bytes;
                format!("expected label values of at most {limit} bytes, got `{n}` in `{}`", shown(name))
            }
        }
    }
}
