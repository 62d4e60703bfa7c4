//! What the first phase of an aggregation sends to the second.
//!
//! Shape: a row for each group: its key, its labels, a byte for each step that says what there is, a list for each number of
//! the state with a place for each step, and in one binary what there is of histograms.

use std::sync::Arc;

use arrow::array::Float64Array;
use arrow::array::{Array, ArrayRef, BinaryArray, FixedSizeBinaryArray, FixedSizeListArray};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::cast::{as_binary_array, as_fixed_size_binary_array};
use datafusion::common::cast::{as_fixed_size_list_array, as_float64_array};
use datafusion::common::{Result, exec_err};

use super::table::{OfStep, Page};
use crate::exec::binaries::Binaries;
use crate::exec::steps::{LABELS, column};
use crate::functions::aggregate::{Fold, Histograms};

const KEY: &str = "key";
const SEEN: &str = "seen";
const HISTOGRAMS: &str = "histograms";

/// The schema of states whose numbers have these names.
pub(super) fn schema(state: &[&str], steps: usize) -> SchemaRef {
    let mut fields = vec![
        Field::new(KEY, DataType::FixedSizeBinary(16), false),
        Field::new(LABELS, DataType::Binary, false),
        Field::new(SEEN, DataType::FixedSizeBinary(steps as i32), false),
    ];
    let item = Arc::new(Field::new("item", DataType::Float64, false));
    fields.extend(state.iter().map(|name| {
        let list = DataType::FixedSizeList(item.clone(), steps as i32);
        Field::new(format!("state_{name}"), list, false)
    }));
    fields.push(Field::new(HISTOGRAMS, DataType::Binary, true));
    Arc::new(Schema::new(fields))
}

/// The states of some groups as a batch.
pub(super) fn write<F: Fold>(page: Page<F>, steps: usize, schema: SchemaRef) -> Result<RecordBatch> {
    let groups = page.keys.len();
    let mut histograms = Binaries::new(groups);
    let mut encoded = Vec::new();
    for slot in 0..groups {
        encoded.clear();
        for (&(_, step), of_step) in page.histograms.range((slot, 0)..(slot + 1, 0)) {
            write_histograms(step, of_step, &mut encoded);
        }
        histograms.push((!encoded.is_empty()).then_some(encoded.as_slice()));
    }
    let keys = Buffer::from_vec(page.keys.into_flattened());
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(FixedSizeBinaryArray::try_new(16, keys, None)?),
        Arc::new(BinaryArray::from_iter_values(page.labels.iter())),
        Arc::new(FixedSizeBinaryArray::try_new(steps as i32, Buffer::from_vec(page.seen), None)?),
    ];
    let item = Arc::new(Field::new("item", DataType::Float64, false));
    for i in 0..F::STATE.len() {
        let numbers: Vec<f64> = page.states.iter().map(|state| F::save(*state, i)).collect();
        let numbers = Arc::new(Float64Array::from(numbers));
        columns.push(Arc::new(FixedSizeListArray::try_new(item.clone(), steps as i32, numbers, None)?));
    }
    columns.push(Arc::new(histograms.finish()?));
    Ok(RecordBatch::try_new(schema, columns)?)
}

fn write_histograms(step: usize, of_step: &OfStep, out: &mut Vec<u8>) {
    out.extend((step as u32).to_le_bytes());
    out.extend((of_step.metric.len() as u32).to_le_bytes());
    out.extend_from_slice(of_step.metric.as_bytes());
    of_step.histograms.encode(out);
}

/// The states of a batch.
pub(super) struct States<'a> {
    keys: &'a FixedSizeBinaryArray,
    labels: &'a BinaryArray,
    seen: &'a FixedSizeBinaryArray,
    /// The numbers of all rows, column by column.
    numbers: Vec<&'a [f64]>,
    histograms: &'a BinaryArray,
    steps: usize,
}

// === impl States ===

impl<'a> States<'a> {
    /// The columns of a batch.
    pub(super) fn try_new(batch: &'a RecordBatch, state: &[&str], steps: usize) -> Result<Self> {
        let numbers = |name: &&str| {
            let lists = as_fixed_size_list_array(column(batch, &format!("state_{name}"))?)?;
            Ok(&**as_float64_array(lists.values())?.values())
        };
        Ok(Self {
            keys: as_fixed_size_binary_array(column(batch, KEY)?)?,
            labels: as_binary_array(column(batch, LABELS)?)?,
            seen: as_fixed_size_binary_array(column(batch, SEEN)?)?,
            numbers: state.iter().map(numbers).collect::<Result<_>>()?,
            histograms: as_binary_array(column(batch, HISTOGRAMS)?)?,
            steps,
        })
    }

    /// The key of a group.
    pub(super) fn key(&self, row: usize) -> Option<[u8; 16]> {
        self.keys.value(row).try_into().ok()
    }

    /// The labels of a group.
    pub(super) fn labels(&self, row: usize) -> &'a [u8] {
        self.labels.value(row)
    }

    /// What there is at each step.
    pub(super) fn seen(&self, row: usize) -> &'a [u8] {
        self.seen.value(row)
    }

    /// The numbers of a group's states, step by step for each number.
    pub(super) fn numbers(&self, row: usize) -> Vec<&'a [f64]> {
        let range = row * self.steps..(row + 1) * self.steps;
        self.numbers.iter().map(|numbers| numbers.get(range.clone()).unwrap_or_default()).collect()
    }

    /// What there is of histograms, each with its step and in how many bytes it was.
    pub(super) fn histograms(&self, row: usize) -> Result<Vec<(usize, OfStep, usize)>> {
        let mut rest = if self.histograms.is_valid(row) { self.histograms.value(row) } else { &[] };
        let mut out = Vec::new();
        while !rest.is_empty() {
            let before = rest.len();
            let Some((step, of_step)) = read_histograms(&mut rest) else { return exec_err!("expected histograms") };
            out.push((step, of_step, before - rest.len()));
        }
        Ok(out)
    }
}

fn read_histograms(data: &mut &[u8]) -> Option<(usize, OfStep)> {
    let step = read_u32(data)?;
    let len = read_u32(data)?;
    let metric = data.split_off(..len)?;
    let metric = std::str::from_utf8(metric).ok()?.into();
    let histograms = Box::new(Histograms::decode(data)?);
    Some((step, OfStep { histograms, metric, bytes: 0 }))
}

fn read_u32(data: &mut &[u8]) -> Option<usize> {
    let (number, rest) = data.split_first_chunk()?;
    *data = rest;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}
