//! `ScalarExec`: `scalar(v)`. At each step the only element of an instant vector, or NaN where it has not just one.
//!
//! Shape: an instant vector in, a vector of one row without labels out.

use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;

use super::steps::{STEPS, StepColumn, VectorBuilder};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};

/// The operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scalar {
    /// How many steps there are.
    pub(crate) steps: usize,
}

struct Collecting {
    task: Task,
    values: Vec<f64>,
    found: Vec<u8>,
    done: bool,
}

impl fmt::Display for Scalar {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Operator for Scalar {
    const NAME: &'static str = "ScalarExec";

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        task.memory.try_grow(self.steps * 9)?;
        let (values, found) = (vec![f64::NAN; self.steps], vec![0; self.steps]);
        Ok(transform::run(input, Collecting { task, values, found, done: false }))
    }
}

impl Transform for Collecting {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let column = StepColumn::of(&batch, STEPS)?;
        for row in 0..batch.num_rows() {
            for ((value, found), new) in self.values.iter_mut().zip(&mut self.found).zip(column.row(row).iter()) {
                if let Some(new) = new {
                    *value = if *found == 0 { new } else { f64::NAN };
                    *found = 1;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.done = true;
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        if !std::mem::take(&mut self.done) {
            return Ok(None);
        }
        let values = std::mem::take(&mut self.values);
        let mut out = VectorBuilder::new(values.len(), 1);
        out.push(&[], false, values.into_iter().map(Some));
        out.finish(self.task.schema.clone()).map(Some)
    }
}
