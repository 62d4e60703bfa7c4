//! Prometheus' scripts for testing PromQL engines: `load` samples, `eval` a query, compare the answer.
//!
//! Shape: [`parse()`] reads a script into [`Command`]s; [`Storage`] makes series of what is loaded, as a store of
//! Prometheus would give them back; [`run()`] asks a [`Subject`] what the script asks, in all the ways in which
//! Prometheus' own runner does, and gives a [`Report`].
//!
//! Errors: a script that is no script is a [`ScriptError`] with its line. An expression that is no PromQL fails its own
//! evaluation, not the script. Every expansion is bounded: [`MAX_BLOCK`] samples for a block, [`MAX_SAMPLES`] for a
//! script.
//!
//! Source: `promql/promqltest/test.go` of Prometheus 3.14.0, the series notation of `promql/parser`, and
//! `tsdb/head_append.go` and `tsdb/chunkenc` for what becomes of histograms that are stored.

use std::fmt;
use std::sync::Arc;

use weir_pipeline::{Histogram, LabelSet, Pattern, Value};

use crate::syntax::ParseError;
use crate::syntax::ast::Expr;

mod annotations;
mod chunk;
pub mod compare;
mod expect;
pub mod fuzz;
mod literal;
mod nhcb;
mod parse;
mod pin;
mod report;
mod run;
mod series;
mod size;
mod start;
mod storage;

pub use literal::format_histogram;
pub use parse::parse;
pub use report::{Failure, Report};
pub use run::{Subject, run};
pub use storage::{Storage, StoredSeries};

/// The most samples of one `load` or `eval`. A histogram counts once more for each of its buckets.
pub const MAX_BLOCK: usize = 1 << 20;

/// The most samples of a script.
pub const MAX_SAMPLES: usize = 1 << 22;

/// One command of a script, and its line.
#[derive(Clone, Debug)]
pub struct Command {
    /// The line, from 1.
    pub line: usize,
    /// What to do.
    pub kind: CommandKind,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum CommandKind {
    /// Forget all series.
    Clear,
    /// Add samples.
    Load(Load),
    /// Ask, and compare.
    Eval(Box<Eval>),
}

/// Samples to add.
#[derive(Clone, Debug)]
pub struct Load {
    /// Milliseconds between samples; the first is at 0.
    pub step: i64,
    /// Whether classic histograms come as native ones with custom buckets, too.
    pub with_nhcb: bool,
    /// The series. Of several with the same labels the last counts.
    pub series: Vec<LoadedSeries>,
}

/// One series to add.
#[derive(Clone, Debug)]
pub struct LoadedSeries {
    /// Which.
    pub labels: LabelSet,
    /// One for each step, `None` for none.
    pub values: Vec<Option<Item>>,
    /// For each step the milliseconds from the sample to where its count starts; empty where no start is given.
    pub starts: Vec<Option<i64>>,
}

/// A value as a script writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The value.
    pub value: Value,
    /// Whether the text says `counter_reset_hint`: only then it is compared.
    pub hinted: bool,
}

/// A query and what should be its answer.
#[derive(Clone, Debug)]
pub struct Eval {
    /// The query.
    pub expr: String,
    /// The same, read.
    pub tree: Result<Expr, ParseError>,
    /// When.
    pub when: When,
    /// What.
    pub expect: Expect,
}

/// When a query is evaluated. Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At one time.
    Instant(i64),
    /// At each step of a window.
    Range(Steps),
}

/// Points in time, at the same distance from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// The first.
    pub start: i64,
    /// None is after it.
    pub end: i64,
    /// Milliseconds between them.
    pub step: i64,
}

/// What should be the answer.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// Whether the query fails, and how.
    pub fail: Option<Text>,
    /// Whether the order counts.
    pub ordered: bool,
    /// What is expected of warnings.
    pub warnings: Notes,
    /// What is expected of infos.
    pub infos: Notes,
    /// What is expected of the value.
    pub value: Expected,
}

/// What is expected of the warnings, or of the infos, of an answer.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// There is at least one, whatever it says.
    pub some: bool,
    /// There is none.
    pub none: bool,
    /// Each of these fits one of them, and each of them fits one of these; empty where they may be any.
    pub each: Vec<Text>,
}

/// What a text should be.
#[derive(Clone)]
pub enum Text {
    /// Anything.
    Any,
    /// This.
    Exact(String),
    /// Something in which this is found; the source, and what is compiled.
    Regex(String, Pattern),
}

/// What is expected of the value of an answer.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The series, in the order of the script; of several lines for one series the last.
    pub series: Vec<ExpectedSeries>,
    /// A number.
    pub scalar: Option<f64>,
    /// A text.
    pub string: Option<String>,
    /// The times of the points that an instant query answers with as a range vector.
    pub matrix: Option<Steps>,
}

/// A series that is expected.
#[derive(Clone, Debug)]
pub struct ExpectedSeries {
    /// Which.
    pub labels: LabelSet,
    /// At which place of an ordered answer, from 0.
    pub place: usize,
    /// One value for each step, `None` for none.
    pub values: Vec<Option<Item>>,
}

/// Why a text is no script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

// === impl Item ===

impl From<f64> for Item {
    fn from(float: f64) -> Self {
        Self { value: Value::Float(float), hinted: false }
    }
}

impl Item {
    /// The number; `None` where it is a histogram.
    pub fn float(&self) -> Option<f64> {
        self.value.float()
    }

    /// A histogram, and whether it was written with a hint.
    pub(crate) fn histogram(histogram: &Arc<Histogram>, hinted: bool) -> Self {
        Self { value: Value::Histogram(histogram.clone()), hinted }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&compare::format_value(&self.value))
    }
}

// === impl Text ===

impl Text {
    /// Whether `text` is as expected.
    pub fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == text,
            Self::Regex(_, pattern) => pattern.is_match(text),
        }
    }

    /// A regular expression that is to be found anywhere.
    ///
    /// # Errors
    /// The text is no regular expression.
    pub(crate) fn regex(source: &str) -> Result<Self, String> {
        let refused = |why: String| format!("expected a regular expression, got `{source}`: {why}");
        // Alone first: what closes the group around it is none.
        Pattern::new(source).map_err(|error| refused(error.message))?;
        let around = format!("(?s:.*)(?-s:{source})(?s:.*)");
        let pattern = Pattern::new(&around).map_err(|error| refused(error.message))?;
        Ok(Self::Regex(source.to_owned(), pattern))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::Exact(exact) => write!(f, "`{exact}`"),
            Self::Regex(source, _) => write!(f, "/{source}/"),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl ScriptError ===

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ScriptError {}

#[cfg(test)]
mod tests;
