//! The rows of a plan as the data of an answer.

use std::collections::HashMap;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::memory_pool::MemoryReservation;
use weir_pipeline::{Answer, Data, Error, LabelSet, Labels, Points as Samples, Value, is_stale};

use crate::exec::samples::Samples as SampleRows;
use crate::exec::steps::{Steps, VectorBatch};
use crate::labels::{key_of, without_metadata};

/// What the rows of a plan hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Points {
    /// Step vectors.
    Steps(Steps),
    /// Samples, of which those later than `after` and not later than `until` are asked for.
    Samples { after: i64, until: i64 },
}

/// The series of an answer. Names are dropped here, where functions marked them to be; series that then have the same
/// labels become one, unless they have values at the same step.
#[derive(Debug)]
pub(super) struct Rows {
    points: Points,
    memory: MemoryReservation,
    /// Where the series of a key is among `series`.
    index: HashMap<[u8; 16], usize>,
    series: Vec<(Box<[u8]>, Samples)>,
    /// Whether two series of the same labels have values at one step. Said at the end: an operator may have a better
    /// reason to fail.
    ambiguous: bool,
    /// Whether rows come in an order that was asked for.
    ordered: bool,
}

// === impl Rows ===

impl Rows {
    /// No rows. Their order is kept where they come `ordered`; otherwise an answer is in the order of labels.
    pub(super) fn new(points: Points, ordered: bool, memory: MemoryReservation) -> Self {
        Self { points, memory, index: HashMap::new(), series: Vec::new(), ambiguous: false, ordered }
    }

    /// Takes in a batch.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        match self.points {
            Points::Steps(steps) => self.add_steps(batch, steps),
            Points::Samples { after, until } => self.add_samples(batch, after, until),
        }
    }

    fn add_steps(&mut self, batch: &RecordBatch, steps: Steps) -> Result<()> {
        let vector = VectorBatch::try_new(batch)?;
        for row in 0..batch.num_rows() {
            let values = vector.steps.row(row);
            let mut floats = Vec::new();
            if let Some(whole) = values.whole() {
                floats.extend(whole.iter().enumerate().map(|(step, value)| (steps.time(step), *value)));
            } else {
                let some = values.iter().enumerate();
                floats.extend(some.filter_map(|(step, value)| Some((steps.time(step), value?))));
            }
            let histograms = values.histograms()?.into_iter();
            let histograms = histograms.map(|(step, histogram)| (steps.time(step), histogram)).collect();
            self.push(vector.labels(row), vector.drop_name(row), Samples { floats, histograms })?;
        }
        Ok(())
    }

    fn add_samples(&mut self, batch: &RecordBatch, after: i64, until: i64) -> Result<()> {
        let samples = SampleRows::try_new(batch)?;
        let within = |time: i64| time > after && time <= until;
        for row in 0..batch.num_rows() {
            let run = samples.row(row);
            let floats = run.timestamps.iter().copied().zip(run.values.iter().copied());
            let floats = floats.filter(|(time, value)| within(*time) && !is_stale(*value)).collect();
            let histograms = run.histograms()?.into_iter();
            let histograms = histograms.filter(|point| within(point.timestamp) && !point.histogram.is_stale());
            let histograms = histograms.map(|point| (point.timestamp, point.histogram)).collect();
            self.push(samples.labels(row), samples.drop_name(row), Samples { floats, histograms })?;
        }
        Ok(())
    }

    fn push(&mut self, labels: &[u8], drop_name: bool, points: Samples) -> Result<()> {
        if points.is_empty() {
            return Ok(());
        }
        let mut own = Vec::with_capacity(labels.len());
        if drop_name {
            without_metadata(Labels::from_canonical(labels), &mut own);
        } else {
            own.extend_from_slice(labels);
        }
        let histograms: usize = points.histograms.iter().map(|(_, histogram)| histogram.byte_size() + 16).sum();
        self.memory.try_grow(own.len() + 16 * points.floats.len() + histograms + 128)?;
        let key = key_of(&own);
        match self.index.get(&key).and_then(|&index| self.series.get_mut(index)) {
            Some((labels, _)) if **labels != *own => {
                let (one, other) = (Labels::from_canonical(labels), Labels::from_canonical(&own));
                return exec_err!("the series {one} and {other} have the same id");
            }
            Some((_, own)) => self.ambiguous |= !merge(own, points),
            None => {
                self.index.insert(key, self.series.len());
                self.series.push((own.into_boxed_slice(), points));
            }
        }
        Ok(())
    }

    /// Says that there are no more batches.
    pub(super) fn finish(self) -> Result<Self, Error> {
        if self.ambiguous {
            return Err(Error::unprocessable("vector cannot contain metrics with the same labelset"));
        }
        Ok(self)
    }

    /// The series in the order that was asked for, or else in that of their labels.
    fn sorted(self) -> Vec<(LabelSet, Samples)> {
        let own = |(labels, points): (Box<[u8]>, _)| (Labels::from_canonical(&labels).to_set(), points);
        let mut series: Vec<(LabelSet, Samples)> = self.series.into_iter().map(own).collect();
        if !self.ordered {
            series.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        series
    }

    /// A list of samples for each series.
    pub(super) fn matrix(self) -> Data {
        Data::Matrix(self.sorted())
    }

    /// The only sample of each series.
    pub(super) fn vector(self, time: i64) -> Data {
        let only = |(labels, points): (LabelSet, Samples)| {
            let histogram = points.histograms.into_iter().next().map(|(_, histogram)| Value::Histogram(histogram));
            let float = points.floats.first().map(|(_, float)| Value::Float(*float));
            Some((labels, time, float.or(histogram)?))
        };
        Data::Vector(self.sorted().into_iter().filter_map(only).collect())
    }

    /// A number.
    pub(super) fn scalar(self, time: i64) -> Data {
        let number = self.series.first().and_then(|(_, points)| points.floats.first());
        Data::Scalar(time, number.map_or(f64::NAN, |(_, value)| *value))
    }
}

/// Merges the points of two series of the same labels. Returns whether there is one at most for each time.
fn merge(own: &mut Samples, points: Samples) -> bool {
    own.floats.extend(points.floats);
    own.floats.sort_by_key(|(time, _)| *time);
    own.histograms.extend(points.histograms);
    own.histograms.sort_by_key(|(time, _)| *time);
    let alone = |(time, _): &(i64, _)| own.floats.binary_search_by_key(time, |(time, _)| *time).is_err();
    own.floats.is_sorted_by(|a, b| a.0 < b.0)
        && own.histograms.is_sorted_by(|a, b| a.0 < b.0)
        && own.histograms.iter().all(alone)
}

/// Cuts an answer to `limit` series or names; 0 is no limit. One that was cut before says so already.
pub(crate) fn truncate(answer: &mut Answer, limit: usize) {
    let over = |len: usize| limit > 0 && len > limit;
    match &mut answer.data {
        Data::Vector(series) if over(series.len()) => series.truncate(limit),
        Data::Matrix(series) if over(series.len()) => series.truncate(limit),
        Data::Series(series) if over(series.len()) => series.truncate(limit),
        Data::Names(names) if over(names.len()) => names.truncate(limit),
        _ => return,
    }
    let warning = "results truncated due to limit";
    if !answer.warnings.iter().any(|own| own == warning) {
        answer.warnings.push(warning.to_owned());
    }
}
