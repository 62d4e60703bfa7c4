//! `RowsExec`: samples as rows of a table.
//!
//! Shape: samples in, a row for each out, those of a series in the order of time, in batches of at most [`ROWS`]. Markers of
//! staleness are no samples.

use std::fmt;
use std::ops::RangeInclusive;

use arrow::array::ArrayRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::{HistogramPoint, Labels, is_stale};

use super::cells::{Builder, Sample};
use super::columns::{Column, Part};
use crate::exec::samples::{Row, Samples};
use crate::exec::transform::{self, Transform};
use crate::exec::{Batches, Operator, Partition, Task};

/// The most rows of a batch.
const ROWS: usize = 8192;

/// The most rows of a batch that has the buckets of histograms.
const ROWS_OF_BUCKETS: usize = 512;

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
    /// The series that comes next.
    series: usize,
    /// Which of its samples come next, of floats and of native histograms.
    next: Next,
    /// The native histograms of the series.
    histograms: Vec<HistogramPoint>,
}

/// How far a series is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Next {
    float: usize,
    histogram: usize,
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
        Ok(transform::run(input, Making::new(self.clone(), task)))
    }
}

// === impl Making ===

impl Making {
    fn new(spec: Rows, task: Task) -> Self {
        Self { spec, task, batch: None, series: 0, next: Next::default(), histograms: Vec::new() }
    }

    /// The most rows of a batch.
    fn most(&self) -> usize {
        if self.spec.columns.contains(&Column::Part(Part::Buckets)) { ROWS_OF_BUCKETS } else { ROWS }
    }
}

impl Transform for Making {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.task.memory.try_resize(batch.get_array_memory_size())?;
        (self.batch, self.series, self.next) = (Some(batch), 0, Next::default());
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        let (most, mut rows) = (self.most(), 0);
        let Some(batch) = &self.batch else { return Ok(None) };
        let samples = Samples::try_new(batch)?;
        let mut builders: Vec<Builder> = self.spec.columns.iter().map(Builder::new).collect();
        let span = self.spec.start..=self.spec.end;
        while rows < most && self.series < samples.len() {
            let run = samples.row(self.series);
            if self.next == Next::default() {
                self.histograms = run.histograms()?;
            }
            let taken = take(run, &self.histograms, &mut self.next, most - rows, &span);
            let labels = Labels::from_canonical(samples.labels(self.series));
            builders.iter_mut().for_each(|builder| builder.add(labels, &taken));
            rows += taken.len();
            if self.next.float >= run.timestamps.len() && self.next.histogram >= self.histograms.len() {
                (self.series, self.next) = (self.series + 1, Next::default());
            }
        }
        if self.series >= samples.len() {
            (self.batch, self.histograms) = (None, Vec::new());
            self.task.memory.free();
        }
        if rows == 0 {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = builders.into_iter().map(Builder::finish).collect::<Result<_>>()?;
        // Without columns the number of rows is all that is asked for.
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(Some(RecordBatch::try_new_with_options(self.task.schema.clone(), columns, &options)?))
    }
}

/// The next samples within a span, at most so many, in the order of time.
fn take<'a>(
    run: Row<'_>,
    histograms: &'a [HistogramPoint],
    next: &mut Next,
    most: usize,
    span: &RangeInclusive<i64>,
) -> Vec<(i64, Sample<'a>)> {
    let mut taken = Vec::new();
    while taken.len() < most {
        let float = run.timestamps.get(next.float).copied().zip(run.values.get(next.float).copied());
        let histogram = histograms.get(next.histogram);
        let (time, sample) = match (float, histogram) {
            (Some((time, value)), other) if other.is_none_or(|other| time < other.timestamp) => {
                next.float += 1;
                (time, (!is_stale(value)).then_some(Sample::Float(value)))
            }
            (_, Some(point)) => {
                next.histogram += 1;
                (point.timestamp, (!point.histogram.is_stale()).then_some(Sample::Histogram(&point.histogram)))
            }
            _ => break,
        };
        taken.extend(sample.filter(|_| span.contains(&time)).map(|sample| (time, sample)));
    }
    taken
}
