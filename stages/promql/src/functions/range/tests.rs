#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod floats;
mod histograms;

use std::sync::Arc;

use weir_pipeline::{Histogram, LabelSet};

use super::*;
use crate::syntax::ast::ValueType;

/// The samples of one series, as scripts load them: one every `interval` milliseconds from 0 on.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    pub(super) timestamps: Vec<i64>,
    pub(super) values: Vec<f64>,
    pub(super) starts: Vec<i64>,
    pub(super) histograms: Vec<HistogramPoint>,
}

impl Loaded {
    /// Floats where there are some.
    pub(super) fn floats(interval: i64, values: impl IntoIterator<Item = impl Into<Option<f64>>>) -> Self {
        let mut loaded = Self::default();
        for (value, time) in values.into_iter().zip((0..).step_by(interval as usize)) {
            if let Some(value) = value.into() {
                loaded.timestamps.push(time);
                loaded.values.push(value);
            }
        }
        loaded
    }

    /// The same floats, each counting since so many milliseconds before it.
    pub(super) fn since(mut self, before: &[i64]) -> Self {
        self.starts = self.timestamps.iter().zip(before).map(|(time, before)| time - before).collect();
        self
    }

    /// Histograms, where there are some, among what there is.
    pub(super) fn and(
        mut self,
        interval: i64,
        histograms: impl IntoIterator<Item = impl Into<Option<Histogram>>>,
    ) -> Self {
        for (histogram, timestamp) in histograms.into_iter().zip((0..).step_by(interval as usize)) {
            if let Some(histogram) = histogram.into() {
                self.histograms.push(HistogramPoint { timestamp, start: 0, histogram: Arc::new(histogram) });
            }
        }
        self
    }

    /// What `name` sees of it, at `end` looking back for `range`; samples outside as far as the extension sees them.
    pub(super) fn seen(&self, end: i64, range: i64, extension: Option<Extension>) -> Self {
        const LOOKBACK: i64 = 300_000;
        let (before, after) = match extension {
            None => (0, 0),
            Some(Extension::Anchored) => (LOOKBACK, 0),
            Some(Extension::Smoothed) => (LOOKBACK, LOOKBACK),
        };
        let seen = |time: i64| time > end - range - before && time <= end + after;
        let kept: Vec<_> = (0..self.timestamps.len()).filter(|&i| seen(self.timestamps[i])).collect();
        Self {
            timestamps: kept.iter().map(|&i| self.timestamps[i]).collect(),
            values: kept.iter().map(|&i| self.values[i]).collect(),
            starts: kept.iter().filter_map(|&i| self.starts.get(i).copied()).collect(),
            histograms: self.histograms.iter().filter(|point| seen(point.timestamp)).cloned().collect(),
        }
    }

    /// The value at `end`, looking back for `range`, and what there is to say.
    pub(super) fn eval(
        &self,
        name: &str,
        (end, range): (i64, i64),
        extension: Option<Extension>,
        args: &[f64],
    ) -> (Option<Value>, Vec<Note>) {
        let Self { timestamps, values, starts, histograms } = &self.seen(end, range, extension);
        let start = end - range;
        let window = Window { timestamps, values, starts, histograms, start, end, step: end, args, extension };
        let mut notes = Notes::default();
        let value = if window.is_empty() { None } else { (find(name).unwrap().eval)(&window, &mut notes) };
        (value, notes.drain().collect())
    }
}

#[test]
fn range_functions_are_found_by_the_name_that_promql_has_for_them() {
    assert!(RANGE_FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
    for function in RANGE_FUNCTIONS {
        assert_eq!(find(function.name).map(|f| f.name), Some(function.name));
        let promql = crate::syntax::functions::find(function.name);
        assert_eq!(promql.is_some(), function.name != INSTANT, "{}", function.name);
    }
}

#[test]
fn every_function_of_a_matrix_is_a_range_function_but_absent_over_time() {
    let of_matrix = |args: &[ValueType]| args.contains(&ValueType::Matrix);
    for function in &crate::syntax::functions::FUNCTIONS {
        let here = find(function.name).is_some();
        let siblings = ["timestamp", "start_timestamp", "info"].contains(&function.name);
        let wanted = of_matrix(function.args) && function.name != "absent_over_time";
        assert_eq!(here, wanted || siblings, "{}", function.name);
    }
}

#[test]
fn no_function_of_an_empty_window_has_a_value() {
    for function in RANGE_FUNCTIONS {
        for extension in [None, Some(Extension::Anchored), Some(Extension::Smoothed)] {
            let window = Window { end: 1, extension, args: &[0.5, 0.5], ..Window::default() };
            assert_eq!((function.eval)(&window, &mut Notes::default()), None, "{}", function.name);
        }
    }
}

#[test]
fn a_counter_is_told_by_its_type_or_else_by_its_name() {
    let note = |labels: &[(&str, &str)]| {
        let labels: LabelSet = labels.iter().copied().collect();
        non_counter(labels.as_labels())
    };
    assert_eq!(note(&[("__name__", "up")]), Some(Note::PossibleNonCounter));
    assert_eq!(note(&[("__name__", "ups_total")]), None);
    assert_eq!(note(&[("__name__", "ups_bucket")]), None);
    assert_eq!(note(&[("job", "a")]), None);
    assert_eq!(note(&[("__name__", "up"), ("__type__", "counter")]), Some(Note::PossibleNonCounter));
    assert_eq!(note(&[("__name__", "ups_total"), ("__type__", "gauge")]), None);
}

#[test]
fn only_factors_between_0_and_1_smooth() {
    let check = find("double_exponential_smoothing").unwrap().check;
    assert_eq!(check(&[0.5, 0.5]), Ok(()));
    assert_eq!(check(&[f64::NAN, 0.5]), Ok(()));
    let message = "invalid smoothing factor. Expected: 0 < sf < 1, got: 1.000000";
    assert_eq!(check(&[1.0, 0.5]), Err(message.to_owned()));
    let message = "invalid trend factor. Expected: 0 < tf < 1, got: -Inf";
    assert_eq!(check(&[0.5, f64::NEG_INFINITY]), Err(message.to_owned()));
}
