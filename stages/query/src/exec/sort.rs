//! `SortExec`: the order of an instant query's rows: `sort`, `sort_by_label` and their descending siblings.
//!
//! Shape: an instant vector in, the same out. Sorting by value leaves out histograms. Over several steps there is no order,
//! and the asker is told.
//!
//! Source: `funcSort` and its siblings in Prometheus' `promql/functions.go`.

use std::cmp::Ordering;
use std::fmt;

use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::Labels;

use super::gather::At;
use super::steps::{STEPS, VectorBatch, VectorBuilder, batch_rows, steps_of};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};
use crate::annotations::Note;
use crate::functions::labels::{by_labels, by_value};
use crate::syntax::ast::Span;

/// By what rows are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// By value.
    Value,
    /// By the values of these labels, then by all labels.
    Labels(Vec<String>),
}

/// How rows are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sort {
    /// By what.
    pub(crate) by: By,
    /// Whether the greatest comes first.
    pub(crate) descending: bool,
    /// Whether it is evaluated from one time to another, so that there is no order; that may have one step only.
    pub(crate) over_time: bool,
    /// Where the call stands in the query.
    pub(crate) span: Span,
}

struct Sorting {
    spec: Sort,
    task: Task,
    steps: usize,
    batches: Vec<RecordBatch>,
    sorted: Option<std::vec::IntoIter<At>>,
    ready: Option<RecordBatch>,
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.by {
            By::Value => f.write_str("by value")?,
            By::Labels(labels) => write!(f, "by labels({})", labels.join(", "))?,
        }
        f.write_str(if self.descending { " descending" } else { "" })
    }
}

impl Operator for Sort {
    const NAME: &'static str = "PromqlSortExec";

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        let steps = steps_of(task.schema.field_with_name(STEPS)?.data_type())?;
        if self.over_time {
            task.query.annotate(|notes| notes.add(&Note::SortInRangeQuery, "", self.span));
        }
        let (spec, batches) = (self.clone(), Vec::new());
        Ok(transform::run(input, Sorting { spec, task, steps, batches, sorted: None, ready: None }))
    }
}

impl Sort {
    fn compare(&self, a: (&VectorBatch<'_>, usize), b: (&VectorBatch<'_>, usize)) -> Ordering {
        match &self.by {
            By::Value => {
                let value = |(vector, row): (&VectorBatch<'_>, usize)| vector.steps.row(row).get(0).unwrap_or(f64::NAN);
                by_value(value(a), value(b), self.descending)
            }
            By::Labels(names) => {
                let (a, b) = (Labels::from_canonical(a.0.labels(a.1)), Labels::from_canonical(b.0.labels(b.1)));
                by_labels(a, b, names, self.descending)
            }
        }
    }
}

/// The same rows without their histograms.
fn floats(batch: &RecordBatch) -> Result<RecordBatch> {
    let vector = VectorBatch::try_new(batch)?;
    let mut out = VectorBuilder::new(vector.steps.steps(), batch.num_rows());
    for row in 0..batch.num_rows() {
        out.push(vector.labels(row), vector.drop_name(row), vector.steps.row(row).iter());
    }
    out.finish(batch.schema())
}

impl Transform for Sorting {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let has_histograms = VectorBatch::try_new(&batch)?.steps.has_histograms();
        let batch = if has_histograms && self.spec.by == By::Value { floats(&batch)? } else { batch };
        if self.steps > 1 {
            self.ready = Some(batch);
            return Ok(());
        }
        // Here, and again in the batches that are made of it.
        self.task.memory.try_grow(2 * batch.get_array_memory_size())?;
        self.batches.push(batch);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let vectors = self.batches.iter().map(VectorBatch::try_new).collect::<Result<Vec<_>>>()?;
        let rows = |(i, batch): (usize, &RecordBatch)| (0..batch.num_rows()).map(move |row| (i, row));
        let mut sorted: Vec<At> = self.batches.iter().enumerate().flat_map(rows).collect();
        self.task.memory.try_grow(size_of_val(sorted.as_slice()))?;
        sorted.sort_by(|a, b| match (vectors.get(a.0), vectors.get(b.0)) {
            (Some(left), Some(right)) => self.spec.compare((left, a.1), (right, b.1)),
            _ => Ordering::Equal,
        });
        self.sorted = Some(sorted.into_iter());
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        let Some(sorted) = &mut self.sorted else { return Ok(self.ready.take()) };
        let rows: Vec<At> = sorted.take(batch_rows(self.steps)).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        Ok(Some(interleave_record_batch(&batches, &rows)?))
    }
}
