//! The columns of a table of samples: `time`, `value`, where there are native histograms those of [`Part`], and one for each
//! label.
//!
//! Shape: a label's column has the label's name. Labels called `time` or `value` would hide the others: theirs are
//! `label_time` and `label_value`, and labels of these names in turn get one more `label_` before them. So it is with
//! the names of a histogram's parts, where the table has these.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use weir_pipeline::Histogram;

/// The column of times.
pub(crate) const TIME: &str = "time";
/// The column of values.
pub(crate) const VALUE: &str = "value";

/// What stands before the name of a label that would hide another column.
const PREFIX: &str = "label_";

/// The columns of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Columns {
    labels: Vec<String>,
    histograms: bool,
    schema: SchemaRef,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// When.
    Time,
    /// How much, NULL where it is a native histogram.
    Value,
    /// Something of a native histogram, NULL where it is a number.
    Part(Part),
    /// The value of a label, NULL where a series lacks it.
    Label(String),
}

/// What a native histogram has a column for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// How many observations there are.
    Count,
    /// Their sum.
    Sum,
    /// Which buckets there may be.
    Schema,
    /// How far the zero bucket reaches.
    ZeroThreshold,
    /// How many observations it has.
    ZeroCount,
    /// The buckets that have observations, upwards: `lower`, `upper`, `count`.
    Buckets,
}

/// All parts, in the order of their columns.
const PARTS: [Part; 6] = [Part::Count, Part::Sum, Part::Schema, Part::ZeroThreshold, Part::ZeroCount, Part::Buckets];

/// The type of times.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// What a bucket is made of.
pub(super) fn bucket_fields() -> Fields {
    ["lower", "upper", "count"].map(|name| Field::new(name, DataType::Float64, false)).to_vec().into()
}

/// A bucket in a list.
pub(super) fn bucket_item() -> FieldRef {
    Arc::new(Field::new("item", DataType::Struct(bucket_fields()), false))
}

/// The name of a label's column, where there are native histograms or not.
fn column_of(label: &str, histograms: bool) -> String {
    let mut bare = label;
    while let Some(rest) = bare.strip_prefix(PREFIX) {
        bare = rest;
    }
    let is_taken = [TIME, VALUE].contains(&bare) || histograms && PARTS.iter().any(|part| part.name() == bare);
    if is_taken { format!("{PREFIX}{label}") } else { label.to_owned() }
}

// === impl Part ===

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Schema => "schema",
            Self::ZeroThreshold => "zero_threshold",
            Self::ZeroCount => "zero_count",
            Self::Buckets => "buckets",
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Schema => DataType::Int32,
            Self::Buckets => DataType::List(bucket_item()),
            _ => DataType::Float64,
        }
    }

    /// The number of a histogram; `None` where it is not a float.
    pub(super) fn number(self, of: &Histogram) -> Option<f64> {
        match self {
            Self::Count => Some(of.count),
            Self::Sum => Some(of.sum),
            Self::ZeroThreshold => Some(of.zero_threshold),
            Self::ZeroCount => Some(of.zero_count),
            Self::Schema | Self::Buckets => None,
        }
    }
}

// === impl Columns ===

impl Columns {
    /// The columns where there are these labels, and native histograms or not.
    pub(crate) fn new(labels: BTreeSet<String>, histograms: bool) -> Self {
        let mut fields = vec![Field::new(TIME, time_type(), false), Field::new(VALUE, DataType::Float64, histograms)];
        if histograms {
            fields.extend(PARTS.iter().map(|part| Field::new(part.name(), part.data_type(), true)));
        }
        // Series that come meanwhile may lack any label.
        fields.extend(labels.iter().map(|label| Field::new(column_of(label, histograms), DataType::Utf8, true)));
        Self { labels: labels.into_iter().collect(), histograms, schema: Arc::new(Schema::new(fields)) }
    }

    /// Their names and types.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What the columns hold, in their order.
    pub(crate) fn all(&self) -> Vec<Column> {
        let labels = self.labels.iter().cloned().map(Column::Label);
        let parts = PARTS.into_iter().filter(|_| self.histograms).map(Column::Part);
        [Column::Time, Column::Value].into_iter().chain(parts).chain(labels).collect()
    }

    /// What the column of this name holds.
    pub(crate) fn get(&self, name: &str) -> Option<Column> {
        let (index, _) = self.schema.column_with_name(name)?;
        self.all().into_iter().nth(index)
    }
}

#[cfg(test)]
mod tests;
