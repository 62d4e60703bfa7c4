//! `MatchExec`: a binary operator between two instant vectors, one to one.
//!
//! Shape: two instant vectors in, one out. The right side is collected first, merged by match key, and must have no two
//! series of one key at one step; the left side then streams past it. An absent label matches an empty one.
//!
//! Errors: those of Prometheus, for the first step that has one. They come at the end, since Prometheus does not look
//! at steps where a side is empty.
//!
//! Source: `VectorBinop` of Prometheus' `promql/engine.go`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{BinaryBuilder, BooleanArray, BooleanBuilder};
use arrow::record_batch::RecordBatch;
use datafusion::common::cast::{as_binary_array, as_boolean_array};
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use futures_util::TryStreamExt;
use weir_pipeline::labels::encode_label;
use weir_pipeline::{Error, Labels};

use super::context::to_datafusion;
use super::steps::{DROP_NAME, LABELS, STEPS, StepColumn, StepsBuilder, column};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};
use crate::functions::binary::{Answer, Kernel, kernel};
use crate::labels::{is_metadata, key_of, labels_by, labels_without};
use crate::syntax::ast::BinaryOp;

/// How series of two instant vectors meet, and what is made of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Match {
    /// The operator.
    pub(crate) op: BinaryOp,
    /// Whether a comparison answers 0 or 1.
    pub(crate) return_bool: bool,
    /// Whether `labels` are those to compare, or those to leave out.
    pub(crate) on: bool,
    /// Labels.
    pub(crate) labels: Vec<String>,
}

/// What the right side has for one key.
struct Entry {
    /// The labels that the key is made of.
    matched_by: Box<[u8]>,
    values: Vec<f64>,
    /// Which row each value is from, from 1; 0 where there is none.
    owner: Vec<u32>,
    /// At which steps a series of the left side was here.
    taken: Vec<bool>,
}

/// The right side by match key.
struct OneSide {
    spec: Match,
    task: Task,
    keys: HashMap<[u8; 16], usize>,
    entries: Vec<Entry>,
    /// The labels of each row.
    rows: Vec<Box<[u8]>>,
    /// For each step the first two rows that share a key.
    duplicates: Vec<Option<(usize, u32, u32)>>,
}

/// The left side streaming past the right one.
struct Matching {
    right: OneSide,
    kernel: Kernel,
    /// At which steps the left side has anything.
    seen: Vec<bool>,
    /// The first step at which two series of the left side met one of the right.
    ambiguous: Option<usize>,
    ready: Option<RecordBatch>,
}

// === impl Match ===

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.on { "on" } else { "ignoring" };
        let answer = if self.return_bool { " bool" } else { "" };
        write!(f, "{}{answer} {how}({})", self.op.as_str(), self.labels.join(", "))
    }
}

impl Operator for Match {
    const NAME: &'static str = "MatchExec";
    const ROWS: usize = 2;

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let (Ok([left, mut right]), Some(kernel)) = (<[_; 2]>::try_from(inputs), kernel(self.op)) else {
            return exec_err!("{} matches two instant vectors", Self::NAME);
        };
        let mut one_side = OneSide::new(self.clone(), task);
        Ok(transform::opened(async move {
            while let Some(batch) = right.try_next().await? {
                one_side.add(&batch)?;
            }
            let seen = vec![false; one_side.duplicates.len()];
            Ok(transform::run(left, Matching { right: one_side, kernel, seen, ambiguous: None, ready: None }))
        }))
    }
}

impl Match {
    /// Appends the labels that series meet on.
    fn matched_by(&self, labels: Labels<'_>, out: &mut Vec<u8>) {
        if self.on {
            labels_by(labels, &self.labels, out);
        } else {
            labels_without(labels, &self.labels, out);
        }
    }

    /// Appends the labels of the result.
    fn result(&self, labels: Labels<'_>, kernel: Kernel, out: &mut Vec<u8>) {
        for (name, value) in labels {
            let renamed = is_metadata(name) && matches!(kernel, Kernel::Arithmetic(_));
            if !renamed && self.on == self.labels.iter().any(|n| n == name) {
                encode_label(name, value, out);
            }
        }
    }
}

// === impl OneSide ===

