//! Samples as columns of the samples file.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Array, Float64Builder, Int8Array, Int8Builder, Int32Array, Int64Builder, ListArray,
    StructArray, UInt32Builder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use weir_pipeline::histogram::Buckets;
use weir_pipeline::{Histogram, HistogramPoint};

use super::schema::{self, Beside};
use crate::decimal::{self, Decimal};
use crate::starts;
use crate::store::shelf::Samples;

/// Samples of some series, as they are collected.
pub(super) struct Columns {
    refs: UInt32Builder,
    ts: Int64Builder,
    mants: Int64Builder,
    scales: Int8Builder,
    vals: Float64Builder,
    /// `None` where the file has no places for them.
    starts: Option<Int64Builder>,
    /// Likewise.
    histograms: Option<Histograms>,
}

/// Native histograms, and what is null where there is none.
#[derive(Default)]
struct Histograms {
    valid: Vec<bool>,
    reset: Vec<i8>,
    schema: Vec<i32>,
    /// Zero threshold, zero count, count, sum.
    numbers: [Vec<f64>; 4],
    /// Positive, negative.
    sides: [Side; 2],
    bounds: List<f64>,
}

/// The buckets of one sign: offsets and lengths of spans, counts.
#[derive(Default)]
struct Side {
    offsets: List<i32>,
    lengths: List<i32>,
    counts: List<f64>,
}

/// Lists one after the other, and how long each is.
struct List<T> {
    items: Vec<T>,
    lengths: Vec<usize>,
}

// === impl Columns ===

impl Columns {
    /// Room for `count` samples, in the columns of [`schema::samples`].
    pub(super) fn new(count: usize, Beside { starts, histograms }: Beside) -> Self {
        Self {
            refs: UInt32Builder::with_capacity(count),
            ts: Int64Builder::with_capacity(count),
            mants: Int64Builder::with_capacity(count),
            scales: Int8Builder::with_capacity(count),
            vals: Float64Builder::with_capacity(count),
            starts: (starts || histograms).then(|| Int64Builder::with_capacity(count)),
            histograms: histograms.then(Histograms::default),
        }
    }

    /// Adds the samples of a series.
    pub(super) fn add(&mut self, reference: u32, samples: &Samples) {
        self.refs.append_value_n(reference, samples.len());
        let decimals = decimal::Run::of(&samples.values).decimals;
        if samples.histograms.is_empty() {
            self.ts.append_slice(&samples.timestamps);
            samples.values.iter().zip(decimals).for_each(|(value, decimal)| self.value(Some(*value), decimal));
            self.starts(&samples.starts, samples.timestamps.len());
            self.no_histograms(samples.timestamps.len());
            return;
        }
        let mut histograms = samples.histograms.iter().peekable();
        let floats = samples.timestamps.iter().zip(&samples.values).zip(starts::each(&samples.starts));
        for (((ts, value), start), decimal) in floats.zip(decimals) {
            while let Some(point) = histograms.next_if(|point| point.timestamp < *ts) {
                self.histogram(point);
            }
            self.ts.append_value(*ts);
            self.value(Some(*value), decimal);
            self.start(start);
            self.no_histograms(1);
        }
        histograms.for_each(|point| self.histogram(point));
    }

    fn value(&mut self, value: Option<f64>, decimal: Option<Decimal>) {
        self.mants.append_option(decimal.map(|d| d.mantissa));
        self.scales.append_option(decimal.map(|d| d.scale as i8));
        self.vals.append_option(value.filter(|_| decimal.is_none()));
    }

    fn histogram(&mut self, point: &HistogramPoint) {
        self.ts.append_value(point.timestamp);
        self.value(None, None);
        self.start(point.start);
        if let Some(histograms) = &mut self.histograms {
            histograms.add(point);
        }
    }

    fn start(&mut self, start: i64) {
        if let Some(column) = &mut self.starts {
            column.append_option((start != 0).then_some(start));
        }
    }

    /// Those of `count` floats, where any is known.
    fn starts(&mut self, starts: &[i64], count: usize) {
        match &mut self.starts {
            Some(column) if starts.is_empty() => column.append_nulls(count),
            _ => starts.iter().for_each(|start| self.start(*start)),
        }
    }

    fn no_histograms(&mut self, count: usize) {
        if let Some(histograms) = &mut self.histograms {
            (0..count).for_each(|_| histograms.add_null());
        }
    }

    /// The columns, in the order of [`schema::samples`].
    pub(super) fn finish(mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.refs.finish()),
            Arc::new(self.ts.finish()),
            Arc::new(self.mants.finish()),
            Arc::new(self.scales.finish()),
            Arc::new(self.vals.finish()),
        ];
        if let Some(mut starts) = self.starts {
            columns.push(Arc::new(starts.finish()));
        }
        if let Some(histograms) = self.histograms {
            columns.push(histograms.finish()?);
        }
        Ok(columns)
    }
}

// === impl Histograms ===

impl Histograms {
    fn add(&mut self, point: &HistogramPoint) {
        self.valid.push(true);
        self.push(&point.histogram);
    }

    fn add_null(&mut self) {
        self.valid.push(false);
        self.push(&Histogram::default());
    }

    fn push(&mut self, histogram: &Histogram) {
        self.reset.push(histogram.reset.code() as i8);
        self.schema.push(histogram.schema);
        let numbers = [histogram.zero_threshold, histogram.zero_count, histogram.count, histogram.sum];
        self.numbers.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
        self.sides.iter_mut().zip([&histogram.positive, &histogram.negative]).for_each(|(side, own)| side.push(own));
        self.bounds.push(histogram.custom.iter().copied());
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        let mut arrays: Vec<ArrayRef> =
            vec![Arc::new(Int8Array::from(self.reset)), Arc::new(Int32Array::from(self.schema))];
        arrays.extend(self.numbers.map(|numbers| Arc::new(Float64Array::from(numbers)) as ArrayRef));
        for side in self.sides {
            arrays.push(side.offsets.finish(DataType::Int32, |items| Arc::new(Int32Array::from(items)))?);
            arrays.push(side.lengths.finish(DataType::Int32, |items| Arc::new(Int32Array::from(items)))?);
            arrays.push(side.counts.finish(DataType::Float64, |items| Arc::new(Float64Array::from(items)))?);
        }
        arrays.push(self.bounds.finish(DataType::Float64, |items| Arc::new(Float64Array::from(items)))?);
        let valid = NullBuffer::from(self.valid);
        let histograms = StructArray::try_new(schema::histogram(), arrays, Some(valid))?;
        Ok(Arc::new(histograms))
    }
}

// === impl Side ===

impl Side {
    fn push(&mut self, buckets: &Buckets) {
        self.offsets.push(buckets.spans.iter().map(|span| span.offset));
        // A span has at most as many buckets as a histogram may have.
        self.lengths.push(buckets.spans.iter().map(|span| span.length as i32));
        self.counts.push(buckets.counts.iter().copied());
    }
}

// === impl List ===

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), lengths: Vec::new() }
    }
}

impl<T> List<T> {
    fn push(&mut self, items: impl Iterator<Item = T>) {
        let before = self.items.len();
        self.items.extend(items);
        self.lengths.push(self.items.len() - before);
    }

    fn finish(self, item: DataType, array: impl FnOnce(Vec<T>) -> ArrayRef) -> Result<ArrayRef, ArrowError> {
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let values = array(self.items);
        debug_assert_eq!(*values.data_type(), item);
        Ok(Arc::new(ListArray::try_new(schema::item(item), offsets, values, None)?))
    }
}
