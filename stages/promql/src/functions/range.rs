//! Range functions: what they see of a series at a step, and what they make of it. One function per file.

use weir_pipeline::Value;
pub use weir_pipeline::HistogramPoint;

use crate::annotations::Notes;
use crate::syntax::ast::Extension;

mod avg_over_time;
mod count_over_time;
mod extrapolated;
mod instant;
mod irate;
mod last_over_time;
mod max_over_time;
mod min_over_time;
mod sum_over_time;

/// The samples of one series within one window, which is open on the left and closed on the right. Staleness markers
/// are left out, but for functions that ask for them.
///
/// With an [`Extension`] there are samples outside the window, too: up to one lookback before it, and for `smoothed` up to
/// one after it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window<'a> {
    /// When the floats are: strictly increasing, and without an extension all above `start` and none above `end`.
    pub timestamps: &'a [i64],
    /// As long as `timestamps`.
    pub values: &'a [f64],
    /// Since when each float counts, 0 for unknown: as long as `timestamps`, or empty where none is known.
    pub starts: &'a [i64],
    /// The histograms, strictly increasing in time, none at the time of a float.
    pub histograms: &'a [HistogramPoint],
    /// Where the window begins, itself outside.
    pub start: i64,
    /// Where the window ends, itself inside.
    pub end: i64,
    /// The time of the step, without `offset` and `@`.
    pub step: i64,
    /// The numbers among the function's arguments, in their order.
    pub args: &'a [f64],
    /// What follows the selector.
    pub extension: Option<Extension>,
}

/// A function from a window to a value.
#[derive(Debug)]
pub struct RangeFunction {
    /// The name, as in PromQL.
    pub name: &'static str,
    /// Whether the result is still the metric: all others drop the metric's name.
    pub keeps_name: bool,
    /// Whether it makes sense for counters only, so that other metrics of floats earn an info.
    pub for_counters: bool,
    /// Whether it must see staleness markers.
    pub sees_stale: bool,
    /// The value of a window that is not empty, or none.
    pub eval: fn(&Window<'_>, &mut Notes) -> Option<Value>,
}

/// Every range function, the instant selector among them, sorted by name.
pub static RANGE_FUNCTIONS: [&RangeFunction; 11] = [
    &avg_over_time::AVG_OVER_TIME,
    &count_over_time::COUNT_OVER_TIME,
    &extrapolated::DELTA,
    &extrapolated::INCREASE,
    &instant::INSTANT,
    &irate::IRATE,
    &last_over_time::LAST_OVER_TIME,
    &max_over_time::MAX_OVER_TIME,
    &min_over_time::MIN_OVER_TIME,
    &extrapolated::RATE,
    &sum_over_time::SUM_OVER_TIME,
];

/// The name of the function that evaluates an instant selector.
pub const INSTANT: &str = instant::INSTANT.name;

/// The range function `name`.
pub fn find(name: &str) -> Option<&'static RangeFunction> {
    RANGE_FUNCTIONS.iter().find(|f| f.name == name).copied()
}

// === impl Window ===

impl Window<'_> {
    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty() && self.histograms.is_empty()
    }
}

#[cfg(test)]
mod tests;
