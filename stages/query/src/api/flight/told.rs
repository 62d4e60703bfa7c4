//! What is told of the server without asking the pipeline: its catalog, its schema, its types; and that there are no keys.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int32Array, ListArray, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::arrow::compute::like;

use super::proto::{Command, Wanted};
use super::status::{Status, internal, unsupported};
use super::{infos, tables};
use crate::sql::catalog::SCHEMA;
use crate::sql::session::CATALOG;

/// What metrics are, among tables.
pub(super) const TABLE: &str = "TABLE";

/// A type of columns: its name, its number among JDBC's, its size in bits or characters, and what stands around a literal.
struct Type(&'static str, i32, i32, Option<&'static str>);

/// The types, by their numbers.
static TYPES: [Type; 5] = [
    Type("BOOLEAN", -7, 1, None),
    Type("BIGINT", -5, 64, None),
    Type("DOUBLE", 8, 53, None),
    Type("VARCHAR", 12, i32::MAX, Some("'")),
    Type("TIMESTAMP", 93, 23, Some("'")),
];

/// The columns of the answer to a command that is no query.
///
/// # Errors
/// There is no such command.
pub(super) fn schema(command: &Command) -> Result<SchemaRef, Status> {
    match command {
        Command::Tables(wanted) => Ok(tables::schema(wanted.include_schema)),
        other => Ok(batch(other)?.schema()),
    }
}

/// The answer to a command that is no query.
///
/// # Errors
/// There is no such command.
pub(super) fn batch(command: &Command) -> Result<RecordBatch, Status> {
    let told = match command {
        Command::SqlInfo(asked) => infos::batch(&asked.info),
        Command::TypeInfo(asked) => types(asked.data_type),
        Command::Catalogs => texts(&[("catalog_name", false, CATALOG)]),
        Command::TableTypes => texts(&[("table_type", false, TABLE)]),
        Command::Schemas(wanted) => {
            let all = texts(&[("catalog_name", true, CATALOG), ("db_schema_name", false, SCHEMA)]);
            let rows = usize::from(is_in_catalog(wanted)?);
            all.map(|batch| batch.slice(0, rows))
        }
        Command::PrimaryKeys => Ok(RecordBatch::new_empty(primary_keys())),
        Command::ForeignKeys => Ok(RecordBatch::new_empty(foreign_keys())),
        Command::Other(name) => return Err(unsupported(&format!("the command `{name}`"))),
        _ => return Err(unsupported("a statement as it stands here")),
    };
    told.map_err(|error| internal(&error))
}

/// Whether the catalog and the schema that there are, are among those that are wanted.
pub(super) fn is_in_catalog(wanted: &Wanted) -> Result<bool, Status> {
    if wanted.catalog.as_deref().is_some_and(|catalog| catalog != CATALOG) {
        return Ok(false);
    }
    let Some(pattern) = &wanted.db_schema_filter_pattern else { return Ok(true) };
    let found = like(&StringArray::from(vec![SCHEMA]), &StringArray::new_scalar(pattern));
    Ok(found.map_err(|error| internal(&error))?.true_count() > 0)
}

/// A row of texts, each with its column's name and whether that may be NULL.
fn texts(row: &[(&str, bool, &str)]) -> Result<RecordBatch, ArrowError> {
    let fields = row.iter().map(|(name, nullable, _)| Field::new(*name, DataType::Utf8, *nullable));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let column = |(_, _, text): &(&str, bool, &str)| -> ArrayRef { Arc::new(StringArray::from(vec![*text])) };
    RecordBatch::try_new(schema, row.iter().map(column).collect())
}

/// The types of columns, or one of them.
fn types(only: Option<i32>) -> Result<RecordBatch, ArrowError> {
    let all: Vec<&Type> = TYPES.iter().filter(|own| only.is_none_or(|only| only == own.1)).collect();
    let number =
        |of: fn(&Type) -> i32| -> ArrayRef { Arc::new(all.iter().map(|own| Some(of(own))).collect::<Int32Array>()) };
    let quote: ArrayRef = Arc::new(all.iter().map(|own| own.3).collect::<StringArray>());
    let flag = |of: fn(&Type) -> Option<bool>| -> ArrayRef {
        Arc::new(all.iter().map(|own| of(own)).collect::<BooleanArray>())
    };
    let radix = |own: &&Type| own.3.is_none().then_some(2);
    let names: ArrayRef = Arc::new(all.iter().map(|own| Some(own.0)).collect::<StringArray>());
    let parameters = Arc::new(Field::new("item", DataType::Utf8, false));
    let nothing: ArrayRef = Arc::new(ListArray::new_null(parameters.clone(), all.len()));
    let none = |data_type: &DataType| new_null_array(data_type, all.len());
    let columns: [(&str, bool, ArrayRef); 19] = [
        ("type_name", false, names),
        ("data_type", false, number(|own| own.1)),
        ("column_size", true, number(|own| own.2)),
        ("literal_prefix", true, quote.clone()),
        ("literal_suffix", true, quote),
        ("create_params", true, nothing),
        // It may be NULL.
        ("nullable", false, number(|_| 1)),
        ("case_sensitive", false, flag(|own| Some(own.3.is_some()))),
        // In all comparisons, LIKE included.
        ("searchable", false, number(|_| 3)),
        ("unsigned_attribute", true, flag(|own| own.3.is_none().then_some(false))),
        ("fixed_prec_scale", false, flag(|_| Some(false))),
        ("auto_increment", true, none(&DataType::Boolean)),
        ("local_type_name", true, none(&DataType::Utf8)),
        ("minimum_scale", true, none(&DataType::Int32)),
        ("maximum_scale", true, none(&DataType::Int32)),
        ("sql_data_type", false, number(|own| own.1)),
        ("datetime_subcode", true, none(&DataType::Int32)),
        ("num_prec_radix", true, Arc::new(all.iter().map(radix).collect::<Int32Array>())),
        ("interval_precision", true, none(&DataType::Int32)),
    ];
    let field =
        |(name, nullable, column): &(&str, bool, ArrayRef)| Field::new(*name, column.data_type().clone(), *nullable);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, _, column)| column).collect())
}

fn schema_of(fields: &[(&str, DataType, bool)]) -> SchemaRef {
    let field = |(name, data_type, nullable): &(&str, DataType, bool)| Field::new(*name, data_type.clone(), *nullable);
    Arc::new(Schema::new(fields.iter().map(field).collect::<Vec<_>>()))
}

fn primary_keys() -> SchemaRef {
    schema_of(&[
        ("catalog_name", DataType::Utf8, true),
        ("db_schema_name", DataType::Utf8, true),
        ("table_name", DataType::Utf8, false),
        ("column_name", DataType::Utf8, false),
        ("key_name", DataType::Utf8, true),
        ("key_sequence", DataType::Int32, false),
    ])
}

fn foreign_keys() -> SchemaRef {
    schema_of(&[
        ("pk_catalog_name", DataType::Utf8, true),
        ("pk_db_schema_name", DataType::Utf8, true),
        ("pk_table_name", DataType::Utf8, false),
        ("pk_column_name", DataType::Utf8, false),
        ("fk_catalog_name", DataType::Utf8, true),
        ("fk_db_schema_name", DataType::Utf8, true),
        ("fk_table_name", DataType::Utf8, false),
        ("fk_column_name", DataType::Utf8, false),
        ("key_sequence", DataType::Int32, false),
        ("fk_key_name", DataType::Utf8, true),
        ("pk_key_name", DataType::Utf8, true),
        ("update_rule", DataType::UInt8, false),
        ("delete_rule", DataType::UInt8, false),
    ])
}
