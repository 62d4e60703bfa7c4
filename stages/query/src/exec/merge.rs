//! `SeriesMergeExec`: one row for each series, of all its runs: the union on time.
//!
//! Shape: samples in, samples out. Relies on all rows of a series being in one partition, one after the other, and on
//! nothing else. Where one time has two values, a number beats NaN, and then the greater bits win, as everywhere.

use std::fmt;

use arrow::array::{
    Array, BinaryArray, BinaryBuilder, FixedSizeBinaryArray, FixedSizeBinaryBuilder, Float64Array, Int64Array,
    ListArray,
};
use arrow::record_batch::RecordBatch;
use datafusion::common::cast::{
    as_binary_array, as_fixed_size_binary_array, as_float64_array, as_int64_array, as_list_array,
};
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_blocks::merge::winner;
use weir_pipeline::Labels;

use super::scan::{SERIES, TIMESTAMPS, VALUES, lists};
use super::steps::{LABELS, column};
use super::transform::{self, Transform};
use super::{Batches, Operator, Task};

/// The operator.
#[derive(Debug)]
pub(crate) struct SeriesMerge;

/// A batch of samples, its columns at hand.
pub(crate) struct Samples<'a> {
    ids: &'a FixedSizeBinaryArray,
    pub(crate) labels: &'a BinaryArray,
    offsets: &'a [i32],
    timestamps: &'a Int64Array,
    values: &'a Float64Array,
}

/// The series whose runs may go on in the next batch.
struct Pending {
    id: [u8; 16],
    labels: Vec<u8>,
    samples: Vec<(i64, f64)>,
    sorted: bool,
}

struct Merging {
    task: Task,
    pending: Option<Pending>,
    done: Vec<Pending>,
    whole: Option<RecordBatch>,
    finished: bool,
}

// === impl SeriesMerge ===

impl fmt::Display for SeriesMerge {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Operator for SeriesMerge {
    const NAME: &'static str = "SeriesMergeExec";

    fn run(&self, _: usize, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        let merging = Merging { task, pending: None, done: Vec::new(), whole: None, finished: false };
        Ok(transform::run(input, merging))
    }
}

// === impl Samples ===

impl<'a> Samples<'a> {
    /// The columns of a batch of samples.
    pub(crate) fn try_new(batch: &'a RecordBatch) -> Result<Self> {
        let timestamps: &ListArray = as_list_array(column(batch, TIMESTAMPS)?)?;
        let values: &ListArray = as_list_array(column(batch, VALUES)?)?;
        if timestamps.value_offsets() != values.value_offsets() {
            return exec_err!("expected as many values as timestamps");
        }
        Ok(Self {
            ids: as_fixed_size_binary_array(column(batch, SERIES)?)?,
            labels: as_binary_array(column(batch, LABELS)?)?,
            offsets: timestamps.value_offsets(),
            timestamps: as_int64_array(timestamps.values())?,
            values: as_float64_array(values.values())?,
        })
    }

    /// The times and values of a row.
    pub(crate) fn row(&self, row: usize) -> (&'a [i64], &'a [f64]) {
        let offset = |row: usize| self.offsets.get(row).map_or(0, |&offset| offset as usize);
        let range = offset(row)..offset(row + 1);
        let timestamps = self.timestamps.values().get(range.clone()).unwrap_or_default();
        (timestamps, self.values.values().get(range).unwrap_or_default())
    }

    fn id(&self, row: usize) -> [u8; 16] {
        self.ids.value(row).try_into().unwrap_or_default()
    }

    /// Whether every row is a series of its own, in order of time.
    fn is_merged(&self) -> bool {
        (0..self.ids.len()).all(|row| {
            let alone = row == 0 || self.ids.value(row) != self.ids.value(row - 1);
            alone && self.row(row).0.is_sorted_by(|a, b| a < b)
        })
    }
}

// === impl Merging ===

impl Merging {
    fn add(&mut self, samples: &Samples<'_>, row: usize) -> Result<()> {
        let (id, labels) = (samples.id(row), samples.labels.value(row));
        let (timestamps, values) = samples.row(row);
        // Here, and again in the batch that is made of it.
        self.task.memory.try_grow(2 * (size_of_val(timestamps) + size_of_val(values)))?;
        match &mut self.pending {
            Some(pending) if pending.id == id && pending.labels != labels => {
                let (one, other) = (Labels::from_canonical(&pending.labels), Labels::from_canonical(labels));
                return exec_err!("the series {one} and {other} have the same id");
            }
            Some(pending) if pending.id == id => pending.add(timestamps, values),
            _ => {
                let mut next = Pending { id, labels: labels.to_vec(), samples: Vec::new(), sorted: true };
                next.add(timestamps, values);
                self.done.extend(self.pending.replace(next));
            }
        }
        Ok(())
    }

    /// A batch of the series that are complete.
    fn merged(&mut self) -> Result<RecordBatch> {
        let done = std::mem::take(&mut self.done);
        let mut ids = FixedSizeBinaryBuilder::with_capacity(done.len(), 16);
        let mut labels = BinaryBuilder::new();
        let (mut lengths, mut timestamps, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for mut series in done {
            series.settle();
            ids.append_value(series.id)?;
            labels.append_value(&series.labels);
            lengths.push(series.samples.len());
            timestamps.extend(series.samples.iter().map(|(timestamp, _)| timestamp));
            values.extend(series.samples.iter().map(|(_, value)| value));
        }
        let [timestamps, values] = lists(lengths.into_iter(), timestamps, values)?;
        let columns = vec![std::sync::Arc::new(ids.finish()) as _, std::sync::Arc::new(labels.finish()) as _];
        let columns = columns.into_iter().chain([timestamps, values]).collect();
        self.task.memory.try_resize(self.pending.as_ref().map_or(0, |pending| pending.samples.len() * 16))?;
        Ok(RecordBatch::try_new(self.task.schema.clone(), columns)?)
    }
}

impl Transform for Merging {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let samples = Samples::try_new(&batch)?;
        let rows = batch.num_rows();
        let continues = |pending: &Pending| rows > 0 && pending.id == samples.id(0);
        if rows > 1 && samples.is_merged() && !self.pending.as_ref().is_some_and(continues) {
            // Nothing to merge: hand the batch on as it is, but for its last series, which may go on in the next.
            self.add(&samples, rows - 1)?;
            self.whole = Some(batch.slice(0, rows - 1));
            return Ok(());
        }
        (0..rows).try_for_each(|row| self.add(&samples, row))
    }

    fn finish(&mut self) -> Result<()> {
        self.finished = true;
        self.done.extend(self.pending.take());
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        if !self.done.is_empty() {
            return self.merged().map(Some);
        }
        Ok(self.whole.take())
    }
}

// === impl Pending ===

impl Pending {
    fn add(&mut self, timestamps: &[i64], values: &[f64]) {
        let last = self.samples.last().map(|(timestamp, _)| *timestamp);
        let follows = last.is_none_or(|last| timestamps.first().is_none_or(|first| last < *first));
        self.sorted &= follows && timestamps.is_sorted_by(|a, b| a < b);
        self.samples.extend(timestamps.iter().copied().zip(values.iter().copied()));
    }

    /// Brings the samples in order, one for each time.
    fn settle(&mut self) {
        if self.sorted {
            return;
        }
        self.samples.sort_by_key(|(timestamp, _)| *timestamp);
        self.samples.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = winner(kept.1, later.1);
            }
            same
        });
    }
}

#[cfg(test)]
mod tests;
