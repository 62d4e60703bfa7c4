//! Native histograms out of the columns of the samples file.

use std::sync::Arc;

use arrow::array::{
    Array, AsArray, Float64Array, Int8Array, Int32Array, Int64Array, ListArray, RecordBatch, StructArray,
};
use arrow::datatypes::{ArrowPrimitiveType, Float64Type, Int8Type, Int32Type};
use weir_pipeline::histogram::{BucketSpan, Buckets, ResetHint};
use weir_pipeline::{Histogram, HistogramPoint};

use super::damage::Damage;
use super::schema::{HISTOGRAM, START};

/// The columns of native histograms in a batch.
pub(super) struct Histograms<'a> {
    timestamps: &'a Int64Array,
    starts: &'a Int64Array,
    all: &'a StructArray,
    reset: &'a Int8Array,
    schema: &'a Int32Array,
    numbers: [&'a Float64Array; 4],
    sides: [Side<'a>; 2],
    bounds: &'a ListArray,
}

/// The buckets of one sign.
struct Side<'a> {
    offsets: &'a ListArray,
    lengths: &'a ListArray,
    counts: &'a ListArray,
}

// === impl Histograms ===

impl<'a> Histograms<'a> {
    /// Those of a batch; `None` where it has no such columns.
    pub(super) fn of(
        batch: &'a RecordBatch,
        timestamps: &'a Int64Array,
        starts: Option<&'a Int64Array>,
    ) -> Result<Option<Self>, Damage> {
        let Some(all) = batch.column_by_name(HISTOGRAM) else { return Ok(None) };
        let all = all.as_struct_opt().ok_or_else(|| wrong(HISTOGRAM))?;
        let side = |sign: &str| {
            let list = |what: &str| list(all, &format!("{sign}_{what}"));
            Ok::<_, Damage>(Side { offsets: list("offsets")?, lengths: list("lengths")?, counts: list("counts")? })
        };
        Ok(Some(Self {
            timestamps,
            starts: starts.ok_or_else(|| wrong(START))?,
            all,
            reset: primitive::<Int8Type>(all, "reset")?,
            schema: primitive::<Int32Type>(all, "schema")?,
            numbers: [
                primitive::<Float64Type>(all, "zero_threshold")?,
                primitive::<Float64Type>(all, "zero_count")?,
                primitive::<Float64Type>(all, "count")?,
                primitive::<Float64Type>(all, "sum")?,
            ],
            sides: [side("positive")?, side("negative")?],
            bounds: list(all, "custom_bounds")?,
        }))
    }

    /// The one of a row, where there is one.
    pub(super) fn row(&self, row: usize) -> Result<Option<HistogramPoint>, Damage> {
        if self.all.is_null(row) {
            return Ok(None);
        }
        let [zero_threshold, zero_count, count, sum] = self.numbers.map(|column| column.value(row));
        let reset =
            ResetHint::of(self.reset.value(row).cast_unsigned()).ok_or("a histogram has an unknown reset hint")?;
        let histogram = Histogram {
            reset,
            schema: self.schema.value(row),
            zero_threshold,
            zero_count,
            count,
            sum,
            positive: self.sides[0].row(row)?,
            negative: self.sides[1].row(row)?,
            custom: items::<Float64Type>(self.bounds, row)?,
        };
        if !histogram.is_whole() {
            return Err("a histogram has spans that are not those of its buckets".into());
        }
        let start = if self.starts.is_null(row) { 0 } else { self.starts.value(row) };
        Ok(Some(HistogramPoint { timestamp: self.timestamps.value(row), start, histogram: Arc::new(histogram) }))
    }
}

// === impl Side ===

impl Side<'_> {
    fn row(&self, row: usize) -> Result<Buckets, Damage> {
        let (offsets, lengths) = (items::<Int32Type>(self.offsets, row)?, items::<Int32Type>(self.lengths, row)?);
        if offsets.len() != lengths.len() {
            return Err("a histogram has spans without an offset or a length".into());
        }
        let span = |(offset, length): (i32, i32)| BucketSpan { offset, length: length.cast_unsigned() };
        let spans = offsets.into_iter().zip(lengths).map(span).collect();
        Ok(Buckets { spans, counts: items::<Float64Type>(self.counts, row)? })
    }
}

fn primitive<'a, T: ArrowPrimitiveType>(
    all: &'a StructArray,
    name: &str,
) -> Result<&'a arrow::array::PrimitiveArray<T>, Damage> {
    all.column_by_name(name).and_then(|column| column.as_primitive_opt::<T>()).ok_or_else(|| wrong(name))
}

fn list<'a>(all: &'a StructArray, name: &str) -> Result<&'a ListArray, Damage> {
    all.column_by_name(name).and_then(|column| column.as_list_opt::<i32>()).ok_or_else(|| wrong(name))
}

fn items<T: ArrowPrimitiveType>(list: &ListArray, row: usize) -> Result<Vec<T::Native>, Damage> {
    let items = list.value(row);
    let items = items.as_primitive_opt::<T>().ok_or_else(|| wrong("of a histogram"))?;
    Ok(items.values().to_vec())
}

fn wrong(name: &str) -> Damage {
    format!("the column {name} is missing or of another type").into()
}
