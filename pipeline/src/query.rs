//! What is asked on the read path, and what is answered.

mod cardinality;
mod changes;
mod exemplar;
mod rows;
mod stats;
mod tenants;

use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use crate::batch::{Batch, Metadata};
use crate::error::Result;
use crate::histogram::Histogram;
use crate::labels::LabelSet;
use crate::matcher::Matcher;
use crate::tenant::Tenant;

pub use cardinality::{Cardinality, Most};
pub use changes::Changes;
pub use rows::{RowForm, Rows};
pub use stats::{QueryStats, QueryTimings, SampleStats, StatsDetail};
pub use tenants::{BlocksUsage, TenantUsage};

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
    /// Whether an answer that may have gaps, with a warning of them, is better than none.
    pub partial: bool,
    /// What the answer should tell of how it was found.
    pub stats: StatsDetail,
    /// The labels in which the replicas of one scraper differ, whose series are to be one; `None` for the engine's setting.
    pub replica_labels: Option<Arc<[String]>>,
    /// How many steps beyond the first a PromQL query within an SQL query may have; `None` for no limit.
    pub max_points: Option<NonZeroU64>,
    /// Whether it is to be computed anew, whatever is kept of earlier answers.
    pub anew: bool,
    /// Whether a series that comes without its samples is to tell that it has native histograms, by an empty one.
    pub kinds: bool,
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
    /// The exemplars of series that match any of the selectors.
    Exemplars {
        /// One list of matchers for each selector.
        selectors: Vec<Vec<Matcher>>,
        /// From.
        start: i64,
        /// To.
        end: i64,
        /// The identity of the bucket that the asker reads by itself: what is in it is not asked for.
        bucket: Option<Arc<str>>,
    },
    /// What is known of metrics: their kinds, help texts and units.
    Metadata {
        /// Of this metric alone.
        metric: Option<String>,
        /// The identity of the bucket that the asker reads by itself: what is in it is not asked for.
        bucket: Option<Arc<str>>,
    },
    /// What recent series are made of: the `limit` largest of each kind.
    Cardinality {
        /// How many of each kind.
        limit: usize,
    },
    /// What there is of each tenant, or of one.
    Tenants {
        /// Of this tenant alone.
        only: Option<Tenant>,
    },
    /// To delete all that there is of a tenant; the answer is what there was.
    DeleteTenant {
        /// Whose.
        tenant: Tenant,
    },
    /// The samples of series that match all matchers: what one node asks another.
    Samples {
        /// At least one.
        matchers: Vec<Matcher>,
        /// From.
        start: i64,
        /// To.
        end: i64,
        /// The series, without their samples.
        labels_only: bool,
        /// The identity of the bucket that the asker reads by itself: what is in it is not asked for.
        bucket: Option<Arc<str>>,
    },
    /// What has changed of the tenant's samples: what who keeps answers asks before giving one again.
    Changes {
        /// Since the answer of this number; `None` for who only wants to know the number.
        since: Option<u64>,
    },
    /// An SQL query over metrics.
    Sql {
        /// The SQL text.
        text: Arc<str>,
        /// In which form the rows are to be.
        form: RowForm,
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
    /// How it was found, where that was asked for and what answered can tell.
    pub stats: Option<QueryStats>,
}

/// The data of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// A number, at a time.
    Scalar(i64, f64),
    /// A text, at a time.
    String(i64, String),
    /// One sample for each series, all at one time.
    Vector(Vec<(LabelSet, i64, Value)>),
    /// The samples of each series.
    Matrix(Vec<(LabelSet, Points)>),
    /// Label sets, sorted.
    Series(Vec<LabelSet>),
    /// Label names or label values, sorted.
    Names(Vec<String>),
    /// The exemplars of each series, sorted by labels.
    Exemplars(Vec<SeriesExemplars>),
    /// What is known of metrics, sorted by their names; a metric may come more than once.
    Metadata(Vec<Metadata>),
    /// What recent series are made of.
    Cardinality(Cardinality),
    /// What there is of tenants, sorted by their names.
    Tenants(Vec<TenantUsage>),
    /// What has changed; `None` where that can't be told.
    Changes(Option<Changes>),
    /// Samples, in batches that come one after the other.
    Samples(Batches),
    /// The rows of an SQL query, in pieces that come one after the other.
    Rows(Rows),
}

