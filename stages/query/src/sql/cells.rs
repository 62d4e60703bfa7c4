//! The cells of rows, collected column by column.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Float64Builder, Int32Builder, ListArray, StringBuilder, StructArray,
    TimestampMillisecondBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::common::Result;
use weir_pipeline::{Histogram, Labels};
use weir_promql::histogram::buckets;

use super::columns::{Column, Part, bucket_fields, bucket_item, time_type};

/// The value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sample<'a> {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(&'a Histogram),
}

/// Collects one column.
pub(super) enum Builder {
    Time(TimestampMillisecondBuilder),
    Value(Float64Builder),
    Number(Part, Float64Builder),
    Schema(Int32Builder),
    Buckets(Lists),
    Label(String, StringBuilder),
}

/// Collects the buckets of histograms, of which each row has a list.
#[derive(Default)]
pub(super) struct Lists {
    ends: Vec<i32>,
    is_there: Vec<bool>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    count: Vec<f64>,
}

// === impl Sample ===

impl<'a> Sample<'a> {
    fn float(self) -> Option<f64> {
        match self {
            Self::Float(float) => Some(float),
            Self::Histogram(_) => None,
        }
    }

    fn histogram(self) -> Option<&'a Histogram> {
        match self {
            Self::Float(_) => None,
            Self::Histogram(histogram) => Some(histogram),
        }
    }
}

// === impl Builder ===

impl Builder {
    pub(super) fn new(column: &Column) -> Self {
        match column {
            Column::Time => Self::Time(TimestampMillisecondBuilder::new().with_data_type(time_type())),
            Column::Value => Self::Value(Float64Builder::new()),
            Column::Part(Part::Schema) => Self::Schema(Int32Builder::new()),
            Column::Part(Part::Buckets) => Self::Buckets(Lists::default()),
            Column::Part(part) => Self::Number(*part, Float64Builder::new()),
            Column::Label(name) => Self::Label(name.clone(), StringBuilder::new()),
        }
    }

    /// Adds samples of a series, each with its time.
    pub(super) fn add(&mut self, labels: Labels<'_>, samples: &[(i64, Sample<'_>)]) {
        let all = samples.iter().map(|(_, sample)| *sample);
        match self {
            Self::Time(builder) => samples.iter().for_each(|(time, _)| builder.append_value(*time)),
            Self::Value(builder) => all.for_each(|sample| builder.append_option(sample.float())),
            Self::Number(part, builder) => {
                all.for_each(|sample| builder.append_option(sample.histogram().and_then(|found| part.number(found))));
            }
            Self::Schema(builder) => {
                all.for_each(|sample| builder.append_option(sample.histogram().map(|found| found.schema)));
            }
            Self::Buckets(lists) => all.for_each(|sample| lists.add(sample.histogram())),
            Self::Label(name, builder) => {
                let value = labels.get(name);
                all.for_each(|_| builder.append_option(value));
            }
        }
    }

    /// The column.
    pub(super) fn finish(self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Time(mut builder) => Arc::new(builder.finish()),
            Self::Value(mut builder) | Self::Number(_, mut builder) => Arc::new(builder.finish()),
            Self::Schema(mut builder) => Arc::new(builder.finish()),
            Self::Buckets(lists) => lists.finish()?,
            Self::Label(_, mut builder) => Arc::new(builder.finish()),
        })
    }
}

// === impl Lists ===

impl Lists {
    /// Adds the buckets of a histogram that have observations; NULL where there is no histogram.
    fn add(&mut self, histogram: Option<&Histogram>) {
        for bucket in histogram.into_iter().flat_map(buckets).filter(|bucket| bucket.count != 0.0) {
            self.lower.push(bucket.lower);
            self.upper.push(bucket.upper);
            self.count.push(bucket.count);
        }
        self.ends.push(self.count.len() as i32);
        self.is_there.push(histogram.is_some());
    }

    fn finish(self) -> Result<ArrayRef> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from_iter(std::iter::once(0).chain(self.ends)));
        let floats = |floats: Vec<f64>| Arc::new(Float64Array::from(floats)) as ArrayRef;
        let columns = [self.lower, self.upper, self.count].map(floats).to_vec();
        let buckets = Arc::new(StructArray::try_new(bucket_fields(), columns, None)?);
        let nulls = NullBuffer::from(self.is_there);
        Ok(Arc::new(ListArray::try_new(bucket_item(), offsets, buckets, Some(nulls))?))
    }
}
