//! Rows of an instant vector that are collected and get new labels: those that end up with the same labels become one row.
//!
//! Errors: two of them have values at the same step.
//!
//! Source: `mergeSeriesWithSameLabelset` of Prometheus' `promql/engine.go`.

use std::collections::HashMap;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;
use weir_pipeline::{Error, Value};

use super::context::to_datafusion;
use super::steps::{StepRow, VectorBatch, VectorBuilder, batch_rows};

/// What a row takes beside its labels, in bytes.
const ROW_BYTES: usize = 160;

/// A row of the batches that were collected: which batch, and which row of it.
pub(crate) type At = (usize, usize);

/// Batches, and the rows that are made of theirs.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    batches: Vec<RecordBatch>,
    index: HashMap<Box<[u8]>, usize>,
    rows: Vec<Row>,
    next: usize,
}

/// One row of the output.
#[derive(Debug)]
struct Row {
    labels: Box<[u8]>,
    drop_name: bool,
    parts: Vec<Part>,
}

/// A row of the input, and at which of its steps; at all where that is not said.
#[derive(Debug)]
struct Part {
    at: At,
    steps: Option<Box<[bool]>>,
}

/// Two rows have the same labels and values at the same step.
pub(crate) fn ambiguous() -> DataFusionError {
    to_datafusion(Error::unprocessable("vector cannot contain metrics with the same labelset"))
}

// === impl Gathered ===

impl Gathered {
    /// Keeps a batch, whose rows then are the last.
    pub(crate) fn keep(&mut self, batch: RecordBatch, memory: &MemoryReservation) -> Result<()> {
        memory.try_grow(batch.get_array_memory_size())?;
        self.batches.push(batch);
        Ok(())
    }

    /// How many batches are kept.
    pub(crate) fn len(&self) -> usize {
        self.batches.len()
    }

    /// A batch.
    pub(crate) fn batch(&self, batch: usize) -> Option<RecordBatch> {
        self.batches.get(batch).cloned()
    }

    /// The columns of all batches.
    pub(crate) fn columns(&self) -> Result<Vec<VectorBatch<'_>>> {
        self.batches.iter().map(VectorBatch::try_new).collect()
    }

    /// Adds the row `at` under new labels, at `steps` only where they are given.
    pub(crate) fn add(
        &mut self,
        labels: &[u8],
        drop_name: bool,
        at: At,
        steps: Option<Box<[bool]>>,
        memory: &MemoryReservation,
    ) -> Result<()> {
        memory.try_grow(steps.as_ref().map_or(0, |steps| steps.len()) + ROW_BYTES)?;
        let part = Part { at, steps };
        match self.index.get(labels).and_then(|&row| self.rows.get_mut(row)) {
            Some(row) => row.parts.push(part),
            None => {
                memory.try_grow(2 * labels.len())?;
                self.index.insert(labels.into(), self.rows.len());
                self.rows.push(Row { labels: labels.into(), drop_name, parts: vec![part] });
            }
        }
        Ok(())
    }

    /// The next batch of rows, once all are added.
    pub(crate) fn pull(&mut self, steps: usize, schema: &SchemaRef) -> Result<Option<RecordBatch>> {
        let end = self.rows.len().min(self.next + batch_rows(steps));
        let Some(rows) = self.rows.get(self.next..end).filter(|rows| !rows.is_empty()) else { return Ok(None) };
        let columns = self.columns()?;
        let mut out = VectorBuilder::new(steps, rows.len());
        for row in rows {
            match row.parts.as_slice() {
                [Part { at, steps: None }] => {
                    if let Some(own) = row_at(&columns, *at) {
                        copy(own, &mut out)?;
                    }
                }
                parts => merge(parts, &columns, steps)?.into_iter().for_each(|value| out.row().put_value(value)),
            }
            out.end_row(&row.labels, row.drop_name);
        }
        let out = out.finish(schema.clone())?;
        self.next = end;
        Ok(Some(out))
    }
}

/// The step vector of a row.
pub(crate) fn row_at<'a>(columns: &[VectorBatch<'a>], (batch, row): At) -> Option<StepRow<'a>> {
    columns.get(batch).map(|vector| vector.steps.row(row))
}

fn copy(row: StepRow<'_>, out: &mut VectorBuilder) -> Result<()> {
    if row.has_histograms() {
        row.values()?.into_iter().for_each(|value| out.row().put_value(value));
    } else {
        row.iter().for_each(|value| out.row().put(value));
    }
    Ok(())
}

fn merge(parts: &[Part], columns: &[VectorBatch<'_>], steps: usize) -> Result<Vec<Option<Value>>> {
    let mut merged = vec![None; steps];
    for part in parts {
        let Some(row) = row_at(columns, part.at) else { continue };
        for (step, (value, slot)) in row.values()?.into_iter().zip(&mut merged).enumerate() {
            let wanted = part.steps.as_ref().is_none_or(|steps| steps.get(step) == Some(&true));
            if let Some(value) = value.filter(|_| wanted)
                && slot.replace(value).is_some()
            {
                return Err(ambiguous());
            }
        }
    }
    Ok(merged)
}
