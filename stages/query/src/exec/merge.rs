//! `SeriesMergeExec`: one row for each series, of all its runs: the union on time.
//!
//! Shape: samples in, samples out. Relies on all rows of a series being in one partition, one after the other, and on
//! nothing else. Where one time has two values, a number beats NaN, and then the greater bits win, as everywhere, and a start
//! that is known one that is not; a histogram beats a number.

use std::collections::VecDeque;
use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_blocks::merge::{beats_float, merge_histograms};
use weir_pipeline::{HistogramPoint, Labels};

use super::samples::{Row, SAMPLE_BYTES, Samples, SamplesBuilder};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};

/// The operator.
#[derive(Debug)]
pub(crate) struct SeriesMerge;

/// The series whose runs may go on in the next batch.
#[derive(Default)]
struct Pending {
    id: [u8; 16],
    labels: Vec<u8>,
    timestamps: Vec<i64>,
    values: Vec<f64>,
    /// As long as `timestamps`, or empty as long as no start is known.
    starts: Vec<i64>,
    histograms: Vec<HistogramPoint>,
    sorted: bool,
}

struct Merging {
    task: Task,
    /// A batch of one series that nothing needs to be done to, unless the next goes on with it, and the bytes of its samples. There
    /// is no pending series beside it.
    alone: Option<(RecordBatch, usize)>,
    pending: Option<Pending>,
    /// The series that are complete, and the batches of what is.
    done: Vec<Pending>,
    ready: VecDeque<RecordBatch>,
}

// === impl SeriesMerge ===

impl fmt::Display for SeriesMerge {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Operator for SeriesMerge {
    const NAME: &'static str = "SeriesMergeExec";

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        Ok(transform::run(input, Merging::new(task)))
    }
}

/// Whether every row is a series of its own, in order of time.
fn is_merged(samples: &Samples<'_>) -> bool {
    (0..samples.len()).all(|row| {
        let alone = row == 0 || samples.id(row) != samples.id(row - 1);
        let samples = samples.row(row);
        alone && !samples.has_histograms() && samples.timestamps.is_sorted_by(|a, b| a < b)
    })
}

// === impl Merging ===

impl Merging {
    fn new(task: Task) -> Self {
        Self { task, alone: None, pending: None, done: Vec::new(), ready: VecDeque::new() }
    }

    fn add(&mut self, samples: &Samples<'_>, row: usize) -> Result<()> {
        let (id, labels, run) = (samples.id(row), samples.labels(row), samples.row(row));
        // Here, and again in the batch that is made of it.
        self.task.memory.try_grow(2 * run.bytes())?;
        match &mut self.pending {
            Some(pending) if pending.id == id && pending.labels != labels => {
                let (one, other) = (Labels::from_canonical(&pending.labels), Labels::from_canonical(labels));
                return exec_err!("the series {one} and {other} have the same id");
            }
            Some(pending) if pending.id == id => pending.add(run)?,
            _ => {
                let mut next = Pending { id, labels: labels.to_vec(), sorted: true, ..Pending::default() };
                next.add(run)?;
                self.done.extend(self.pending.replace(next));
            }
        }
        Ok(())
    }

    /// Makes a batch of the series that are complete, where there are any.
    fn settle(&mut self) -> Result<()> {
        let done = std::mem::take(&mut self.done);
        if done.is_empty() {
            return Ok(());
        }
        let mut out = SamplesBuilder::new(done.len(), done.iter().map(|series| series.timestamps.len()).sum());
        for mut series in done {
            series.settle();
            out.floats(&series.timestamps, &series.values, &series.starts);
            series.histograms.iter().for_each(|point| out.histogram(point));
            out.end_row(series.id, &series.labels, false);
        }
        let pending = self.pending.as_ref().map_or(0, |pending| pending.timestamps.len() * SAMPLE_BYTES);
        self.task.memory.try_resize(pending + self.alone.as_ref().map_or(0, |(_, bytes)| *bytes))?;
        self.ready.push_back(out.finish(self.task.schema.clone())?);
        Ok(())
    }

    /// The batch of one series, that nothing goes on with any more.
    fn release(&mut self) -> Option<RecordBatch> {
        let (alone, bytes) = self.alone.take()?;
        self.task.memory.shrink(bytes);
        Some(alone)
    }
}

impl Transform for Merging {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let samples = Samples::try_new(&batch)?;
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        if let Some(alone) = self.release() {
            let before = Samples::try_new(&alone)?;
            if before.id(0) == samples.id(0) {
                self.add(&before, 0)?;
            } else {
                self.ready.push_back(alone);
            }
        }
        let continues = self.pending.as_ref().is_some_and(|pending| pending.id == samples.id(0));
        if rows == 1 && !continues && is_merged(&samples) {
            self.done.extend(self.pending.take());
            let bytes = samples.row(0).bytes();
            self.task.memory.try_grow(bytes)?;
            self.alone = Some((batch, bytes));
            return self.settle();
        }
        if rows > 1 && !continues && is_merged(&samples) {
            // Nothing to merge: hand the batch on as it is, but for its last series, which may go on in the next.
            self.add(&samples, rows - 1)?;
            self.settle()?;
            self.ready.push_back(batch.slice(0, rows - 1));
            return Ok(());
        }
        (0..rows).try_for_each(|row| self.add(&samples, row))?;
        self.settle()
    }

    fn finish(&mut self) -> Result<()> {
        self.done.extend(self.pending.take());
        let alone = self.release();
        self.ready.extend(alone);
        self.settle()
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.ready.pop_front())
    }
}

// === impl Pending ===

impl Pending {
    fn add(&mut self, run: Row<'_>) -> Result<()> {
        let last = self.timestamps.last();
        let follows = last.is_none_or(|last| run.timestamps.first().is_none_or(|first| last < first));
        self.sorted &= follows && run.timestamps.is_sorted_by(|a, b| a < b);
        if !run.starts.is_empty() {
            self.starts.resize(self.timestamps.len(), 0);
            self.starts.extend_from_slice(run.starts);
        }
        self.timestamps.extend_from_slice(run.timestamps);
        self.values.extend_from_slice(run.values);
        if !self.starts.is_empty() {
            self.starts.resize(self.timestamps.len(), 0);
        }
        if run.has_histograms() {
            self.histograms.extend(run.histograms()?);
        }
        Ok(())
    }

    /// Brings the samples in order, one for each time.
    fn settle(&mut self) {
        merge_histograms(&mut self.histograms);
        let doubled = |histograms: &[HistogramPoint], time: &i64| {
            histograms.binary_search_by_key(time, |point| point.timestamp).is_ok()
        };
        let doubles = !self.histograms.is_empty() && self.timestamps.iter().any(|t| doubled(&self.histograms, t));
        if self.sorted && !doubles {
            return;
        }
        let starts = self.starts.iter().copied().chain(std::iter::repeat(0));
        let floats = self.timestamps.iter().zip(&self.values).zip(starts);
        let mut floats: Vec<_> = floats.map(|((t, v), start)| (*t, *v, start)).collect();
        floats.retain(|(t, ..)| !doubled(&self.histograms, t));
        floats.sort_by_key(|(t, ..)| *t);
        floats.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same && beats_float((later.1, later.2), (kept.1, kept.2)) {
                *kept = *later;
            }
            same
        });
        self.timestamps = floats.iter().map(|(t, ..)| *t).collect();
        self.values = floats.iter().map(|(_, v, _)| *v).collect();
        if !self.starts.is_empty() {
            self.starts = floats.iter().map(|(.., start)| *start).collect();
        }
    }
}

#[cfg(test)]
mod tests;
