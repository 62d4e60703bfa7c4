//! `BroadcastExec`: a binary operator between an instant vector and a number that is known only when the query runs,
//! as that of `scalar(v)`.
//!
//! Shape: an instant vector and a vector of one row in, an instant vector out.

use std::fmt;
use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use futures_util::TryStreamExt;

use super::steps::{self, DROP_NAME, LABELS, STEPS, StepColumn, column};
use super::transform::{self, Transform};
use super::{Batches, Operator, Task};
use crate::functions::{Kernel, kernel};
use crate::syntax::ast::BinaryOp;

/// What is made of each element and the number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Broadcast {
    /// The operator.
    pub(crate) op: BinaryOp,
    /// Whether a comparison answers 0 or 1.
    pub(crate) return_bool: bool,
    /// Whether the number is the left operand.
    pub(crate) number_first: bool,
}

struct Broadcasting {
    spec: Broadcast,
    kernel: Kernel,
    task: Task,
    number: Vec<Option<f64>>,
    ready: Option<RecordBatch>,
}

impl fmt::Display for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = if self.return_bool { " bool" } else { "" };
        let first = if self.number_first { " number first" } else { "" };
        write!(f, "{}{answer}{first}", self.op.as_str())
    }
}

impl Operator for Broadcast {
    const NAME: &'static str = "BroadcastExec";

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: usize, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let (Ok([vector, mut number]), Some(kernel)) = (<[_; 2]>::try_from(inputs), kernel(self.op)) else {
            return exec_err!("{} takes an instant vector and a number", Self::NAME);
        };
        let spec = self.clone();
        Ok(transform::opened(async move {
            let mut row = Vec::new();
            while let Some(batch) = number.try_next().await? {
                if batch.num_rows() > 0 {
                    row = StepColumn::of(&batch, STEPS)?.row(0).iter().collect();
                }
            }
            Ok(transform::run(vector, Broadcasting { spec, kernel, task, number: row, ready: None }))
        }))
    }
}

impl Transform for Broadcasting {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let column_of_steps = StepColumn::of(&batch, STEPS)?;
        let steps = column_of_steps.steps();
        let (mut values, mut valid) = (Vec::new(), Vec::new());
        for row in 0..batch.num_rows() {
            for (own, number) in column_of_steps.row(row).iter().zip(&self.number) {
                let value = own.zip(*number).and_then(|(own, number)| self.apply(own, number));
                values.push(value.unwrap_or_default());
                valid.push(value.is_some());
            }
        }
        let own: &BooleanArray = as_boolean_array(column(&batch, DROP_NAME)?)?;
        let renamed = self.spec.return_bool || matches!(self.kernel, Kernel::Arithmetic(_));
        let drop_name: BooleanArray = own.iter().map(|own| Some(renamed || own.unwrap_or_default())).collect();
        let labels = column(&batch, LABELS)?.clone();
        let columns = vec![labels, Arc::new(drop_name) as _, Arc::new(steps::flat(steps, values, &valid)?) as _];
        self.ready = Some(RecordBatch::try_new(self.task.schema.clone(), columns)?);
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.ready.take())
    }
}

impl Broadcasting {
    fn apply(&self, own: f64, number: f64) -> Option<f64> {
        if !self.spec.number_first {
            return self.kernel.apply(own, number, self.spec.return_bool);
        }
        let value = self.kernel.apply(number, own, self.spec.return_bool)?;
        // A filter keeps the element, whichever side it is on.
        let filters = matches!(self.kernel, Kernel::Comparison(_)) && !self.spec.return_bool;
        Some(if filters { own } else { value })
    }
}
