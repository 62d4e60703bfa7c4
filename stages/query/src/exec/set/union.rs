//! `or`: all of the left side, and of the right side what the left one has nothing of.
//!
//! Where both sides have a series of the same labels, at different steps, it becomes one row. So a row of the left side
//! that has not all its steps is held until the right side has come. Whether the name goes is as the first element has
//! it, as in Prometheus.

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use weir_pipeline::Value;

use super::{Presence, keep};
use crate::exec::matching::keys::Keys;
use crate::exec::pace::Pace;
use crate::exec::steps::{StepRow, VectorBatch, VectorBuilder, batch_rows};
use crate::exec::{Batches, Task};

/// `or` while it runs.
pub(super) struct Union {
    left: Presence,
    /// The labels of rows that are held.
    labels: Keys,
    held: Vec<Option<Held>>,
    /// The first row that may be held.
    next: usize,
    steps: usize,
    task: Task,
    values: Vec<Option<Value>>,
}

/// A row of the left side.
struct Held {
    drop_name: bool,
    values: Vec<Option<Value>>,
}

/// Takes in rows of one side, and says what comes of them.
type Take = fn(&mut Union, &RecordBatch) -> Result<RecordBatch>;

struct Driven {
    left: Option<SendableRecordBatchStream>,
    right: Option<SendableRecordBatchStream>,
    union: Union,
    pace: Pace,
}

/// Runs over both sides, the left one first, in turns. Dropping the stream cancels it between any two batches.
pub(super) fn run(left: SendableRecordBatchStream, right: SendableRecordBatchStream, union: Union) -> Batches {
    let driven = Driven { left: Some(left), right: Some(right), union, pace: Pace::new() };
    stream::try_unfold(driven, |mut driven| async move { Ok(driven.next().await?.map(|out| (out, driven))) }).boxed()
}

// === impl Driven ===

impl Driven {
    /// The next rows. Batches without any are passed over: in a long chain each of them would go all the way up.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Self { left, right, union, pace } = self;
        let sides: [(_, Take); 2] = [(left, Union::left), (right, Union::right)];
        for (side, take) in sides {
            while let Some(input) = side {
                pace.rest().await;
                match input.try_next().await? {
                    None => *side = None,
                    Some(batch) => match take(union, &batch)? {
                        out if out.num_rows() == 0 => {}
                        out => return Ok(Some(out)),
                    },
                }
            }
        }
        self.union.rest()
    }
}

// === impl Union ===

impl Union {
    pub(super) fn new(left: Presence, steps: usize, task: Task) -> Self {
        Self { left, labels: Keys::default(), held: Vec::new(), next: 0, steps, task, values: Vec::new() }
    }

    fn left(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let vector = VectorBatch::try_new(batch)?;
        let mut out = VectorBuilder::new(self.steps, batch.num_rows());
        for row in 0..batch.num_rows() {
            let (labels, drop_name, steps) = (vector.labels(row), vector.drop_name(row), vector.steps.row(row));
            self.left.add(labels, steps, &self.task.memory)?;
            if let Some(floats) = steps.whole() {
                out.push(labels, drop_name, floats.iter().map(|float| Some(*float)));
            } else if self.steps == 1 {
                out.push_values(labels, drop_name, steps.values()?.into_iter());
            } else {
                self.hold(labels, drop_name, steps.values()?)?;
            }
        }
        out.finish(self.task.schema.clone())
    }

    fn hold(&mut self, labels: &[u8], drop_name: bool, values: Vec<Option<Value>>) -> Result<()> {
        let number = self.labels.number(labels, &self.task.memory)?;
        let histograms = values.iter().flatten().filter_map(Value::histogram).map(|h| h.byte_size()).sum::<usize>();
        self.task.memory.try_grow(size_of::<Held>() + values.len() * size_of::<Option<Value>>() + histograms)?;
        let held = Held { drop_name, values };
        match self.held.get_mut(number) {
            Some(Some(own)) => own.merge(&mut held.values.into_iter(), drop_name),
            Some(own) => *own = Some(held),
            None => self.held.push(Some(held)),
        }
        Ok(())
    }

    fn right(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let vector = VectorBatch::try_new(batch)?;
        let mut out = VectorBuilder::new(self.steps, batch.num_rows());
        for row in 0..batch.num_rows() {
            let (labels, drop_name, steps) = (vector.labels(row), vector.drop_name(row), vector.steps.row(row));
            let marks = self.left.of(labels)?;
            if marks.is_all() {
                continue;
            }
            let number = if self.held.is_empty() { None } else { self.labels.find(labels)? };
            match number.and_then(|number| self.held.get_mut(number)).and_then(Option::take) {
                None => {
                    keep(steps, marks, false, &mut out)?;
                    out.end_row(labels, drop_name);
                }
                Some(mut own) => {
                    self.values.clear();
                    self.values.extend(unmarked(steps, |step| marks.has(step))?);
                    own.merge(&mut self.values.drain(..), drop_name);
                    out.push_values(labels, own.drop_name, own.values.into_iter());
                }
            }
        }
        out.finish(self.task.schema.clone())
    }

    /// The rows that are held still.
    fn rest(&mut self) -> Result<Option<RecordBatch>> {
        let mut out = VectorBuilder::new(self.steps, 0);
        while out.rows() < batch_rows(self.steps)
            && let Some(held) = self.held.get_mut(self.next)
        {
            if let Some(held) = held.take() {
                out.push_values(self.labels.get(self.next), held.drop_name, held.values.into_iter());
            }
            self.next += 1;
        }
        if out.rows() == 0 { Ok(None) } else { out.finish(self.task.schema.clone()).map(Some) }
    }
}

/// The elements of a row at whose step there is no mark.
fn unmarked(row: StepRow<'_>, marked: impl Fn(usize) -> bool) -> Result<impl Iterator<Item = Option<Value>>> {
    let values = row.values()?.into_iter().enumerate();
    Ok(values.map(move |(step, value)| value.filter(|_| !marked(step))))
}

// === impl Held ===

impl Held {
    /// Adds a row of the same labels where this one has nothing.
    fn merge(&mut self, values: &mut dyn Iterator<Item = Option<Value>>, drop_name: bool) {
        let mut first = None;
        for (own, value) in self.values.iter_mut().zip(values) {
            let is_new = own.is_none();
            if is_new {
                *own = value;
            }
            if first.is_none() && own.is_some() {
                first = Some(is_new);
            }
        }
        if first == Some(true) {
            self.drop_name = drop_name;
        }
    }
}
