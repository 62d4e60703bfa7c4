//! The series that a store of Prometheus has after the loads of a script.
//!
//! Loads add up. Samples come in order of time: one at or before the last of its series is refused, unless it is the
//! same again. A mark of staleness after a histogram is one of histograms. How recent a sample must be for the store to
//! take it (12 hours) is not looked at.
//!
//! Source: `loadCmd` of `promql/promqltest/test.go`, `appendable` and `commitFloats` of `tsdb/head_append.go`, and
//! `head_append_v2.go` of Prometheus 3.14.0.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_pipeline::{Histogram, LabelSet, Value, is_stale};

use super::chunk::Chunk;
use super::{Load, nhcb};
use crate::functions::range::HistogramPoint;
use crate::histogram::{equals, validate};

/// A series as it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSeries {
    /// Which.
    pub labels: LabelSet,
    /// When, since when it counts (0 is unknown), and the value: in order of time.
    pub floats: Vec<(i64, i64, f64)>,
    /// The histograms in order of time, none at the time of a float. Their hints are what a store knows of resets.
    pub histograms: Vec<HistogramPoint>,
}

/// What was loaded so far.
#[derive(Clone, Debug, Default)]
pub struct Storage {
    series: Vec<StoredSeries>,
    /// As many as there are series.
    ends: Vec<End>,
    index: BTreeMap<LabelSet, usize>,
}

/// Where a series ends.
#[derive(Clone, Debug, Default)]
struct End {
    last: Option<Sample>,
    /// The chunk of the last histogram, if no float came after it.
    chunk: Option<Chunk>,
}

/// A sample to append, or the last that was.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) time: i64,
    pub(super) start: i64,
    pub(super) value: Value,
}

/// Samples to append to a series.
pub(super) struct Samples {
    pub(super) labels: LabelSet,
    pub(super) samples: Vec<Sample>,
}

// === impl Storage ===

impl Storage {
    /// The series, in the order in which they came.
    pub fn series(&self) -> &[StoredSeries] {
        &self.series
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds what a load says: all of it, or nothing.
    ///
    /// # Errors
    /// A sample comes too late, a histogram is not valid, or classic buckets make no native histogram.
    pub fn load(&mut self, load: &Load) -> Result<(), String> {
        let mut loaded = samples(load);
        if load.with_nhcb {
            loaded.extend(nhcb::convert(&loaded)?);
        }
        for series in &loaded {
            self.check(series).map_err(|message| format!("{}: {message}", series.labels))?;
        }
        loaded.into_iter().for_each(|series| self.append(series));
        Ok(())
    }

    /// Whether samples can go behind what was loaded before.
    fn check(&self, series: &Samples) -> Result<(), String> {
        let end = self.index.get(&series.labels).and_then(|at| self.ends.get(*at));
        let last = end.and_then(|end| end.last.as_ref());
        for sample in &series.samples {
            if let Value::Histogram(histogram) = &sample.value {
                validate(histogram).map_err(|why| format!("the histogram at {}ms is not valid: {why}", sample.time))?;
            }
            let Some(last) = last.filter(|last| sample.time <= last.time) else { continue };
            if sample.time < last.time || !same(&sample.value, &last.value) {
                return Err(format!("expected a sample after {}ms, got one at {}ms", last.time, sample.time));
            }
        }
        Ok(())
    }

    fn append(&mut self, Samples { labels, samples }: Samples) {
        let at = match self.index.get(&labels) {
            Some(at) => *at,
            None if samples.is_empty() => return,
            None => {
                self.index.insert(labels.clone(), self.series.len());
                self.series.push(StoredSeries { labels, floats: Vec::new(), histograms: Vec::new() });
                self.ends.push(End::default());
                self.series.len() - 1
            }
        };
        let (Some(series), Some(end)) = (self.series.get_mut(at), self.ends.get_mut(at)) else { return };
        for sample in samples {
            // Of several samples at one time in a load the first stays.
            if end.last.as_ref().is_none_or(|last| sample.time > last.time) {
                end.append(sample, series);
            }
        }
    }
}

// === impl End ===

impl End {
    fn append(&mut self, mut sample: Sample, series: &mut StoredSeries) {
        let after_histogram = self.last.as_ref().is_some_and(|last| last.value.histogram().is_some());
        if let Value::Float(float) = sample.value
            && is_stale(float)
            && after_histogram
        {
            sample.value = Histogram { sum: float, ..Histogram::default() }.into();
        }
        let Sample { time, start, value } = &sample;
        match value {
            Value::Float(float) => {
                self.chunk = None;
                series.floats.push((*time, *start, *float));
            }
            Value::Histogram(histogram) => {
                let histogram = Chunk::append(&mut self.chunk, *time, *start, Arc::clone(histogram));
                series.histograms.push(HistogramPoint { timestamp: *time, start: *start, histogram });
            }
        }
        self.last = Some(sample);
    }
}

/// The samples of a load; of several lines for one series those of the last.
fn samples(load: &Load) -> Vec<Samples> {
    let last: BTreeMap<&LabelSet, usize> =
        load.series.iter().enumerate().map(|(at, series)| (&series.labels, at)).collect();
    let mut out = Vec::new();
    for (at, series) in load.series.iter().enumerate() {
        if last.get(&series.labels) != Some(&at) {
            continue;
        }
        let mut samples = Vec::new();
        let mut time = 0i64;
        for (step, item) in series.values.iter().enumerate() {
            if let Some(item) = item {
                let start = series.starts.get(step).copied().flatten();
                let start = start.map_or(0, |start| time.saturating_add(start));
                samples.push(Sample { time, start, value: item.value.clone() });
            }
            time = time.saturating_add(load.step);
        }
        out.push(Samples { labels: series.labels.clone(), samples });
    }
    out
}

/// Whether two samples at one time are the same again.
fn same(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Float(one), Value::Float(two)) => one.to_bits() == two.to_bits(),
        (Value::Histogram(one), Value::Histogram(two)) => equals(one, two),
        _ => false,
    }
}
