//! `RowsExec`: samples as rows of a table.
//!
//! Shape: samples in, a row for each float out, in batches of at most [`ROWS`]. Markers of staleness are no samples,
//! and native histograms have no column: both are left out.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, StringBuilder, TimestampMillisecondBuilder};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::{Labels, is_stale};

use super::columns::{Column, time_type};
use crate::exec::samples::Samples;
use crate::exec::transform::{self, Transform};
use crate::exec::{Batches, Operator, Partition, Task};

/// The most rows of a batch.
const ROWS: usize = 8192;

/// Which columns of which samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rows {
    /// The columns.
    pub(super) columns: Vec<Column>,
    /// The names of the columns, as the table has them.
    pub(super) names: Vec<String>,
    /// From, in milliseconds since the Unix epoch, included.
    pub(super) start: i64,
    /// To, included.
    pub(super) end: i64,
}

/// Makes rows of one batch after the other.
struct Making {
    spec: Rows,
    task: Task,
    batch: Option<RecordBatch>,
    /// The series that comes next, and which of its samples.
    next: (usize, usize),
}

/// Collects one column.
enum Builder {
    Time(TimestampMillisecondBuilder),
    Value(Float64Builder),
    Label(String, StringBuilder),
}

// === impl Rows ===

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join(", "))
    }
}

impl Operator for Rows {
    const NAME: &'static str = "RowsExec";

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        Ok(transform::run(input, Making { spec: self.clone(), task, batch: None, next: (0, 0) }))
    }
}

// === impl Making ===

impl Transform for Making {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.task.memory.try_resize(batch.get_array_memory_size())?;
        (self.batch, self.next) = (Some(batch), (0, 0));
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = &self.batch else { return Ok(None) };
        let samples = Samples::try_new(batch)?;
        let mut builders: Vec<Builder> = self.spec.columns.iter().map(Builder::new).collect();
        let mut rows = 0;
        while rows < ROWS && self.next.0 < samples.len() {
            let (series, from) = self.next;
            let run = samples.row(series);
            let kept = |index: &usize| {
                let time = run.timestamps.get(*index).is_some_and(|t| (self.spec.start..=self.spec.end).contains(t));
                time && run.values.get(*index).is_some_and(|value| !is_stale(*value))
            };
            let (taken, until) = take(from..run.timestamps.len(), ROWS - rows, kept);
            let labels = Labels::from_canonical(samples.labels(series));
            builders.iter_mut().for_each(|builder| builder.add(labels, run.timestamps, run.values, &taken));
            rows += taken.len();
            self.next = if until < run.timestamps.len() { (series, until) } else { (series + 1, 0) };
        }
        if self.next.0 >= samples.len() {
            self.batch = None;
            self.task.memory.free();
        }
        if rows == 0 {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = builders.into_iter().map(Builder::finish).collect();
        // Without columns the number of rows is all that is asked for.
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(Some(RecordBatch::try_new_with_options(self.task.schema.clone(), columns, &options)?))
    }
}

/// The first `most` of `range` that are kept, and where to go on.
fn take(range: Range<usize>, most: usize, kept: impl Fn(&usize) -> bool) -> (Vec<usize>, usize) {
    let end = range.end;
    let taken: Vec<usize> = range.filter(kept).take(most).collect();
    let until = if taken.len() < most { end } else { taken.last().map_or(end, |last| last + 1) };
    (taken, until)
}

// === impl Builder ===

impl Builder {
    fn new(column: &Column) -> Self {
        match column {
            Column::Time => Self::Time(TimestampMillisecondBuilder::new().with_data_type(time_type())),
            Column::Value => Self::Value(Float64Builder::new()),
            Column::Label(name) => Self::Label(name.clone(), StringBuilder::new()),
        }
    }

    /// Adds the `taken` samples of a series.
    fn add(&mut self, labels: Labels<'_>, timestamps: &[i64], values: &[f64], taken: &[usize]) {
        match self {
            Self::Time(builder) => {
                taken.iter().for_each(|index| builder.append_option(timestamps.get(*index).copied()));
            }
            Self::Value(builder) => taken.iter().for_each(|index| builder.append_option(values.get(*index).copied())),
            Self::Label(name, builder) => {
                let value = labels.get(name);
                taken.iter().for_each(|_| builder.append_option(value));
            }
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Time(mut builder) => Arc::new(builder.finish()),
            Self::Value(mut builder) => Arc::new(builder.finish()),
            Self::Label(_, mut builder) => Arc::new(builder.finish()),
        }
    }
}
