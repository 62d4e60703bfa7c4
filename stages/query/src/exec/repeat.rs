//! `RepeatExec`: what was evaluated at one step, at all steps.
//!
//! Shape: an instant vector of one step in, one of any number of steps out.

use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;

use super::steps::{STEPS, VectorBatch, VectorBuilder, batch_rows, steps_of};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};

/// The operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeat;

struct Repeating {
    task: Task,
    steps: usize,
    input: Option<(RecordBatch, usize)>,
}

impl fmt::Display for Repeat {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Operator for Repeat {
    const NAME: &'static str = "RepeatExec";

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        let steps = steps_of(task.schema.field_with_name(STEPS)?.data_type())?;
        Ok(transform::run(input, Repeating { task, steps, input: None }))
    }
}

impl Transform for Repeating {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.input = Some((batch, 0));
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        let Some((batch, next)) = self.input.take() else { return Ok(None) };
        let rows = batch_rows(self.steps).min(batch.num_rows() - next);
        self.task.memory.try_resize(rows * self.steps * 9)?;
        let vector = VectorBatch::try_new(&batch)?;
        let mut out = VectorBuilder::new(self.steps, rows);
        for row in next..next + rows {
            let steps = vector.steps.row(row);
            let (labels, drop_name) = (vector.labels(row), vector.drop_name(row));
            if steps.has_histograms() {
                let value = steps.values()?.into_iter().next().flatten();
                out.push_values(labels, drop_name, std::iter::repeat_n(value, self.steps));
            } else {
                out.push(labels, drop_name, std::iter::repeat_n(steps.get(0), self.steps));
            }
        }
        if next + rows < batch.num_rows() {
            self.input = Some((batch, next + rows));
        }
        Ok(Some(out.finish(self.task.schema.clone())?))
    }
}