impl OneSide {
    fn new(spec: Match, task: Task) -> Self {
        Self { spec, task, keys: HashMap::new(), entries: Vec::new(), rows: Vec::new(), duplicates: Vec::new() }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let column = StepColumn::of(batch, STEPS)?;
        self.duplicates.resize(column.steps(), None);
        let labels = as_binary_array(super::steps::column(batch, LABELS)?)?;
        for row in 0..batch.num_rows() {
            let labels = labels.value(row);
            self.task.memory.try_grow(labels.len() + 16)?;
            self.rows.push(labels.into());
            let owner = self.rows.len() as u32;
            let index = self.entry(labels, column.steps())?;
            let Some(entry) = self.entries.get_mut(index) else { continue };
            for (step, value) in column.row(row).iter().enumerate() {
                let Some(value) = value else { continue };
                match (entry.owner.get_mut(step), entry.values.get_mut(step), self.duplicates.get_mut(step)) {
                    (Some(own @ 0), Some(slot), _) => (*own, *slot) = (owner, value),
                    (Some(own), _, Some(duplicate)) => *duplicate = duplicate.or(Some((index, *own, owner))),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The entry of the series with these labels, made where there is none.
    fn entry(&mut self, labels: &[u8], steps: usize) -> Result<usize> {
        let mut matched_by = Vec::new();
        self.spec.matched_by(Labels::from_canonical(labels), &mut matched_by);
        if let Some(index) = self.find(&matched_by)? {
            return Ok(index);
        }
        self.task.memory.try_grow(matched_by.len() + steps * 13 + 128)?;
        self.keys.insert(key_of(&matched_by), self.entries.len());
        let (values, owner, taken) = (vec![0.0; steps], vec![0; steps], vec![false; steps]);
        self.entries.push(Entry { matched_by: matched_by.into(), values, owner, taken });
        Ok(self.entries.len() - 1)
    }

    fn find(&self, matched_by: &[u8]) -> Result<Option<usize>> {
        let Some(&index) = self.keys.get(&key_of(matched_by)) else { return Ok(None) };
        match self.entries.get(index) {
            Some(entry) if *entry.matched_by != *matched_by => {
                let (one, other) = (Labels::from_canonical(&entry.matched_by), Labels::from_canonical(matched_by));
                exec_err!("the label sets {one} and {other} have the same hash")
            }
            _ => Ok(Some(index)),
        }
    }

    fn duplicate_error(&self, (entry, one, other): (usize, u32, u32)) -> Error {
        let row = |owner: u32| self.rows.get(owner as usize - 1).map_or_else(String::new, |labels| text(labels));
        let group = self.entries.get(entry).map_or_else(String::new, |entry| text(&entry.matched_by));
        let (one, other) = (row(one), row(other));
        let (first, second) = if one > other { (other, one) } else { (one, other) };
        Error::unprocessable(format!(
            "found duplicate series for the match group {group} on the right hand-side of the operation: \
             [{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side"
        ))
    }
}

/// Labels as Prometheus' errors write them, the metric's name among the others.
fn text(labels: &[u8]) -> String {
    let pairs: Vec<_> =
        Labels::from_canonical(labels).iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

// === impl Matching ===

impl Transform for Matching {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let steps = StepColumn::of(&batch, STEPS)?;
        self.seen.resize(steps.steps(), false);
        let labels = as_binary_array(column(&batch, LABELS)?)?;
        let drop_name: &BooleanArray = as_boolean_array(column(&batch, DROP_NAME)?)?;
        let mut out = StepsBuilder::new(steps.steps(), batch.num_rows());
        let (mut out_labels, mut out_drop, mut encoded) = (BinaryBuilder::new(), BooleanBuilder::new(), Vec::new());
        for row in 0..batch.num_rows() {
            let labels = Labels::from_canonical(labels.value(row));
            encoded.clear();
            self.right.spec.matched_by(labels, &mut encoded);
            let values = self.meet(steps.row(row).iter(), &encoded)?;
            if out.push(values.into_iter()) {
                encoded.clear();
                self.right.spec.result(labels, self.kernel, &mut encoded);
                out_labels.append_value(&encoded);
                out_drop.append_value(self.right.spec.return_bool || drop_name.value(row));
            }
        }
        let columns =
            vec![Arc::new(out_labels.finish()) as _, Arc::new(out_drop.finish()) as _, Arc::new(out.finish()?) as _];
        self.ready = Some(RecordBatch::try_new(self.right.task.schema.clone(), columns)?);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        let duplicate = self.right.duplicates.iter().enumerate().find_map(|(step, duplicate)| {
            duplicate.filter(|_| self.seen.get(step) == Some(&true)).map(|duplicate| (step, duplicate))
        });
        match (duplicate, self.ambiguous) {
            (Some((step, _)), Some(ambiguous)) if ambiguous < step => Err(to_datafusion(ambiguous_error())),
            (Some((_, duplicate)), _) => Err(to_datafusion(self.right.duplicate_error(duplicate))),
            (None, Some(_)) => Err(to_datafusion(ambiguous_error())),
            (None, None) => Ok(()),
        }
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.ready.take())
    }
}

impl Matching {
    /// What one series of the left side makes with that of the right side.
    fn meet(&mut self, left: impl Iterator<Item = Option<f64>>, key: &[u8]) -> Result<Vec<Option<f64>>> {
        let index = self.right.find(key)?;
        let mut entry = index.and_then(|index| self.right.entries.get_mut(index));
        let mut values = Vec::with_capacity(self.seen.len());
        for (step, (value, seen)) in left.zip(&mut self.seen).enumerate() {
            *seen |= value.is_some();
            let met = value.zip(entry.as_deref_mut()).and_then(|(value, entry)| {
                let other = entry.owner.get(step).filter(|owner| **owner > 0).and(entry.values.get(step))?;
                let taken = entry.taken.get_mut(step)?;
                if std::mem::replace(taken, true) {
                    self.ambiguous = Some(self.ambiguous.map_or(step, |first| first.min(step)));
                }
                self.kernel.apply(value, *other, if self.right.spec.return_bool { Answer::Bool } else { Answer::Left })
            });
            values.push(met);
        }
        Ok(values)
    }
}

fn ambiguous_error() -> Error {
    Error::unprocessable("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")
}
