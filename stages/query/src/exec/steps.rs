//! Step vectors: for each row a value at each step, or none. NaN is a value.
//!
//! Shape: a struct of `floats`, a list with a place for each step, and `histograms`, which are rare: the encodings of those
//! that there are, each behind its step, in one binary, null where there is none. A step has one kind of value at most.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, BinaryArray, FixedSizeListArray, Float64Array, StructArray};
use arrow::array::{BooleanArray, new_null_array};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::cast::{as_binary_array, as_boolean_array, as_fixed_size_list_array, as_float64_array};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use weir_blocks::Lasts;
use weir_pipeline::{Histogram, Value};

use super::binaries::Binaries;

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
    floats: &'a Float64Array,
    histograms: &'a BinaryArray,
    steps: usize,
}

/// One step vector.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepRow<'a> {
    floats: &'a [f64],
    nulls: Option<&'a NullBuffer>,
    offset: usize,
    histograms: Option<&'a [u8]>,
}

/// A batch of an instant vector, its columns at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VectorBatch<'a> {
    labels: &'a BinaryArray,
    drop_name: &'a BooleanArray,
    /// The step vectors.
    pub(crate) steps: StepColumn<'a>,
}

/// Collects step vectors into a column.
#[derive(Debug)]
pub(crate) struct StepsBuilder {
    floats: Vec<f64>,
    valid: Vec<bool>,
    histograms: Binaries,
    encoded: Vec<u8>,
    rows: usize,
    steps: usize,
}

/// Collects rows of an instant vector into a batch.
#[derive(Debug)]
pub(crate) struct VectorBuilder {
    labels: Binaries,
    drop_name: Vec<bool>,
    steps: StepsBuilder,
}

/// The type of a column of vectors of `steps` steps.
pub(crate) fn data_type(steps: usize) -> DataType {
    DataType::Struct(fields(steps))
}

/// What most queries have, vectors of one step, is made once.
static FIELDS: LazyLock<Fields> = LazyLock::new(|| fields_of(1));
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| schema_of(1));
static ITEM: LazyLock<FieldRef> = LazyLock::new(|| Arc::new(Field::new("item", DataType::Float64, true)));

fn fields(steps: usize) -> Fields {
    if steps == 1 { FIELDS.clone() } else { fields_of(steps) }
}

fn fields_of(steps: usize) -> Fields {
    let floats = DataType::FixedSizeList(ITEM.clone(), steps as i32);
    Fields::from(vec![Field::new("floats", floats, false), Field::new("histograms", DataType::Binary, true)])
}

/// The schema of an instant vector.
pub(crate) fn schema(steps: usize) -> SchemaRef {
    if steps == 1 { SCHEMA.clone() } else { schema_of(steps) }
}

fn schema_of(steps: usize) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(LABELS, DataType::Binary, true),
        Field::new(DROP_NAME, DataType::Boolean, true),
        Field::new(STEPS, data_type(steps), true),
    ]))
}

/// How many steps the vectors of a column have.
pub(crate) fn steps_of(data_type: &DataType) -> Result<usize> {
    let DataType::Struct(fields) = data_type else { return exec_err!("expected step vectors, got `{data_type}`") };
    match fields.first().map(|field| field.data_type()) {
        Some(DataType::FixedSizeList(_, steps)) if *steps > 0 => Ok(*steps as usize),
        _ => exec_err!("expected step vectors, got `{data_type}`"),
    }
}

/// A column of step vectors from flat values, without histograms.
pub(crate) fn list(steps: usize, values: Float64Array) -> Result<StructArray> {
    let rows = values.len() / steps.max(1);
    column_of(steps, values, new_null_array(&DataType::Binary, rows))
}

fn column_of(steps: usize, values: Float64Array, histograms: ArrayRef) -> Result<StructArray> {
    let floats = FixedSizeListArray::try_new(ITEM.clone(), steps as i32, Arc::new(values), None)?;
    Ok(StructArray::try_new(fields(steps), vec![Arc::new(floats), histograms], None)?)
}

/// How many rows a batch of step vectors has: by bytes, since one row may be large.
pub(crate) fn batch_rows(steps: usize) -> usize {
    ((4 << 20) / (8 * steps.max(1))).clamp(1, 1024)
}

/// The column `name` of a batch.
pub(crate) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| exec_datafusion_err!("expected a column `{name}`"))
}

// === impl Steps ===

impl From<Steps> for Lasts {
    fn from(Steps { start, step, count }: Steps) -> Self {
        Self { start, step, count }
    }
}

impl Steps {
    /// The time of step `i`.
    pub(crate) fn time(&self, i: usize) -> i64 {
        self.start.saturating_add(self.step.saturating_mul(i as i64))
    }

    /// How many steps there are, where there are so many after the first; `None` where that is too many for a vector.
    pub(crate) fn checked_count(after_first: usize) -> Option<usize> {
        (after_first < i32::MAX as usize / 16).then_some(after_first + 1)
    }

