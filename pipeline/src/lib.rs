//! The framework of Weir's pipelines: what flows, the traits of those who handle it, and the program around them.
//!
//! A pipeline is a straight list of tower services, composed from the sink up. See `ARCHITECTURE.md`.

pub mod ack;
mod assemble;
pub mod batch;
pub mod clock;
pub mod config;
pub mod context;
pub mod docs;
pub mod error;
pub mod exposition;
pub mod external_labels;
pub mod fanout;
#[cfg(test)]
mod fixture;
pub mod histogram;
pub mod labels;
pub mod matcher;
pub mod metrics;
pub mod next;
pub mod observe;
pub mod path;
pub mod pattern;
pub mod plan;
pub mod query;
pub mod reference;
pub mod registry;
pub mod resource;
pub mod run;
pub mod samples;
pub mod selector;
pub mod sink;
pub mod source;
pub mod stage;
mod swap;
pub mod tap;
pub mod targets;
pub mod tenant;
pub mod testing;
pub mod thread;
pub mod transform;
mod trial;
pub mod units;
pub mod varint;

pub use ack::{Ack, Outcome};
pub use batch::{Batch, BatchBuilder, STALE, is_stale};
pub use clock::Clock;
pub use context::{Asked, Context, Departure};
pub use error::{Error, Kind, Result};
pub use fanout::{Fanout, Rest};
pub use histogram::{Histogram, HistogramPoint};
pub use labels::{LabelSet, Labels, LabelsBuilder, SeriesId};
pub use matcher::{MatchOp, Matcher};
pub use metrics::Metrics;
pub use next::{Next, Reply};
pub use path::{Path, Read, Write};
pub use pattern::Pattern;
pub use query::{
    Answer, Ask, Batches, Cardinality, Changes, Data, Exemplar, Points, Query, SeriesExemplars, Since, Value,
};
pub use query::{QueryStats, QueryTimings, RowForm, Rows, SampleStats, StatsDetail};
pub use registry::Registry;
pub use resource::Resource;
pub use selector::Selector;
pub use sink::Sink;
pub use source::Source;
pub use stage::Stage;
pub use tenant::Tenant;
pub use transform::Transform;
pub use trial::{Rehearsal, Trial};
