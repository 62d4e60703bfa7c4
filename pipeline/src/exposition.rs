//! The text in which targets expose their metrics: Prometheus text 0.0.4, with the quoted UTF-8 names of 1.0.0, and
//! OpenMetrics 1.0.
//!
//! ```
//! use weir_pipeline::exposition::{Event, Format, Parser};
//!
//! let text = b"# TYPE up gauge\nup{job=\"node\"} 1 1700000000000\n";
//! for event in Parser::new(text, Format::Text) {
//!     if let Event::Sample(sample) = event? {
//!         assert_eq!((&*sample.name, sample.value, sample.timestamp), ("up", 1.0, Some(1_700_000_000_000)));
//!         assert_eq!(sample.labels.iter().next(), Some(("job".into(), "node".into())));
//!     }
//! }
//! # Ok::<(), weir_pipeline::exposition::ParseError>(())
//! ```
//!
//! Shape: [`Parser`] walks over a body and yields one [`Event`] a line. Everything borrows from the body; an allocation
//! happens only where an escape must be undone. [`SeriesLabels`] brings the labels of a sample into the canonical
//! encoding. [`batch`] reads a whole text, [`write()`] is the way back.
//!
//! Errors: the first mistake ends the walk. It says line, column, what was expected and what is there.
//!
//! Source: what these parsers accept is what `model/textparse` of Prometheus accepts, with few exceptions: negative
//! timestamps in 0.0.4 are read, as its specification has them; bytes that are not UTF-8 are refused in comments too; and
//! a label that comes twice is refused here, where Prometheus does it later. As there, hexadecimal numbers are refused
//! although Go could read them.

mod collect;
mod cursor;
mod error;
pub mod fuzz;
mod labels;
mod number;
mod openmetrics;
mod parser;
mod series;
mod text;
mod write;

use std::borrow::Cow;

pub use collect::{Families, batch, collect};
pub use error::ParseError;
pub use labels::{LabelIter, LabelText};
pub use number::NAN;
pub use parser::Parser;
pub use series::SeriesLabels;
pub use write::{families, write};

use crate::batch::MetricKind;

/// The format of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4, and 1.0.0, which adds quoted names.
    Text,
    /// OpenMetrics 1.0 and 0.0.1.
    OpenMetrics,
}

/// What a parser refuses to read although the format allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest line, in bytes. Default 1 MiB.
    pub line_bytes: usize,
    /// The most labels of one sample, without its name, and of one exemplar. Default 1024.
    pub labels: usize,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// `# HELP`: what the metric is about.
    Help {
        /// The family's name.
        metric: Cow<'a, str>,
        /// The text, escapes undone.
        text: Cow<'a, str>,
    },
    /// `# TYPE`: what kind of metric it is.
    Type {
        /// The family's name.
        metric: Cow<'a, str>,
        /// Its kind.
        kind: MetricKind,
    },
    /// `# UNIT`, in OpenMetrics only: the unit of the values.
    Unit {
        /// The family's name.
        metric: Cow<'a, str>,
        /// The unit; may be empty.
        unit: &'a str,
    },
    /// Any other comment, with its `#`. OpenMetrics has none.
    Comment(&'a str),
    /// A sample.
    Sample(Sample<'a>),
    /// `# EOF`, which ends every OpenMetrics body. The end of a text in 0.0.4 yields nothing.
    Eof,
}

/// A sample as the body has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// Name and labels as they stand in the body: the key by which a series of the same target is found again.
    pub series: &'a str,
    /// The metric's name. Never empty.
    pub name: Cow<'a, str>,
    /// The other labels.
    pub labels: LabelText<'a>,
    /// The value. NaN is always [`NAN`].
    pub value: f64,
    /// Milliseconds since the Unix epoch, where the body says.
    pub timestamp: Option<i64>,
    /// The exemplar, where there is one.
    pub exemplar: Option<Exemplar<'a>>,
}

/// One observation behind a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar<'a> {
    /// What identifies it, as a trace id.
    pub labels: LabelText<'a>,
    /// The observed value.
    pub value: f64,
    /// Milliseconds since the Unix epoch, where the body says.
    pub timestamp: Option<i64>,
}

// === impl Format ===

impl Format {
    /// The format that a `Content-Type` names, where it is one of ours.
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        if media.eq_ignore_ascii_case("text/plain") {
            Some(Self::Text)
        } else if media.eq_ignore_ascii_case("application/openmetrics-text") {
            Some(Self::OpenMetrics)
        } else {
            None
        }
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { line_bytes: 1 << 20, labels: 1024 }
    }
}

#[cfg(test)]
mod tests;
