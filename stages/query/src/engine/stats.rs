//! How an answer was found.

use std::time::Duration;

use tokio::time::Instant;
use weir_pipeline::{Data, QueryStats, QueryTimings};

use crate::exec::context::QueryContext;
use crate::exec::counts::{Scope, weight};

/// Measures one part after the other.
#[derive(Debug)]
pub(super) struct Stopwatch {
    begin: Instant,
    last: Instant,
}

/// What can be told of a query, where somebody asks. `stored` is its data, where those are the samples that it read.
pub(super) fn of(query: &QueryContext, stored: Option<&Data>, timings: QueryTimings) -> Option<QueryStats> {
    let counts = query.counts.as_ref()?;
    if let Some(Data::Matrix(series)) = stored {
        let histograms = series.iter().flat_map(|(_, points)| &points.histograms);
        let histograms: u64 = histograms.map(|(_, histogram)| weight(histogram)).sum();
        let samples = histograms + series.iter().map(|(_, points)| points.floats.len() as u64).sum::<u64>();
        counts.add(Scope::Whole, (0, 0), samples, samples);
    }
    Some(QueryStats { timings, samples: counts.stats(query.samples()) })
}

// === impl Stopwatch ===

impl Stopwatch {
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self { begin: now, last: now }
    }

    /// How long the part took that ends now.
    pub(super) fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.last, now)
    }

    /// How long all parts took.
    pub(super) fn total(&self) -> Duration {
        self.begin.elapsed()
    }
}
