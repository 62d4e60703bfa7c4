//! How an answer was found: what it took of time and of samples.
//!
//! Source: `util/stats/query_stats.go` of Prometheus 3.14.

use std::time::Duration;

/// What an answer should tell of how it was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatsDetail {
    /// Nothing.
    #[default]
    None,
    /// Sums over all steps.
    Totals,
    /// The samples of each step, too.
    PerStep,
}

/// How an answer was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// Where time went.
    pub timings: QueryTimings,
    /// What samples it took.
    pub samples: SampleStats,
}

/// Where time went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueryTimings {
    /// Planning, running and collecting.
    pub evaluation: Duration,
    /// Bringing the answer into order.
    pub sorting: Duration,
    /// Reading the text and planning.
    pub preparation: Duration,
    /// Running the plan.
    pub inner: Duration,
    /// Waiting for a turn.
    pub queue: Duration,
    /// All of it.
    pub total: Duration,
}

/// What samples an answer took. A native histogram counts for as many as it is large.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleStats {
    /// How many samples all steps saw: one that several windows have is counted for each.
    pub total: u64,
    /// How many samples were read for it: one that several steps of a selector see is counted once.
    pub read: u64,
    /// The most samples that were held.
    pub peak: u64,
    /// The time of each step, in milliseconds since the Unix epoch, and how many samples it saw and had to read; empty
    /// where it was not asked for.
    pub per_step: Vec<(i64, u64, u64)>,
}
