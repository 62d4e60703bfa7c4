//! Numbers that operators take beside their rows: `φ` of a quantile, `k` of `topk`, the scalar side of an operator.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures_util::TryStreamExt;

use super::steps::{STEPS, StepColumn};

/// One number at each step, as a plan has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Param {
    /// The same at all steps.
    Const(f64),
    /// One for each step.
    Steps(Arc<Vec<f64>>),
    /// Known when the query runs: the next of the operator's inputs that are numbers, a vector of one row.
    Input,
}

/// The numbers of an operator while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(Arc<Vec<Arc<Vec<f64>>>>);

// === impl Param ===

impl std::fmt::Display for Param {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Const(number) => write!(f, "{number}"),
            Self::Steps(_) => f.write_str("number per step"),
            Self::Input => f.write_str("number of input"),
        }
    }
}

// === impl Params ===

impl Params {
    /// The numbers of `params`, of which those that are inputs are read from `inputs`.
    pub(super) async fn read(params: &[Param], inputs: Vec<SendableRecordBatchStream>) -> Result<Self> {
        let (mut inputs, mut out) = (inputs.into_iter(), Vec::with_capacity(params.len()));
        for param in params {
            out.push(match param {
                Param::Const(number) => Arc::new(vec![*number]),
                Param::Steps(numbers) => numbers.clone(),
                Param::Input => Arc::new(match inputs.next() {
                    Some(input) => number(input.try_collect().await?)?,
                    None => vec![f64::NAN],
                }),
            });
        }
        Ok(Self(Arc::new(out)))
    }

    /// Number `i` at a step; NaN where there is none.
    pub(crate) fn get(&self, i: usize, step: usize) -> f64 {
        let Some(numbers) = self.0.get(i) else { return f64::NAN };
        match numbers.as_slice() {
            [number] => *number,
            numbers => numbers.get(step).copied().unwrap_or(f64::NAN),
        }
    }

    /// All numbers at a step, in place of what is in `out`.
    pub(crate) fn at(&self, step: usize, out: &mut Vec<f64>) {
        out.clear();
        out.extend((0..self.0.len()).map(|i| self.get(i, step)));
    }

    /// Whether every number is the same at all steps.
    pub(crate) fn are_constant(&self) -> bool {
        self.0.iter().all(|numbers| numbers.len() == 1)
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The only row of a plan of a number.
fn number(batches: Vec<RecordBatch>) -> Result<Vec<f64>> {
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(vec![f64::NAN]) };
    let row = StepColumn::of(batch, STEPS)?.row(0);
    Ok(row.iter().map(|number| number.unwrap_or(f64::NAN)).collect())
}
