//! The columns of a table of samples: `time`, `value`, and one for each label.
//!
//! Shape: a label's column has the label's name. Labels called `time` or `value` would hide the others: theirs are
//! `label_time` and `label_value`, and labels of these names in turn get one more `label_` before them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

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
    schema: SchemaRef,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// When.
    Time,
    /// How much.
    Value,
    /// The value of a label, NULL where a series lacks it.
    Label(String),
}

/// The type of times.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// The name of a label's column.
fn column_of(label: &str) -> String {
    let mut bare = label;
    while let Some(rest) = bare.strip_prefix(PREFIX) {
        bare = rest;
    }
    if [TIME, VALUE].contains(&bare) { format!("{PREFIX}{label}") } else { label.to_owned() }
}

// === impl Columns ===

impl Columns {
    /// The columns where there are these labels.
    pub(crate) fn new(labels: BTreeSet<String>) -> Self {
        let mut fields = vec![Field::new(TIME, time_type(), false), Field::new(VALUE, DataType::Float64, false)];
        // Series that come meanwhile may lack any label.
        fields.extend(labels.iter().map(|label| Field::new(column_of(label), DataType::Utf8, true)));
        Self { labels: labels.into_iter().collect(), schema: Arc::new(Schema::new(fields)) }
    }

    /// Their names and types.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What the columns hold, in their order.
    pub(crate) fn all(&self) -> Vec<Column> {
        let labels = self.labels.iter().cloned().map(Column::Label);
        [Column::Time, Column::Value].into_iter().chain(labels).collect()
    }

    /// What the column of this name holds.
    pub(crate) fn get(&self, name: &str) -> Option<Column> {
        let (index, _) = self.schema.column_with_name(name)?;
        match index {
            0 => Some(Column::Time),
            1 => Some(Column::Value),
            index => self.labels.get(index - 2).cloned().map(Column::Label),
        }
    }
}

#[cfg(test)]
mod tests;
