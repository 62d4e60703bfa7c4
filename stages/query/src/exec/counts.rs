//! How many samples the steps of a query see and read, where somebody asks.
//!
//! Source: `QuerySamples` of Prometheus' `util/stats/query_stats.go`, and its uses in `promql/engine.go`.

use std::sync::atomic::{AtomicU64, Ordering};

use weir_pipeline::{Histogram, HistogramPoint, SampleStats, StatsDetail, Value};

use super::steps::Steps;
use crate::functions::range::Window;

/// The bytes of Prometheus' `FloatHistogram` without what its slices point to.
const HISTOGRAM: usize = 168;

/// The samples of one query.
#[derive(Debug)]
pub(crate) struct SampleCounts {
    steps: Steps,
    total: Count,
    /// Empty where nobody asks.
    per_step: Vec<Count>,
}

#[derive(Debug, Default)]
struct Count {
    seen: AtomicU64,
    read: AtomicU64,
}

/// For which steps of a query an evaluation counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// Its steps are those of the query.
    #[default]
    Steps,
    /// It is done once, and is what all steps see.
    Once,
    /// It is within a range vector that is the whole query.
    Whole,
    /// It is within a subquery: what that hands on is what the query sees.
    Within,
}

/// What of a window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// The value of an instant selector.
    Value,
    /// All samples.
    Samples,
    /// All samples, which were not read but computed.
    Computed,
}

// === impl SampleCounts ===

impl SampleCounts {
    /// Nothing yet, for a query with these steps; `None` where nobody asks.
    pub(crate) fn new(detail: StatsDetail, steps: Steps) -> Option<Self> {
        let counts = match detail {
            StatsDetail::None => return None,
            StatsDetail::Totals => 0,
            StatsDetail::PerStep => steps.count,
        };
        let per_step = std::iter::repeat_with(Count::default).take(counts).collect();
        Some(Self { steps, total: Count::default(), per_step })
    }

    /// Counts what an evaluation in `scope` saw at its step `index`, whose time is `time`, and how much of that was new.
    pub(crate) fn add(&self, scope: Scope, (index, time): (usize, i64), seen: u64, read: u64) {
        match scope {
            Scope::Steps => self.at(index, seen, read),
            Scope::Once => {
                self.at(0, seen, read);
                (1..self.steps.count).for_each(|step| self.at(step, seen, 0));
            }
            Scope::Whole => self.at(self.steps.count.saturating_sub(1), seen, read),
            Scope::Within => self.at(self.first_after(time), 0, read),
        }
    }

    fn at(&self, step: usize, seen: u64, read: u64) {
        self.total.add(seen, read);
        if let Some(count) = self.per_step.get(step) {
            count.add(seen, read);
        }
    }

    /// The first step that may see a time; the last where there is none.
    fn first_after(&self, time: i64) -> usize {
        let late = time.saturating_sub(self.steps.start).max(0);
        let index = late.saturating_add(self.steps.step.saturating_sub(1)) / self.steps.step.max(1);
        usize::try_from(index).unwrap_or(usize::MAX).min(self.steps.count.saturating_sub(1))
    }

    /// What was counted, where at most `peak` samples were held.
    pub(crate) fn stats(&self, peak: u64) -> SampleStats {
        let (total, read) = self.total.get();
        let steps = self.per_step.iter().enumerate();
        let per_step = steps.map(|(index, count)| (self.steps.time(index), count.get()));
        let per_step = per_step.map(|(time, (seen, read))| (time, seen, read)).collect();
        SampleStats { total, read, peak, per_step }
    }
}

// === impl Count ===

impl Count {
    fn add(&self, seen: u64, read: u64) {
        self.seen.fetch_add(seen, Ordering::Relaxed);
        self.read.fetch_add(read, Ordering::Relaxed);
    }

    fn get(&self) -> (u64, u64) {
        (self.seen.load(Ordering::Relaxed), self.read.load(Ordering::Relaxed))
    }
}

/// The samples of a window, and how many of them are later than `after`.
pub(crate) fn of_window(window: &Window<'_>, after: i64) -> (u64, u64) {
    let is_new = |time: i64| time > after;
    let floats = window.timestamps.iter().filter(|time| is_new(**time)).count() as u64;
    let weigh =
        |points: &mut dyn Iterator<Item = &HistogramPoint>| points.map(|point| weight(&point.histogram)).sum::<u64>();
    let seen = window.timestamps.len() as u64 + weigh(&mut window.histograms.iter());
    (seen, floats + weigh(&mut window.histograms.iter().filter(|point| is_new(point.timestamp))))
}

/// How many samples a value counts for: a histogram for one for each 16 bytes, as Prometheus reckons its size in memory.
pub(crate) fn of_value(value: &Value) -> u64 {
    value.histogram().map_or(1, |histogram| weight(histogram))
}

/// How many samples a histogram counts for. Counts, bounds and spans are 8 bytes each, and so is its time.
pub(crate) fn weight(histogram: &Histogram) -> u64 {
    let buckets = histogram.positive.counts.len() + histogram.negative.counts.len() + histogram.custom.len();
    let spans = histogram.positive.spans.len() + histogram.negative.spans.len();
    ((HISTOGRAM + 8 * (buckets + spans) + 8) / 16) as u64
}
