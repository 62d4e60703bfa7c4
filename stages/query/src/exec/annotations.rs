//! What the asker should know of an answer: warnings and infos, with the place in the query that they are about.
//!
//! Source: Prometheus' `util/annotations`.

use std::collections::{BTreeMap, BTreeSet};

use crate::syntax::Position;
use crate::syntax::ast::Span;

/// The notes of one query, each kind once for each metric and place.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    notes: BTreeMap<(Level, String, u32), Option<Forced>>,
    incomplete: BTreeSet<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// The answer may be wrong.
    Warning,
    /// The asker may want to know.
    Info,
}

/// Where `histogram_quantile` had to make buckets monotonic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forced {
    /// The first and the last time, in milliseconds since the Unix epoch.
    pub(crate) times: (i64, i64),
    /// The least and the greatest bucket.
    pub(crate) buckets: (f64, f64),
    /// The greatest difference.
    pub(crate) diff: f64,
    /// In how many samples.
    pub(crate) samples: u64,
}

// === impl Annotations ===

impl Annotations {
    /// `rate` or `increase` over what may be no counter.
    pub(crate) fn not_a_counter(&mut self, metric: &str, at: Span) {
        let text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
        self.note(Level::Info, format!("{text} {metric:?}"), at);
    }

    /// A quantile outside 0 to 1.
    pub(crate) fn invalid_quantile(&mut self, quantile: f64, at: Span) {
        let got = go_float(quantile);
        self.note(Level::Warning, format!("quantile value should be between 0 and 1, got {got}"), at);
    }

    /// A bucket without a number as its `le`.
    pub(crate) fn bad_bucket(&mut self, metric: &str, le: &str, at: Span) {
        let text = format!("bucket label \"le\" is missing or has a malformed value of {le:?}");
        self.note(Level::Warning, for_metric(text, metric), at);
    }

    /// Some of the samples can't be had: of the whole query, not of a place in it.
    pub(crate) fn incomplete(&mut self, text: &str) {
        self.incomplete.insert(text.to_owned());
    }

    /// Buckets had to be made monotonic.
    pub(crate) fn forced_monotonic(&mut self, metric: &str, at: Span, forced: Forced) {
        let text = "input to histogram_quantile needed to be fixed for monotonicity \
                    (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
        let key = (Level::Info, for_metric(text.to_owned(), metric), at.start);
        let slot = self.notes.entry(key).or_default();
        *slot = Some(slot.map_or(forced, |other| other.merge(forced)));
    }

    fn note(&mut self, level: Level, text: String, at: Span) {
        self.notes.entry((level, text, at.start)).or_default();
    }

    /// The warnings and the infos, as Prometheus writes them.
    pub(crate) fn render(&self, query: &str) -> (Vec<String>, Vec<String>) {
        let (mut warnings, mut infos) = (Vec::from_iter(self.incomplete.iter().cloned()), Vec::new());
        for ((level, text, start), forced) in &self.notes {
            let place = Position::of(query, Span { start: *start, end: *start });
            let detail = forced.map_or_else(String::new, |forced| forced.describe());
            match level {
                Level::Warning => warnings.push(format!("PromQL warning: {text}{detail} ({place})")),
                Level::Info => infos.push(format!("PromQL info: {text}{detail} ({place})")),
            }
        }
        (warnings, infos)
    }
}

fn for_metric(text: String, metric: &str) -> String {
    if metric.is_empty() { text } else { format!("{text} for metric name {metric:?}") }
}

/// A float as Go's `%g` writes it.
fn go_float(value: f64) -> String {
    match value {
        v if v.is_nan() => "NaN".to_owned(),
        v if v.is_infinite() => if v > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        v if v != 0.0 && !(1e-4..1e6).contains(&v.abs()) => {
            let text = format!("{v:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        v => v.to_string(),
    }
}

// === impl Forced ===

impl Forced {
    fn merge(self, other: Self) -> Self {
        Self {
            times: (self.times.0.min(other.times.0), self.times.1.max(other.times.1)),
            buckets: (self.buckets.0.min(other.buckets.0), self.buckets.1.max(other.buckets.1)),
            diff: self.diff.max(other.diff),
            samples: self.samples + other.samples,
        }
    }

    fn describe(self) -> String {
        let (from, to) = (go_float(self.buckets.0), go_float(self.buckets.1));
        let (first, last) = (rfc3339(self.times.0), rfc3339(self.times.1));
        let diff = two_digits(self.diff);
        format!(
            ", from buckets {from} to {to}, with a max diff of {diff}, over {} samples from {first} to {last}",
            self.samples
        )
    }
}

/// A float as Go's `%.2g` writes it.
fn two_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return go_float(value);
    }
    let rounded = format!("{value:.1e}");
    let (digits, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..2).contains(&exponent) {
        let rounded: f64 = rounded.parse().unwrap_or(value);
        return rounded.to_string();
    }
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A time in seconds, in UTC: `1970-01-01T00:00:00Z`.
fn rfc3339(milliseconds: i64) -> String {
    let seconds = milliseconds.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 0000-03-01, in eras of 400 years, so that leap days come last in a year.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests;
