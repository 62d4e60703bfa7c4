//! Samples as rows: what scans read, merges unite and evaluations walk along.
//!
//! Shape: a row is a run of one series. Lists of timestamps and values, as long as each other; the list of start timestamps is
//! null where none is known; histograms, which are rare, are one binary, null where there is none.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Float64Array, Int64Array, ListArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::cast::{
    as_binary_array, as_boolean_array, as_fixed_size_binary_array, as_float64_array, as_int64_array, as_list_array,
};
use datafusion::common::{Result, exec_err};
use weir_pipeline::{Histogram, HistogramPoint};

use super::binaries::Binaries;
use super::steps::{DROP_NAME, LABELS, column};

/// The id of a series.
pub(crate) const SERIES: &str = "series_id";
/// The times of a run.
pub(crate) const TIMESTAMPS: &str = "timestamps";
/// The values of a run.
pub(crate) const VALUES: &str = "values";
/// Since when the values of a run count.
pub(crate) const STARTS: &str = "start_timestamps";
/// The native histograms of a run.
pub(crate) const HISTOGRAMS: &str = "histograms";

/// The bytes of one float and its time.
pub(crate) const SAMPLE_BYTES: usize = 16;

/// A batch of samples, its columns at hand.
pub(crate) struct Samples<'a> {
    ids: &'a FixedSizeBinaryArray,
    labels: &'a BinaryArray,
    offsets: &'a [i32],
    timestamps: &'a [i64],
    values: &'a [f64],
    starts: &'a ListArray,
    histograms: &'a BinaryArray,
    drop_name: &'a BooleanArray,
}

/// The samples of one row, borrowed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row<'a> {
    /// When.
    pub(crate) timestamps: &'a [i64],
    /// As long as `timestamps`.
    pub(crate) values: &'a [f64],
    /// As long as `timestamps`, or empty.
    pub(crate) starts: &'a [i64],
    /// The encodings of the histograms, each behind its time and its start.
    pub(crate) histograms: Option<&'a [u8]>,
}

/// Collects runs into a batch.
#[derive(Debug)]
pub(crate) struct SamplesBuilder {
    ids: Vec<u8>,
    labels: Binaries,
    ends: Vec<i32>,
    timestamps: Vec<i64>,
    values: Vec<f64>,
    /// As long as `timestamps`, or empty as long as no start is known.
    starts: Vec<i64>,
    histograms: Binaries,
    encoded: Vec<u8>,
    drop_name: Vec<bool>,
}

/// The elements of the lists: the same ones everywhere, so that nobody makes or compares them for each batch.
static TIME: LazyLock<FieldRef> = LazyLock::new(|| Arc::new(Field::new("item", DataType::Int64, false)));
static VALUE: LazyLock<FieldRef> = LazyLock::new(|| Arc::new(Field::new("item", DataType::Float64, false)));

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new(SERIES, DataType::FixedSizeBinary(16), false),
        Field::new(LABELS, DataType::Binary, false),
        Field::new(TIMESTAMPS, DataType::List(TIME.clone()), false),
        Field::new(VALUES, DataType::List(VALUE.clone()), false),
        Field::new(STARTS, DataType::List(TIME.clone()), true),
        Field::new(HISTOGRAMS, DataType::Binary, true),
        Field::new(DROP_NAME, DataType::Boolean, true),
    ]))
});

/// The schema of samples.
pub(crate) fn schema() -> SchemaRef {
    SCHEMA.clone()
}

// === impl Samples ===

impl<'a> Samples<'a> {
    /// The columns of a batch of samples.
    pub(crate) fn try_new(batch: &'a RecordBatch) -> Result<Self> {
        let timestamps: &ListArray = as_list_array(column(batch, TIMESTAMPS)?)?;
        let values: &ListArray = as_list_array(column(batch, VALUES)?)?;
        if timestamps.value_offsets() != values.value_offsets() {
            return exec_err!("expected as many values as timestamps");
        }
        Ok(Self {
            ids: as_fixed_size_binary_array(column(batch, SERIES)?)?,
            labels: as_binary_array(column(batch, LABELS)?)?,
            offsets: timestamps.value_offsets(),
            timestamps: as_int64_array(timestamps.values())?.values(),
            values: as_float64_array(values.values())?.values(),
            starts: as_list_array(column(batch, STARTS)?)?,
            histograms: as_binary_array(column(batch, HISTOGRAMS)?)?,
            drop_name: as_boolean_array(column(batch, DROP_NAME)?)?,
        })
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The samples of a row.
    pub(crate) fn row(&self, row: usize) -> Row<'a> {
        let offset = |row: usize| self.offsets.get(row).map_or(0, |&offset| offset as usize);
        let range = offset(row)..offset(row + 1);
        Row {
            timestamps: self.timestamps.get(range.clone()).unwrap_or_default(),
            values: self.values.get(range).unwrap_or_default(),
            starts: self.starts(row),
            histograms: self.histograms.is_valid(row).then(|| self.histograms.value(row)),
        }
    }

