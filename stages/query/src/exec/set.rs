//! `SetExec`: `and`, `or` and `unless`, step by step.
//!
//! Shape: two instant vectors in, one out, with a row for each label set. No value is changed. `and` and `unless` remember
//! at which steps the right side has each key, and the left side streams past; `or` remembers that of the left side.
//!
//! Source: `VectorAnd`, `VectorOr` and `VectorUnless` of Prometheus' `promql/engine.go`.

use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use futures_util::TryStreamExt;

use super::matching::MatchBy;
use super::matching::keys::Keys;
use super::matching::marks::Marks;
use super::pace::Pace;
use super::steps::{STEPS, StepRow, VectorBatch, VectorBuilder, steps_of};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};
use crate::syntax::ast::BinaryOp;

mod union;

/// Which series of two instant vectors stay.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Set {
    /// The operator.
    pub(crate) op: BinaryOp,
    /// What series meet on.
    pub(crate) by: MatchBy,
}

/// At which steps a side has each key.
#[derive(Debug)]
struct Presence {
    by: MatchBy,
    keys: Keys,
    marks: Vec<Marks>,
    key: Vec<u8>,
    present: Vec<bool>,
}

/// The left side of `and` or `unless`, streaming past the right one.
struct Filtering {
    right: Presence,
    /// Whether elements stay that have a partner, or those that have none.
    partnered: bool,
    task: Task,
    ready: Option<RecordBatch>,
}

// === impl Set ===

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.op.as_str(), self.by)
    }
}

impl Operator for Set {
    const NAME: &'static str = "SetExec";
    const ROWS: usize = 2;

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Ok([left, mut right]) = <[_; 2]>::try_from(inputs) else {
            return exec_err!("{} matches two instant vectors", Self::NAME);
        };
        let mut presence = Presence::new(self.by.clone());
        let partnered = match self.op {
            BinaryOp::And => true,
            BinaryOp::Unless => false,
            BinaryOp::Or => {
                let steps = steps_of(task.schema.field_with_name(STEPS)?.data_type())?;
                return Ok(union::run(left, right, union::Union::new(presence, steps, task)));
            }
            op => return exec_err!("`{}` is no operator between sets", op.as_str()),
        };
        Ok(transform::opened(async move {
            let mut pace = Pace::new();
            while let Some(batch) = right.try_next().await? {
                let vector = VectorBatch::try_new(&batch)?;
                for row in 0..batch.num_rows() {
                    presence.add(vector.labels(row), vector.steps.row(row), &task.memory)?;
                }
                pace.rest().await;
            }
            Ok(transform::run(left, Filtering { right: presence, partnered, task, ready: None }))
        }))
    }
}

// === impl Presence ===

impl Presence {
    fn new(by: MatchBy) -> Self {
        Self { by, keys: Keys::default(), marks: Vec::new(), key: Vec::new(), present: Vec::new() }
    }

    /// Remembers a row.
    fn add(&mut self, labels: &[u8], row: StepRow<'_>, memory: &MemoryReservation) -> Result<()> {
        self.by.key(labels, &mut self.key);
        let number = self.keys.number(&self.key, memory)?;
        if number == self.marks.len() {
            memory.try_grow(size_of::<Marks>())?;
            self.marks.push(Marks::None);
        }
        let Some(marks) = self.marks.get_mut(number).filter(|marks| !marks.is_all()) else { return Ok(()) };
        row.present(&mut self.present)?;
        marks.add(&self.present, memory)?;
        Ok(())
    }

    /// At which steps there is a row that one with these labels meets.
    fn of(&mut self, labels: &[u8]) -> Result<&Marks> {
        self.by.key(labels, &mut self.key);
        let number = self.keys.find(&self.key)?;
        Ok(number.and_then(|number| self.marks.get(number)).unwrap_or(&Marks::None))
    }
}

/// Appends those elements of a row to the row that is being built at whose step `marks` has a mark, or has none.
fn keep(row: StepRow<'_>, marks: &Marks, marked: bool, out: &mut VectorBuilder) -> Result<()> {
    if row.has_histograms() {
        for (step, value) in row.values()?.into_iter().enumerate() {
            out.row().put_value(value.filter(|_| marks.has(step) == marked));
        }
    } else {
        row.iter().enumerate().for_each(|(step, float)| out.row().put(float.filter(|_| marks.has(step) == marked)));
    }
    Ok(())
}

// === impl Filtering ===

impl Transform for Filtering {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let vector = VectorBatch::try_new(&batch)?;
        let mut out = VectorBuilder::new(vector.steps.steps(), batch.num_rows());
        for row in 0..batch.num_rows() {
            let labels = vector.labels(row);
            let marks = self.right.of(labels)?;
            let goes = if self.partnered { marks.is_none() } else { marks.is_all() };
            if !goes {
                keep(vector.steps.row(row), marks, self.partnered, &mut out)?;
                out.end_row(labels, vector.drop_name(row));
            }
        }
        self.ready = Some(out.finish(self.task.schema.clone())?);
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.ready.take())
    }
}
