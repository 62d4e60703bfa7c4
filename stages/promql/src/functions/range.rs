//! Range functions: what they see of a series at a step, and what they make of it. One function per file.

pub use weir_pipeline::HistogramPoint;
use weir_pipeline::Value;

use crate::annotations::{Note, Notes};
use crate::syntax::ast::Extension;

mod avg_over_time;
mod changes;
mod count_over_time;
mod double_exponential_smoothing;
mod extended;
mod extrapolated;
mod first_over_time;
mod floats;
mod instant;
mod irate;
mod last_over_time;
mod mad_over_time;
mod max_over_time;
mod merged;
mod min_over_time;
mod non_counter;
mod noted;
mod present_over_time;
mod quantile_over_time;
mod regression;
mod resets;
mod starts;
mod sum_over_time;
mod ts_of_over_time;
mod variance_over_time;

pub use extended::extend;
pub use floats::{Floats, OfFloats, Places};
pub use non_counter::non_counter;

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
    /// Whether it makes sense for counters only: a series that gets a float at any step and is none by
    /// [`non_counter`] earns that note.
    pub for_counters: bool,
    /// Whether it must see staleness markers.
    pub sees_stale: bool,
    /// Whether the value depends on [`Window::step`], not only on what is in the window.
    pub sees_step: bool,
    /// What is wrong with the arguments of a step, [`Window::args`]: fails the query at the first step where any series
    /// has a window that is not empty. To be called once per step, not per window.
    pub check: fn(&[f64]) -> Result<(), String>,
    /// The value of a window that is not empty, or none.
    pub eval: fn(&Window<'_>, &mut Notes) -> Option<Value>,
    /// The values of all windows of a series that has floats only, without starts, where nothing follows the selector and
    /// the function takes no arguments: there is nothing to note then.
    pub of_floats: Option<OfFloats>,
}

/// Every range function, the instant selector and its siblings among them, sorted by name.
pub static RANGE_FUNCTIONS: [&RangeFunction; 30] = [
    &avg_over_time::AVG_OVER_TIME,
    &changes::CHANGES,
    &count_over_time::COUNT_OVER_TIME,
    &extrapolated::DELTA,
    &regression::DERIV,
    &double_exponential_smoothing::DOUBLE_EXPONENTIAL_SMOOTHING,
    &first_over_time::FIRST_OVER_TIME,
    &irate::IDELTA,
    &extrapolated::INCREASE,
    &instant::INFO,
    &instant::INSTANT,
    &irate::IRATE,
    &last_over_time::LAST_OVER_TIME,
    &mad_over_time::MAD_OVER_TIME,
    &max_over_time::MAX_OVER_TIME,
    &min_over_time::MIN_OVER_TIME,
    &regression::PREDICT_LINEAR,
    &present_over_time::PRESENT_OVER_TIME,
    &quantile_over_time::QUANTILE_OVER_TIME,
    &extrapolated::RATE,
    &resets::RESETS,
    &instant::START_TIMESTAMP,
    &variance_over_time::STDDEV_OVER_TIME,
    &variance_over_time::STDVAR_OVER_TIME,
    &sum_over_time::SUM_OVER_TIME,
    &instant::TIMESTAMP,
    &ts_of_over_time::TS_OF_FIRST_OVER_TIME,
    &ts_of_over_time::TS_OF_LAST_OVER_TIME,
    &ts_of_over_time::TS_OF_MAX_OVER_TIME,
    &ts_of_over_time::TS_OF_MIN_OVER_TIME,
];

/// The name of the function that evaluates an instant selector.
pub const INSTANT: &str = instant::INSTANT.name;

/// The range function `name`.
pub fn find(name: &str) -> Option<&'static RangeFunction> {
    RANGE_FUNCTIONS.binary_search_by(|f| f.name.cmp(name)).ok().and_then(|i| RANGE_FUNCTIONS.get(i)).copied()
}

/// The samples of a window that has one kind only.
#[derive(Clone, Copy)]
enum OneKind<'a> {
    Floats(&'a f64, &'a [f64]),
    Histograms(&'a HistogramPoint, &'a [HistogramPoint]),
}

// === impl RangeFunction ===

impl RangeFunction {
    /// The same function, which has a form of its own for floats.
    const fn with_floats(self, of_floats: OfFloats) -> Self {
        Self { of_floats: Some(of_floats), ..self }
    }

    /// A function that drops the name, takes any metric and any argument, and sees no staleness markers.
    const fn new(name: &'static str, eval: fn(&Window<'_>, &mut Notes) -> Option<Value>) -> Self {
        let check = |_: &[f64]| Ok(());
        let of_floats = None;
        Self {
            name,
            keeps_name: false,
            for_counters: false,
            sees_stale: false,
            sees_step: false,
            check,
            eval,
            of_floats,
        }
    }
}

// === impl Window ===

impl<'a> Window<'a> {
    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty() && self.histograms.is_empty()
    }

    /// The floats, for a function that passes over histograms: a note says so where there are both.
    fn floats(&self, notes: &mut Notes) -> &'a [f64] {
        if !self.histograms.is_empty() && !self.values.is_empty() {
            notes.push(Note::HistogramIgnoredInMixedRange);
        }
        self.values
    }

    /// The samples, for a function that takes one kind at a time: a note says so where there are both.
    fn one_kind(&self, notes: &mut Notes) -> Option<OneKind<'a>> {
        match (self.values.split_first(), self.histograms.split_first()) {
            (Some((first, rest)), None) => Some(OneKind::Floats(first, rest)),
            (None, Some((first, rest))) => Some(OneKind::Histograms(first, rest)),
            (None, None) => None,
            (Some(_), Some(_)) => {
                notes.push(Note::MixedFloatsHistograms);
                None
            }
        }
    }

    /// Since when the float at `index` counts, 0 for unknown.
    fn float_start(&self, index: usize) -> i64 {
        self.starts.get(index).copied().unwrap_or_default()
    }

    /// The length in seconds: whole ones and the rest apart, as Go has it.
    fn seconds(&self) -> f64 {
        let length = self.end.saturating_sub(self.start);
        (length / 1000) as f64 + (length % 1000 * 1_000_000) as f64 / 1e9
    }
}

/// The seconds from one time to another.
fn seconds_between(from: i64, to: i64) -> f64 {
    to.saturating_sub(from) as f64 / 1000.0
}

#[cfg(test)]
mod tests;
