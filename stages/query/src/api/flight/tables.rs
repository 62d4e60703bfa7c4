//! Tables: one for each metric of the tenant, with their columns where these are asked for.

use std::mem;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, BooleanArray, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::arrow::compute::{cast, like};
use datafusion::arrow::ipc::reader::StreamReader;
use weir_pipeline::RowForm;

use super::frames::of_schema;
use super::proto::Wanted;
use super::statement::Asker;
use super::status::{Code, Status, internal};
use super::told::{TABLE, is_in_catalog};
use crate::sql::catalog::SCHEMA;
use crate::sql::columns::{TIME, VALUE, time_type};
use crate::sql::session::CATALOG;

/// All columns of all metrics, those of a table one after the other.
const COLUMNS: &str = "SELECT table_name, column_name FROM information_schema.columns \
                       WHERE table_schema = 'metrics' ORDER BY table_name, ordinal_position";

/// How many bytes their names may take, to be told.
const MOST: usize = 256 << 20;

/// Collects tables from their columns, in the order of their names.
#[derive(Default)]
struct Tables {
    names: Vec<String>,
    /// The columns of each, as a message of the IPC format.
    schemas: Vec<Vec<u8>>,
    fields: Vec<Field>,
}

/// The columns of the answer.
pub(super) fn schema(with_schemas: bool) -> SchemaRef {
    let mut fields = vec![
        Field::new("catalog_name", DataType::Utf8, true),
        Field::new("db_schema_name", DataType::Utf8, true),
        Field::new("table_name", DataType::Utf8, false),
        Field::new("table_type", DataType::Utf8, false),
    ];
    if with_schemas {
        fields.push(Field::new("table_schema", DataType::Binary, false));
    }
    Arc::new(Schema::new(fields))
}

/// The tables that are asked for.
///
/// # Errors
/// Those of the query that looks them up; there are too many.
pub(super) async fn batch(asker: Asker<'_>, wanted: &Wanted) -> Result<RecordBatch, Status> {
    let is_table = wanted.table_types.is_empty() || wanted.table_types.iter().any(|kind| kind == TABLE);
    if !is_table || !is_in_catalog(wanted)? {
        return Ok(RecordBatch::new_empty(schema(wanted.include_schema)));
    }
    let (mut reading, _) = asker.ask(COLUMNS, RowForm::Arrow).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = reading.piece().await? {
        if bytes.len() + piece.len() > MOST {
            return Err(Status::new(
                Code::ResourceExhausted,
                format!("the names of all columns take more than {MOST} bytes"),
            ));
        }
        bytes.extend_from_slice(&piece);
    }
    drop(reading);
    let wanted = wanted.clone();
    // There may be many.
    let told = tokio::task::spawn_blocking(move || tables(&bytes, &wanted)).await.map_err(|error| internal(&error))?;
    told.map_err(|error| internal(&error))
}

/// The tables whose columns stand in an IPC stream.
fn tables(bytes: &[u8], wanted: &Wanted) -> Result<RecordBatch, ArrowError> {
    let mut tables = Tables::default();
    for batch in StreamReader::try_new(bytes, None)? {
        tables.add(&batch?)?;
    }
    tables.end_of_table()?;
    let Tables { names, schemas, .. } = tables;
    let names = StringArray::from(names);
    let is_wanted = match &wanted.table_name_filter_pattern {
        Some(pattern) => like(&names, &StringArray::new_scalar(pattern))?,
        None => BooleanArray::from(vec![true; schemas.len()]),
    };
    let constant = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; schemas.len()])) };
    let mut columns = vec![constant(CATALOG), constant(SCHEMA), Arc::new(names), constant(TABLE)];
    if wanted.include_schema {
        columns.push(Arc::new(BinaryArray::from_iter_values(&schemas)));
    }
    let batch = RecordBatch::try_new(schema(wanted.include_schema), columns)?;
    datafusion::arrow::compute::filter_record_batch(&batch, &is_wanted)
}

// === impl Tables ===

impl Tables {
    fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let [names, columns] = batch.columns() else {
            return Err(ArrowError::SchemaError("expected two columns".into()));
        };
        let (names, columns) = (cast(names, &DataType::Utf8)?, cast(columns, &DataType::Utf8)?);
        for (name, column) in names.as_string::<i32>().iter().zip(columns.as_string::<i32>()) {
            let (Some(name), Some(column)) = (name, column) else { continue };
            if self.names.last().is_none_or(|last| last != name) {
                self.end_of_table()?;
                self.names.push(name.to_owned());
            }
            self.fields.push(match column {
                TIME => Field::new(TIME, time_type(), false),
                VALUE => Field::new(VALUE, DataType::Float64, false),
                label => Field::new(label, DataType::Utf8, true),
            });
        }
        Ok(())
    }

    fn end_of_table(&mut self) -> Result<(), ArrowError> {
        if self.schemas.len() < self.names.len() {
            let schema = Schema::new(mem::take(&mut self.fields));
            let bytes = of_schema(&schema).map_err(|_| ArrowError::SchemaError("expected columns".into()))?;
            self.schemas.push(bytes.into());
        }
        Ok(())
    }
}