    /// The last time.
    pub(crate) fn end(&self) -> i64 {
        self.time(self.count.saturating_sub(1))
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
        let Some(array) = array.as_any().downcast_ref::<StructArray>() else {
            return exec_err!("expected step vectors, got `{}`", array.data_type());
        };
        let [floats, histograms] = array.columns() else { return exec_err!("expected floats and histograms") };
        let floats = as_fixed_size_list_array(floats)?;
        let steps = floats.value_length() as usize;
        Ok(Self { floats: as_float64_array(floats.values())?, histograms: as_binary_array(histograms)?, steps })
    }

    /// The column `name` of a batch.
    pub(crate) fn of(batch: &'a RecordBatch, name: &str) -> Result<Self> {
        Self::try_new(column(batch, name)?)
    }

    /// The numbers of all rows, one after the other.
    pub(crate) fn floats(&self) -> &'a Float64Array {
        self.floats
    }

    /// How many steps each row has.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// Whether any row has a histogram.
    pub(crate) fn has_histograms(&self) -> bool {
        self.histograms.null_count() < self.histograms.len()
    }

    /// The step vector of a row.
    pub(crate) fn row(&self, row: usize) -> StepRow<'a> {
        let offset = row * self.steps;
        let floats = self.floats.values().get(offset..offset + self.steps).unwrap_or_default();
        let histograms = self.histograms.is_valid(row).then(|| self.histograms.value(row));
        StepRow { floats, nulls: self.floats.nulls(), offset, histograms }
    }
}

// === impl StepRow ===

impl<'a> StepRow<'a> {
    /// The number at a step.
    pub(crate) fn get(&self, step: usize) -> Option<f64> {
        let valid = self.nulls.is_none_or(|nulls| nulls.is_valid(self.offset + step));
        valid.then(|| self.floats.get(step).copied()).flatten()
    }

    /// The number at each step.
    pub(crate) fn iter(self) -> impl Iterator<Item = Option<f64>> + 'a {
        (0..self.floats.len()).map(move |step| self.get(step))
    }

    /// The numbers, where there is one at each step.
    pub(crate) fn whole(&self) -> Option<&'a [f64]> {
        let is_whole = |nulls: &NullBuffer| {
            let rest = nulls.len().saturating_sub(self.offset);
            self.floats.len() <= rest && nulls.slice(self.offset, self.floats.len()).null_count() == 0
        };
        self.nulls.is_none_or(is_whole).then_some(self.floats)
    }

    /// At which steps there is a value of either kind, in place of what is in `out`.
    pub(crate) fn present(&self, out: &mut Vec<bool>) -> Result<()> {
        out.clear();
        out.extend(self.iter().map(|float| float.is_some()));
        for (step, _) in self.histograms()? {
            if let Some(present) = out.get_mut(step) {
                *present = true;
            }
        }
        Ok(())
    }

    /// Whether there is a histogram at any step.
    pub(crate) fn has_histograms(&self) -> bool {
        self.histograms.is_some()
    }

    /// The histograms, each with its step, in order.
    pub(crate) fn histograms(&self) -> Result<Vec<(usize, Arc<Histogram>)>> {
        let (mut rest, mut out) = (self.histograms.unwrap_or_default(), Vec::new());
        while let Some((step, after)) = rest.split_first_chunk::<4>() {
            rest = after;
            let Some(histogram) = Histogram::decode(&mut rest) else { return exec_err!("expected a histogram") };
            out.push((u32::from_le_bytes(*step) as usize, Arc::new(histogram)));
        }
        Ok(out)
    }

    /// The value at each step, of either kind.
    pub(crate) fn values(&self) -> Result<Vec<Option<Value>>> {
        let mut values: Vec<_> = self.iter().map(|float| float.map(Value::Float)).collect();
        for (step, histogram) in self.histograms()? {
            if let Some(slot) = values.get_mut(step) {
                *slot = Some(Value::Histogram(histogram));
            }
        }
        Ok(values)
    }

    /// Whether there is no value at any step.
    pub(crate) fn is_empty(self) -> bool {
        self.histograms.is_none() && self.iter().all(|value| value.is_none())
    }
}

// === impl VectorBatch ===

impl<'a> VectorBatch<'a> {
    /// The columns of a batch of an instant vector.
    pub(crate) fn try_new(batch: &'a RecordBatch) -> Result<Self> {
        Ok(Self {
            labels: as_binary_array(column(batch, LABELS)?)?,
            drop_name: as_boolean_array(column(batch, DROP_NAME)?)?,
            steps: StepColumn::of(batch, STEPS)?,
        })
    }

    /// The canonical labels of a row.
    pub(crate) fn labels(&self, row: usize) -> &'a [u8] {
        self.labels.value(row)
    }

    /// Whether the metric's name of a row goes at the end.
    pub(crate) fn drop_name(&self, row: usize) -> bool {
        self.drop_name.is_valid(row) && self.drop_name.value(row)
    }
}

// === impl StepsBuilder ===

