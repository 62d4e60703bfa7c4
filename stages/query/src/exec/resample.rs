//! `ResampleExec`: the step vectors of a subquery as samples, at the times of its steps.
//!
//! Shape: an instant vector in, samples out, a row for each row. For functions, what histograms say of resets is forgotten: between
//! the steps there may have been others, as in Prometheus (`evalSubquery` of `promql/engine.go`).

use std::fmt;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use futures_util::{StreamExt, stream};
use weir_pipeline::histogram::ResetHint;
use weir_pipeline::{Histogram, HistogramPoint};

use super::samples::SamplesBuilder;
use super::steps::{Steps, VectorBatch};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};
use crate::labels::key_of;

/// The steps of the subquery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Resample {
    /// When.
    pub(crate) steps: Steps,
    /// Whether histograms go on saying what they say of resets: those of a query that is a subquery and nothing else.
    pub(crate) with_hints: bool,
}

/// `NothingExec`: no samples at all, where a subquery has no step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nothing;

struct Resampling {
    steps: Steps,
    with_hints: bool,
    task: Task,
    ready: Option<RecordBatch>,
}

impl fmt::Display for Resample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.fmt(f)
    }
}

impl fmt::Display for Nothing {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Operator for Resample {
    const NAME: &'static str = "ResampleExec";

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        Ok(transform::run(input, Resampling { steps: self.steps, with_hints: self.with_hints, task, ready: None }))
    }
}

impl Operator for Nothing {
    const NAME: &'static str = "NothingExec";
    const ROWS: usize = 0;

    fn run(&self, _: Partition, _: Vec<SendableRecordBatchStream>, _: Task) -> Result<Batches> {
        Ok(stream::empty().boxed())
    }
}

impl Transform for Resampling {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let vector = VectorBatch::try_new(&batch)?;
        self.task.memory.try_resize(2 * batch.get_array_memory_size())?;
        let (mut timestamps, mut values, mut samples) = (Vec::new(), Vec::new(), 0);
        let mut out = SamplesBuilder::new(batch.num_rows(), batch.num_rows() * self.steps.count);
        for row in 0..batch.num_rows() {
            let steps = vector.steps.row(row);
            timestamps.clear();
            values.clear();
            for (step, value) in steps.iter().enumerate() {
                if let Some(value) = value {
                    timestamps.push(self.steps.time(step));
                    values.push(value);
                }
            }
            out.floats(&timestamps, &values, &[]);
            let histograms = steps.histograms()?;
            samples += timestamps.len() + histograms.len();
            for (step, histogram) in histograms {
                let histogram = if self.with_hints { histogram } else { without_hint(histogram) };
                let timestamp = self.steps.time(step);
                out.histogram(&HistogramPoint { timestamp, start: 0, histogram });
            }
            let labels = vector.labels(row);
            out.end_row(key_of(labels), labels, vector.drop_name(row));
        }
        self.task.query.count_samples(samples)?;
        self.ready = Some(out.finish(self.task.schema.clone())?);
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.ready.take())
    }
}

fn without_hint(histogram: Arc<Histogram>) -> Arc<Histogram> {
    match histogram.reset {
        ResetHint::Reset | ResetHint::NotReset => {
            Arc::new(Histogram { reset: ResetHint::Unknown, ..(*histogram).clone() })
        }
        ResetHint::Unknown | ResetHint::Gauge => histogram,
    }
}
