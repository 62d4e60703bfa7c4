//! `RelabelExec`: `label_replace` and `label_join`.
//!
//! Shape: an instant vector in, one with other labels out.
//!
//! Errors: two series have the same labels then, and values at the same step.

use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::Labels;
use weir_pipeline::labels::METRIC;

use super::gather::Gathered;
use super::steps::{STEPS, VectorBatch, steps_of};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};
use crate::functions::labels::{LabelJoin, LabelReplace};

/// What is made of labels.
#[derive(Clone, Debug)]
pub(crate) enum Relabel {
    /// `label_replace`
    Replace(LabelReplace),
    /// `label_join`
    Join(LabelJoin),
}

struct Relabeling {
    spec: Relabel,
    task: Task,
    steps: usize,
    gathered: Gathered,
    done: bool,
}

impl fmt::Display for Relabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if matches!(self, Self::Replace(_)) { "label_replace" } else { "label_join" };
        write!(f, "{name} {}", self.destination())
    }
}

impl Relabel {
    fn destination(&self) -> &str {
        match self {
            Self::Replace(replace) => replace.destination(),
            Self::Join(join) => join.destination(),
        }
    }
}

impl Operator for Relabel {
    const NAME: &'static str = "RelabelExec";

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        let steps = steps_of(task.schema.field_with_name(STEPS)?.data_type())?;
        let (spec, gathered) = (self.clone(), Gathered::default());
        Ok(transform::run(input, Relabeling { spec, task, steps, gathered, done: false }))
    }
}

impl Transform for Relabeling {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let vector = VectorBatch::try_new(&batch)?;
        for row in (0..batch.num_rows()).filter(|&row| !vector.steps.row(row).is_empty()) {
            let labels = Labels::from_canonical(vector.labels(row));
            let new = match &self.spec {
                Relabel::Replace(replace) => replace.apply(labels),
                Relabel::Join(join) => Some(join.apply(labels)),
            };
            // A name that was just written is not the one that a function below marked to go.
            let named = new.is_some() && self.spec.destination() == METRIC;
            let own = new.as_ref().map_or(labels, |new| new.as_labels()).encoded();
            let at = (self.gathered.len(), row);
            self.gathered.add(own, vector.drop_name(row) && !named, at, None, &self.task.memory)?;
        }
        self.gathered.keep(batch, &self.task.memory)
    }

    fn finish(&mut self) -> Result<()> {
        self.done = true;
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        if self.done { self.gathered.pull(self.steps, &self.task.schema) } else { Ok(None) }
    }
}