/// The exemplars of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesExemplars {
    /// The series.
    pub series: LabelSet,
    /// In order of time.
    pub exemplars: Vec<Exemplar>,
}

/// An observation that stands for others, most often with the id of its trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// What is known of it beyond its series.
    pub labels: LabelSet,
    /// What was observed.
    pub value: f64,
    /// When, in milliseconds since the Unix epoch.
    pub timestamp: i64,
}

/// The value of a sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<Histogram>),
}

/// The samples of a series, each kind in order of time. No time is in both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// Numbers.
    pub floats: Vec<(i64, f64)>,
    /// Native histograms.
    pub histograms: Vec<(i64, Arc<Histogram>)>,
}

/// Batches that come one after the other, to be taken once: of a clone or of this, not of both. A series is in one batch
/// only, or in several in a row.
#[derive(Clone)]
pub struct Batches {
    stream: Arc<Mutex<Option<Stream>>>,
    since: Option<Since>,
}

/// Since when who answers has everything that it acknowledged: one that took another's place came empty. Milliseconds since
/// the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// When it came. What was acknowledged in its name before is not with it.
    pub began: i64,
    /// Of this time on no sample can have been acknowledged before it came.
    pub from: i64,
}

type Stream = BoxStream<'static, Result<Batch>>;

// === impl Query ===

impl Query {
    /// A question without limits, whose answer may have gaps.
    pub fn new(tenant: Tenant, ask: Ask) -> Self {
        Self {
            tenant,
            ask,
            limit: 0,
            timeout: None,
            lookback: None,
            partial: true,
            stats: StatsDetail::None,
            replica_labels: None,
            max_points: None,
            anew: false,
            kinds: false,
        }
    }
}

// === impl Answer ===

impl From<Data> for Answer {
    fn from(data: Data) -> Self {
        Self { data, warnings: Vec::new(), infos: Vec::new(), stats: None }
    }
}

// === impl Value ===

impl Value {
    /// The number; `None` where it is a histogram.
    pub fn float(&self) -> Option<f64> {
        match self {
            Self::Float(float) => Some(*float),
            Self::Histogram(_) => None,
        }
    }

    /// The histogram; `None` where it is a number.
    pub fn histogram(&self) -> Option<&Arc<Histogram>> {
        match self {
            Self::Float(_) => None,
            Self::Histogram(histogram) => Some(histogram),
        }
    }
}

impl From<f64> for Value {
    fn from(float: f64) -> Self {
        Self::Float(float)
    }
}

impl From<Histogram> for Value {
    fn from(histogram: Histogram) -> Self {
        Self::Histogram(Arc::new(histogram))
    }
}

impl From<Arc<Histogram>> for Value {
    fn from(histogram: Arc<Histogram>) -> Self {
        Self::Histogram(histogram)
    }
}

// === impl Points ===

impl Points {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.floats.len() + self.histograms.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a sample, later than all of its kind before it.
    pub fn push(&mut self, time: i64, value: Value) {
        match value {
            Value::Float(float) => self.floats.push((time, float)),
            Value::Histogram(histogram) => self.histograms.push((time, histogram)),
        }
    }
}

impl From<Vec<(i64, f64)>> for Points {
    fn from(floats: Vec<(i64, f64)>) -> Self {
        Self { floats, histograms: Vec::new() }
    }
}

// === impl Batches ===

impl Batches {
    /// Batches to be taken. An error ends them.
    pub fn new(stream: impl futures_util::Stream<Item = Result<Batch>> + Send + 'static) -> Self {
        Self { stream: Arc::new(Mutex::new(Some(stream.boxed()))), since: None }
    }

    /// The same, from one who has everything since then.
    #[must_use]
    pub fn with_since(self, since: Since) -> Self {
        Self { since: Some(since), ..self }
    }

    /// Since when who answers has everything; `None` where it does not say.
    pub fn since(&self) -> Option<Since> {
        self.since
    }

    /// The batches; nothing where they were taken before.
    pub fn take(&self) -> Option<BoxStream<'static, Result<Batch>>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl PartialEq for Batches {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.stream, &other.stream)
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Batches")
    }
}

#[cfg(test)]
mod tests;
