//! `AbsentExec`: 1 at the steps where an instant vector has no element: `absent`, `absent_over_time`.
//!
//! Shape: an instant vector in, one of one row at most out.

use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::LabelSet;

use super::steps::{STEPS, StepColumn, VectorBuilder, steps_of};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};

/// What the row is named, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absent {
    /// Its labels.
    pub(crate) labels: LabelSet,
    /// Whether what says what the metric is goes at the end.
    pub(crate) drop_name: bool,
}

struct Watching {
    spec: Absent,
    task: Task,
    present: Vec<bool>,
    done: bool,
}

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.labels)
    }
}

impl Operator for Absent {
    const NAME: &'static str = "AbsentExec";

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        let steps = steps_of(task.schema.field_with_name(STEPS)?.data_type())?;
        task.memory.try_grow(steps)?;
        Ok(transform::run(input, Watching { spec: self.clone(), task, present: vec![false; steps], done: false }))
    }
}

impl Transform for Watching {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let column = StepColumn::of(&batch, STEPS)?;
        for row in 0..batch.num_rows() {
            let row = column.row(row);
            for (present, value) in self.present.iter_mut().zip(row.iter()) {
                *present |= value.is_some();
            }
            for (step, _) in row.histograms()? {
                if let Some(present) = self.present.get_mut(step) {
                    *present = true;
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
        let mut out = VectorBuilder::new(self.present.len(), 1);
        let row = self.present.iter().map(|present| (!present).then_some(1.0));
        out.push(self.spec.labels.as_labels().encoded(), self.spec.drop_name, row);
        out.finish(self.task.schema.clone()).map(Some)
    }
}