impl StepsBuilder {
    /// An empty column with room for `rows`.
    pub(crate) fn new(steps: usize, rows: usize) -> Self {
        let (floats, valid) = (Vec::with_capacity(steps * rows), Vec::with_capacity(steps * rows));
        Self { floats, valid, histograms: Binaries::new(rows), encoded: Vec::new(), rows: 0, steps }
    }

    /// Adds a row of numbers, unless it has none at any step. Returns whether it was added.
    pub(crate) fn push(&mut self, row: impl Iterator<Item = Option<f64>>) -> bool {
        for value in row.take(self.steps) {
            self.put(value);
        }
        self.end_row()
    }

    /// Adds a row of values of either kind, unless it has none at any step. Returns whether it was added.
    pub(crate) fn push_values(&mut self, row: impl Iterator<Item = Option<Value>>) -> bool {
        for value in row.take(self.steps) {
            self.put_value(value);
        }
        self.end_row()
    }

    /// Adds the numbers of the row that is being built: `fill` puts them in their places, and says where there is one.
    pub(crate) fn fill(&mut self, fill: impl FnOnce(&mut [f64], &mut [bool])) {
        let before = self.rows * self.steps;
        self.floats.resize(before + self.steps, 0.0);
        self.valid.resize(before + self.steps, false);
        if let (Some(floats), Some(valid)) = (self.floats.get_mut(before..), self.valid.get_mut(before..)) {
            fill(floats, valid);
        }
    }

    /// Adds the next element of the row that is being built: a number, or nothing.
    pub(crate) fn put(&mut self, value: Option<f64>) {
        self.floats.push(value.unwrap_or_default());
        self.valid.push(value.is_some());
    }

    /// Adds the next element of the row that is being built, of either kind.
    pub(crate) fn put_value(&mut self, value: Option<Value>) {
        match value {
            Some(Value::Histogram(histogram)) => {
                let step = self.floats.len() - self.rows * self.steps;
                self.encoded.extend((step as u32).to_le_bytes());
                histogram.encode(&mut self.encoded);
                self.put(None);
            }
            Some(Value::Float(float)) => self.put(Some(float)),
            None => self.put(None),
        }
    }

    /// Ends the row that is being built. Takes it back where it has no value at any step, and returns whether it stays.
    pub(crate) fn end_row(&mut self) -> bool {
        let before = self.rows * self.steps;
        let stays = !self.encoded.is_empty() || self.valid.get(before..).is_some_and(|row| row.contains(&true));
        if stays {
            self.rows += 1;
            self.histograms.push((!self.encoded.is_empty()).then_some(self.encoded.as_slice()));
        }
        self.floats.resize(self.rows * self.steps, 0.0);
        self.valid.resize(self.rows * self.steps, false);
        self.encoded.clear();
        stays
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The column.
    pub(crate) fn finish(self) -> Result<StructArray> {
        let nulls = NullBuffer::new(BooleanBuffer::from(self.valid));
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        let floats = Float64Array::try_new(ScalarBuffer::from(self.floats), nulls)?;
        column_of(self.steps, floats, Arc::new(self.histograms.finish()?))
    }
}

// === impl VectorBuilder ===

impl VectorBuilder {
    /// An empty batch with room for `rows`.
    pub(crate) fn new(steps: usize, rows: usize) -> Self {
        let labels = Binaries::new(rows);
        Self { labels, drop_name: Vec::with_capacity(rows), steps: StepsBuilder::new(steps, rows) }
    }

    /// Adds a row of numbers, unless it has none at any step. Returns whether it was added.
    pub(crate) fn push(&mut self, labels: &[u8], drop_name: bool, row: impl Iterator<Item = Option<f64>>) -> bool {
        let added = self.steps.push(row);
        self.label(added, labels, drop_name)
    }

    /// Adds a row of values of either kind, unless it has none at any step. Returns whether it was added.
    pub(crate) fn push_values(
        &mut self,
        labels: &[u8],
        drop_name: bool,
        row: impl Iterator<Item = Option<Value>>,
    ) -> bool {
        let added = self.steps.push_values(row);
        self.label(added, labels, drop_name)
    }

    /// The elements of the row that is being built, to be ended with [`VectorBuilder::end_row`].
    pub(crate) fn row(&mut self) -> &mut StepsBuilder {
        &mut self.steps
    }

    /// Ends the row that is being built. Takes it back where it has no value at any step, and returns whether it stays.
    pub(crate) fn end_row(&mut self, labels: &[u8], drop_name: bool) -> bool {
        let added = self.steps.end_row();
        self.label(added, labels, drop_name)
    }

    fn label(&mut self, added: bool, labels: &[u8], drop_name: bool) -> bool {
        if added {
            self.labels.push(Some(labels));
            self.drop_name.push(drop_name);
        }
        added
    }

    /// How many rows there are.
    pub(crate) fn rows(&self) -> usize {
        self.steps.rows()
    }

    /// The batch.
    pub(crate) fn finish(self, schema: SchemaRef) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.labels.finish()?),
            Arc::new(BooleanArray::from(self.drop_name)),
            Arc::new(self.steps.finish()?),
        ];
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}