    fn starts(&self, row: usize) -> &'a [i64] {
        if self.starts.is_null(row) {
            return &[];
        }
        let offsets = self.starts.value_offsets();
        let (Some(&from), Some(&to)) = (offsets.get(row), offsets.get(row + 1)) else { return &[] };
        let Ok(starts) = as_int64_array(self.starts.values()) else { return &[] };
        starts.values().get(from as usize..to as usize).unwrap_or_default()
    }

    /// The id of the series of a row.
    pub(crate) fn id(&self, row: usize) -> [u8; 16] {
        self.ids.value(row).try_into().unwrap_or_default()
    }

    /// Whether the metric's name of a row goes at the end: a subquery's samples may be no metric any more.
    pub(crate) fn drop_name(&self, row: usize) -> bool {
        self.drop_name.is_valid(row) && self.drop_name.value(row)
    }

    /// The canonical labels of a row.
    pub(crate) fn labels(&self, row: usize) -> &'a [u8] {
        self.labels.value(row)
    }
}

// === impl Row ===

impl<'a> Row<'a> {
    /// The histograms, as they are.
    pub(crate) fn histograms(&self) -> Result<Vec<HistogramPoint>> {
        let (mut rest, mut out) = (self.histograms.unwrap_or_default(), Vec::new());
        while let Some((timestamp, after)) = rest.split_first_chunk::<8>() {
            let Some((start, after)) = after.split_first_chunk::<8>() else { return exec_err!("expected a histogram") };
            rest = after;
            let Some(histogram) = Histogram::decode(&mut rest) else { return exec_err!("expected a histogram") };
            let (timestamp, start) = (i64::from_le_bytes(*timestamp), i64::from_le_bytes(*start));
            out.push(HistogramPoint { timestamp, start, histogram: Arc::new(histogram) });
        }
        Ok(out)
    }

    /// Whether there is a histogram.
    pub(crate) fn has_histograms(&self) -> bool {
        self.histograms.is_some()
    }

    /// What the samples take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let starts = size_of_val(self.starts);
        self.timestamps.len() * SAMPLE_BYTES + starts + self.histograms.map_or(0, <[u8]>::len)
    }
}

// === impl SamplesBuilder ===

impl SamplesBuilder {
    /// An empty batch with room for `rows` of `samples` together.
    pub(crate) fn new(rows: usize, samples: usize) -> Self {
        Self {
            ids: Vec::with_capacity(rows * 16),
            labels: Binaries::new(rows),
            ends: Vec::with_capacity(rows),
            timestamps: Vec::with_capacity(samples),
            values: Vec::with_capacity(samples),
            starts: Vec::new(),
            histograms: Binaries::new(rows),
            encoded: Vec::new(),
            drop_name: Vec::with_capacity(rows),
        }
    }

    /// Adds floats of the row that is being built. `starts` is as long as the others, or empty.
    pub(crate) fn floats(&mut self, timestamps: &[i64], values: &[f64], starts: &[i64]) {
        if !starts.is_empty() && self.starts.is_empty() {
            self.starts.resize(self.timestamps.len(), 0);
        }
        self.timestamps.extend_from_slice(timestamps);
        self.values.extend_from_slice(values);
        if !self.starts.is_empty() || !starts.is_empty() {
            self.starts.extend_from_slice(starts);
            self.starts.resize(self.timestamps.len(), 0);
        }
    }

    /// Adds a histogram of the row that is being built.
    pub(crate) fn histogram(&mut self, point: &HistogramPoint) {
        self.encoded.extend(point.timestamp.to_le_bytes());
        self.encoded.extend(point.start.to_le_bytes());
        point.histogram.encode(&mut self.encoded);
    }

    /// Ends the row that is being built.
    pub(crate) fn end_row(&mut self, id: [u8; 16], labels: &[u8], drop_name: bool) {
        self.ids.extend_from_slice(&id);
        self.labels.push(Some(labels));
        self.ends.push(self.timestamps.len() as i32);
        self.histograms.push((!self.encoded.is_empty()).then_some(self.encoded.as_slice()));
        self.encoded.clear();
        self.drop_name.push(drop_name);
    }

    /// The batch.
    pub(crate) fn finish(self, schema: SchemaRef) -> Result<RecordBatch> {
        let rows = self.ends.len();
        let offsets = OffsetBuffer::new(ScalarBuffer::from_iter(std::iter::once(0).chain(self.ends)));
        let timestamps = Arc::new(Int64Array::new(ScalarBuffer::from(self.timestamps), None));
        let values = Arc::new(Float64Array::new(ScalarBuffer::from(self.values), None));
        let starts = if self.starts.is_empty() {
            let offsets = OffsetBuffer::new_zeroed(rows);
            let none = Arc::new(Int64Array::from(Vec::<i64>::new()));
            ListArray::try_new(TIME.clone(), offsets, none, Some(NullBuffer::new_null(rows)))?
        } else {
            let starts = Arc::new(Int64Array::new(ScalarBuffer::from(self.starts), None));
            ListArray::try_new(TIME.clone(), offsets.clone(), starts, None)?
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(FixedSizeBinaryArray::try_new(16, Buffer::from_vec(self.ids), None)?),
            Arc::new(self.labels.finish()?),
            Arc::new(ListArray::try_new(TIME.clone(), offsets.clone(), timestamps, None)?),
            Arc::new(ListArray::try_new(VALUE.clone(), offsets, values, None)?),
            Arc::new(starts),
            Arc::new(self.histograms.finish()?),
            Arc::new(BooleanArray::from(self.drop_name)),
        ];
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}
