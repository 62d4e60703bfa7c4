//! The rows of a plan as the data of an answer.

use std::collections::HashMap;

use arrow::array::BooleanArray;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::cast::{as_binary_array, as_boolean_array};
use datafusion::execution::memory_pool::MemoryReservation;
use weir_pipeline::labels::encode_label;
use weir_pipeline::{Answer, Data, Error, LabelSet, Labels, is_stale};

use crate::exec::merge::Samples as SampleRows;
use crate::exec::steps::{DROP_NAME, LABELS, STEPS, StepColumn, Steps, column};
use crate::functions::is_metadata;

/// What the rows of a plan hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Points {
    /// Step vectors.
    Steps(Steps),
    /// Samples, of which those later than `after` and not later than `until` are asked for.
    Samples { after: i64, until: i64 },
}

/// Times and values.
type Samples = Vec<(i64, f64)>;

/// The series of an answer. Names are dropped here, where functions marked them to be; series that then have the same
/// labels become one, unless they have values at the same step.
#[derive(Debug)]
pub(super) struct Rows {
    points: Points,
    memory: MemoryReservation,
    index: HashMap<Box<[u8]>, usize>,
    series: Vec<(Box<[u8]>, Samples)>,
    /// Whether two series of the same labels have values at one step. Said at the end: an operator may have a better
    /// reason to fail.
    ambiguous: bool,
}

// === impl Rows ===

impl Rows {
    pub(super) fn new(points: Points, memory: MemoryReservation) -> Self {
        Self { points, memory, index: HashMap::new(), series: Vec::new(), ambiguous: false }
    }

    /// Takes in a batch.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        match self.points {
            Points::Steps(steps) => self.add_steps(batch, steps),
            Points::Samples { after, until } => self.add_samples(batch, after, until),
        }
    }

    fn add_steps(&mut self, batch: &RecordBatch, steps: Steps) -> Result<()> {
        let labels = as_binary_array(column(batch, LABELS)?)?;
        let drop_name: &BooleanArray = as_boolean_array(column(batch, DROP_NAME)?)?;
        let values = StepColumn::of(batch, STEPS)?;
        for row in 0..batch.num_rows() {
            let points = values.row(row).iter().enumerate();
            let points: Vec<_> = points.filter_map(|(step, value)| Some((steps.time(step), value?))).collect();
            let mut own = Vec::new();
            for (name, value) in Labels::from_canonical(labels.value(row)) {
                if !drop_name.value(row) || !is_metadata(name) {
                    encode_label(name, value, &mut own);
                }
            }
            self.push(own, points)?;
        }
        Ok(())
    }

    fn add_samples(&mut self, batch: &RecordBatch, after: i64, until: i64) -> Result<()> {
        let samples = SampleRows::try_new(batch)?;
        for row in 0..batch.num_rows() {
            let (timestamps, values) = samples.row(row);
            let points = timestamps.iter().copied().zip(values.iter().copied());
            let points = points.filter(|(time, value)| *time > after && *time <= until && !is_stale(*value));
            self.push(samples.labels.value(row).to_vec(), points.collect())?;
        }
        Ok(())
    }

    fn push(&mut self, labels: Vec<u8>, points: Samples) -> Result<()> {
        if points.is_empty() {
            return Ok(());
        }
        self.memory.try_grow(2 * labels.len() + 16 * points.len() + 96)?;
        let labels = labels.into_boxed_slice();
        match self.index.get(&labels).and_then(|&index| self.series.get_mut(index)) {
            Some((_, own)) => {
                self.ambiguous |= !merge(own, points);
                Ok(())
            }
            None => {
                self.index.insert(labels.clone(), self.series.len());
                self.series.push((labels, points));
                Ok(())
            }
        }
    }

    /// Says that there are no more batches.
    pub(super) fn finish(self) -> Result<Self, Error> {
        if self.ambiguous {
            return Err(Error::unprocessable("vector cannot contain metrics with the same labelset"));
        }
        Ok(self)
    }

    /// The series in the order of their labels.
    fn sorted(self) -> Vec<(LabelSet, Samples)> {
        let own = |(labels, points): (Box<[u8]>, _)| (Labels::from_canonical(&labels).to_set(), points);
        let mut series: Vec<(LabelSet, Samples)> = self.series.into_iter().map(own).collect();
        series.sort_by(|(a, _), (b, _)| a.cmp(b));
        series
    }

    /// A list of samples for each series.
    pub(super) fn matrix(self) -> Data {
        Data::Matrix(self.sorted())
    }

    /// One sample for each series.
    pub(super) fn vector(self, time: i64) -> Data {
        let only = |(labels, points): (LabelSet, Samples)| Some((labels, time, points.first()?.1));
        Data::Vector(self.sorted().into_iter().filter_map(only).collect())
    }

    /// A number.
    pub(super) fn scalar(self, time: i64) -> Data {
        let number = self.series.first().and_then(|(_, points)| points.first());
        Data::Scalar(time, number.map_or(f64::NAN, |(_, value)| *value))
    }
}

/// Merges the points of two series of the same labels. Returns whether there is one at most for each time.
fn merge(own: &mut Samples, points: Samples) -> bool {
    own.extend(points);
    own.sort_by_key(|(time, _)| *time);
    own.is_sorted_by(|a, b| a.0 < b.0)
}

/// Cuts an answer to `limit` series or names; 0 is no limit.
pub(super) fn truncate(answer: &mut Answer, limit: usize) {
    let over = |len: usize| limit > 0 && len > limit;
    match &mut answer.data {
        Data::Vector(series) if over(series.len()) => series.truncate(limit),
        Data::Matrix(series) if over(series.len()) => series.truncate(limit),
        Data::Series(series) if over(series.len()) => series.truncate(limit),
        Data::Names(names) if over(names.len()) => names.truncate(limit),
        _ => return,
    }
    answer.warnings.push("results truncated due to limit".to_owned());
}
