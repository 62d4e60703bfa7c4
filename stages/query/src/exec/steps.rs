//! Step vectors: for each row a value at each step, or none. NaN is a value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeListArray, Float64Array};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::cast::{as_fixed_size_list_array, as_float64_array};
use datafusion::common::{Result, exec_datafusion_err};

/// The canonical labels of a row.
pub(crate) const LABELS: &str = "labels";
/// Whether the metric's name goes at the end: as in Prometheus, functions only mark it, so that those above still see it.
pub(crate) const DROP_NAME: &str = "drop_name";
/// The step vector of a row.
pub(crate) const STEPS: &str = "steps";

/// The times at which an expression is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Steps {
    /// The first, in milliseconds since the Unix epoch.
    pub(crate) start: i64,
    /// Milliseconds between two.
    pub(crate) step: i64,
    /// How many, at least 1.
    pub(crate) count: usize,
}

/// A column of step vectors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepColumn<'a> {
    values: &'a Float64Array,
    steps: usize,
}

/// One step vector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepRow<'a> {
    values: &'a [f64],
    nulls: Option<&'a NullBuffer>,
    offset: usize,
}

/// Collects step vectors into a column.
#[derive(Debug)]
pub(crate) struct StepsBuilder {
    values: Vec<f64>,
    valid: Vec<bool>,
    steps: usize,
}

/// The type of a column of vectors of `steps` steps.
pub(crate) fn data_type(steps: usize) -> DataType {
    DataType::FixedSizeList(item(), steps as i32)
}

/// The schema of an instant vector.
pub(crate) fn schema(steps: usize) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(LABELS, DataType::Binary, true),
        Field::new(DROP_NAME, DataType::Boolean, true),
        Field::new(STEPS, data_type(steps), true),
    ]))
}

/// A column of step vectors from its flat values.
pub(crate) fn list(steps: usize, values: Float64Array) -> Result<FixedSizeListArray> {
    Ok(FixedSizeListArray::try_new(item(), steps as i32, Arc::new(values), None)?)
}

/// How many rows a batch of step vectors has: by bytes, since one row may be large.
pub(crate) fn batch_rows(steps: usize) -> usize {
    ((4 << 20) / (8 * steps.max(1))).clamp(1, 1024)
}

fn item() -> FieldRef {
    Arc::new(Field::new("item", DataType::Float64, true))
}

// === impl Steps ===

impl Steps {
    /// The time of step `i`.
    pub(crate) fn time(&self, i: usize) -> i64 {
        self.start + self.step * i as i64
    }

    /// The last time.
    pub(crate) fn end(&self) -> i64 {
        self.time(self.count - 1)
    }
}

impl std::fmt::Display for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.count == 1 {
            write!(f, "at={}", self.start)
        } else {
            write!(f, "from={} to={} step={}ms", self.start, self.end(), self.step)
        }
    }
}

// === impl StepColumn ===

impl<'a> StepColumn<'a> {
    /// The step vectors in `array`.
    pub(crate) fn try_new(array: &'a ArrayRef) -> Result<Self> {
        let list = as_fixed_size_list_array(array)?;
        let steps = list.value_length() as usize;
        Ok(Self { values: as_float64_array(list.values())?, steps })
    }

    /// The column `name` of a batch.
    pub(crate) fn of(batch: &'a arrow::record_batch::RecordBatch, name: &str) -> Result<Self> {
        Self::try_new(column(batch, name)?)
    }

    /// The values of all rows, one after the other.
    pub(crate) fn values(&self) -> &'a Float64Array {
        self.values
    }

    /// How many steps each row has.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// The step vector of a row.
    pub(crate) fn row(&self, row: usize) -> StepRow<'a> {
        let offset = row * self.steps;
        let values = self.values.values().get(offset..offset + self.steps).unwrap_or_default();
        StepRow { values, nulls: self.values.nulls(), offset }
    }
}

/// The column `name` of a batch.
pub(crate) fn column<'a>(batch: &'a arrow::record_batch::RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| exec_datafusion_err!("expected a column `{name}`"))
}

// === impl StepRow ===

impl<'a> StepRow<'a> {
    /// The value at a step.
    pub(crate) fn get(&self, step: usize) -> Option<f64> {
        let valid = self.nulls.is_none_or(|nulls| nulls.is_valid(self.offset + step));
        valid.then(|| self.values.get(step).copied()).flatten()
    }

    /// The value at each step.
    pub(crate) fn iter(self) -> impl Iterator<Item = Option<f64>> + 'a {
        (0..self.values.len()).map(move |step| self.get(step))
    }

    /// Whether there is no value at any step.
    pub(crate) fn is_empty(self) -> bool {
        self.iter().all(|value| value.is_none())
    }
}

// === impl StepsBuilder ===

impl StepsBuilder {
    /// An empty column with room for `rows`.
    pub(crate) fn new(steps: usize, rows: usize) -> Self {
        Self { values: Vec::with_capacity(steps * rows), valid: Vec::with_capacity(steps * rows), steps }
    }

    /// Adds a row, unless it has no value at any step. Returns whether it was added.
    pub(crate) fn push(&mut self, row: impl Iterator<Item = Option<f64>>) -> bool {
        let before = self.values.len();
        for value in row.take(self.steps) {
            self.values.push(value.unwrap_or_default());
            self.valid.push(value.is_some());
        }
        let added = self.valid.get(before..).is_some_and(|row| row.contains(&true));
        if added {
            self.values.resize(before + self.steps, 0.0);
            self.valid.resize(before + self.steps, false);
        } else {
            self.values.truncate(before);
            self.valid.truncate(before);
        }
        added
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.steps
    }

    /// The column.
    pub(crate) fn finish(self) -> Result<FixedSizeListArray> {
        flat(self.steps, self.values, &self.valid)
    }
}

/// A column of step vectors from flat values and their validity.
pub(crate) fn flat(steps: usize, values: Vec<f64>, valid: &[bool]) -> Result<FixedSizeListArray> {
    let nulls = NullBuffer::new(BooleanBuffer::from(valid));
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    list(steps, Float64Array::try_new(ScalarBuffer::from(values), nulls)?)
}
