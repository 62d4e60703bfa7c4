//! What is asked on the read path, and what is answered.

use std::sync::Arc;
use std::time::Duration;

use crate::labels::LabelSet;
use crate::matcher::Matcher;
use crate::tenant::Tenant;

/// A question to the read path. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Query {
    /// Whose data.
    pub tenant: Tenant,
    /// What.
    pub ask: Ask,
    /// At most this many series or names in the answer; 0 for no limit.
    pub limit: usize,
    /// Give up after this long.
    pub timeout: Option<Duration>,
    /// How far an instant selector looks back; `None` for the engine's setting.
    pub lookback: Option<Duration>,
}

/// What is asked. Times are milliseconds since the Unix epoch, both ends included.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A PromQL expression at one time.
    Instant {
        /// The PromQL text.
        expr: Arc<str>,
        /// When.
        time: i64,
    },
    /// A PromQL expression at each step.
    Range {
        /// The PromQL text.
        expr: Arc<str>,
        /// The first step.
        start: i64,
        /// No step is after it.
        end: i64,
        /// Milliseconds between steps, above 0.
        step: i64,
    },
    /// The label sets of series that match any of the selectors.
    Series {
        /// One list of matchers for each selector.
        selectors: Vec<Vec<Matcher>>,
        /// From.
        start: i64,
        /// To.
        end: i64,
    },
    /// The label names of series that match any of the selectors; of all series where there is no selector.
    LabelNames {
        /// One list of matchers for each selector.
        selectors: Vec<Vec<Matcher>>,
        /// From.
        start: i64,
        /// To.
        end: i64,
    },
    /// The values of one label of series that match any of the selectors; of all series where there is no selector.
    LabelValues {
        /// The label.
        name: String,
        /// One list of matchers for each selector.
        selectors: Vec<Vec<Matcher>>,
        /// From.
        start: i64,
        /// To.
        end: i64,
    },
}

/// The answer to a [`Query`].
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The data.
    pub data: Data,
    /// What the asker should know: something may be wrong.
    pub warnings: Vec<String>,
    /// What the asker may want to know.
    pub infos: Vec<String>,
}

/// The data of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// A number, at a time.
    Scalar(i64, f64),
    /// A text, at a time.
    String(i64, String),
    /// One sample for each series, all at one time.
    Vector(Vec<(LabelSet, i64, f64)>),
    /// A list of samples for each series.
    Matrix(Vec<(LabelSet, Vec<(i64, f64)>)>),
    /// Label sets, sorted.
    Series(Vec<LabelSet>),
    /// Label names or label values, sorted.
    Names(Vec<String>),
}

// === impl Answer ===

impl From<Data> for Answer {
    fn from(data: Data) -> Self {
        Self { data, warnings: Vec::new(), infos: Vec::new() }
    }
}
