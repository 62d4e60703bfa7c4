//! Columns, encodings and file properties.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use weir_pipeline::labels::ENCODING_VERSION;
use weir_pipeline::{Error, Result};

use super::{FLOATS_FORMAT, FORMAT, extras};
use crate::extras::Summary;

/// The most label names with a column of their own in a block.
pub(super) const MAX_PROMOTED: usize = 256;
/// What stands before a label's name in the name of its column.
pub(super) const LABEL: &str = "l_";
/// The kind of a series of floats.
pub(super) const FLOATS: u8 = 0;
/// The kind of a series that has native histograms.
pub(super) const HISTOGRAMS: u8 = 1;
/// The kind of a series of floats that have starts. To older programs it is as one of floats alone.
pub(super) const SINCE: u8 = 2;
/// The column of native histograms.
pub(super) const HISTOGRAM: &str = "histogram";
/// The column of start timestamps.
pub(super) const START: &str = "start_ts";

/// What a samples file has places for beside floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// Starts. A file with native histograms has places for them in any case.
    pub(crate) starts: bool,
    /// Native histograms.
    pub(crate) histograms: bool,
}

const PAGE_BYTES: usize = 128 << 10;
/// Whoever reads one series decodes all of a page that stands before it.
const PAGE_ROWS: usize = 16 << 10;
const ZSTD: i32 = 3;

/// A dictionary of texts.
pub(super) fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The columns of the series file, with those of the promoted labels, and of what it has beside series.
pub(super) fn series(promoted: &[&str], summary: Summary) -> SchemaRef {
    let mut fields = vec![
        Field::new("series_ref", DataType::UInt32, false),
        Field::new("series_id", DataType::FixedSizeBinary(16), false),
        Field::new("metric", dictionary(), false),
        Field::new("kind", DataType::UInt8, false),
        Field::new("min_ts", DataType::Int64, true),
        Field::new("max_ts", DataType::Int64, true),
        Field::new("runs", DataType::List(Arc::new(Field::new("item", DataType::UInt32, false))), false),
    ];
    fields.extend(promoted.iter().map(|name| Field::new(format!("{LABEL}{name}"), dictionary(), true)));
    fields.push(Field::new("labels_rest", map(), true));
    fields.extend(extras::fields(summary));
    Arc::new(Schema::new(fields))
}

/// A map of texts.
pub(super) fn map() -> DataType {
    let entries = vec![Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::Utf8, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries.into()), false)), false)
}

/// The columns of the samples file, with places for what it has beside floats.
pub(super) fn samples(beside: Beside) -> SchemaRef {
    let mut fields = vec![
        Field::new("series_ref", DataType::UInt32, false),
        Field::new("ts", DataType::Int64, false),
        Field::new("mant", DataType::Int64, true),
        Field::new("scale", DataType::Int8, true),
        Field::new("val", DataType::Float64, true),
    ];
    fields.extend(beside_floats(beside));
    Arc::new(Schema::new(fields))
}

/// The columns that a block of floats alone does not have.
pub(crate) fn beside_floats(Beside { starts, histograms }: Beside) -> Vec<Field> {
    let mut fields = Vec::new();
    if starts || histograms {
        fields.push(Field::new(START, DataType::Int64, true));
    }
    if histograms {
        fields.push(Field::new(HISTOGRAM, DataType::Struct(histogram()), true));
    }
    fields
}

/// What the column of native histograms is made of.
pub(super) fn histogram() -> Fields {
    let list = |of: DataType| DataType::List(item(of));
    let mut fields = vec![("reset".to_owned(), DataType::Int8), ("schema".to_owned(), DataType::Int32)];
    fields.extend(["zero_threshold", "zero_count", "count", "sum"].map(|name| (name.to_owned(), DataType::Float64)));
    for sign in ["positive", "negative"] {
        fields.push((format!("{sign}_offsets"), list(DataType::Int32)));
        fields.push((format!("{sign}_lengths"), list(DataType::Int32)));
        fields.push((format!("{sign}_counts"), list(DataType::Float64)));
    }
    fields.push(("custom_bounds".to_owned(), list(DataType::Float64)));
    // All may be null, as tables of Delta Lake have it.
    fields.into_iter().map(|(name, of)| Field::new(name, of, true)).collect()
}

/// The items of a list.
pub(super) fn item(of: DataType) -> FieldRef {
    Arc::new(Field::new("item", of, true))
}

fn common() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD).unwrap_or_default()))
        .set_created_by(format!("weir {}", env!("CARGO_PKG_VERSION")))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_data_page_row_count_limit(PAGE_ROWS)
        // Row groups end where the writer says.
        .set_max_row_group_row_count(None)
}

/// How the series file is written.
pub(super) fn series_properties() -> WriterProperties {
    common().set_data_page_row_count_limit(16 << 10).set_max_row_group_row_count(Some(128 << 10)).build()
}

/// How the samples file is written.
pub(super) fn samples_properties() -> WriterProperties {
    let column = |name: &str| ColumnPath::from(name);
    let mut properties = common().set_statistics_enabled(EnabledStatistics::None);
    for name in ["series_ref", "ts"] {
        properties = properties.set_column_statistics_enabled(column(name), EnabledStatistics::Page);
    }
    for (name, encoding) in [
        ("ts", Encoding::DELTA_BINARY_PACKED),
        ("mant", Encoding::DELTA_BINARY_PACKED),
        ("val", Encoding::BYTE_STREAM_SPLIT),
    ] {
        properties =
            properties.set_column_dictionary_enabled(column(name), false).set_column_encoding(column(name), encoding);
    }
    properties.build()
}

/// The format of a block, with native histograms or without: one that has none is as older programs write and read it.
pub(super) fn format(histograms: bool) -> u32 {
    if histograms { FORMAT } else { FLOATS_FORMAT }
}

/// What every file of a block of this format says of itself.
pub(super) fn stamp(format: u32) -> Vec<KeyValue> {
    vec![
        KeyValue::new("weir.format".to_owned(), format.to_string()),
        KeyValue::new("weir.encoding".to_owned(), ENCODING_VERSION.to_string()),
    ]
}

/// Refuses a file of a later format.
///
/// # Errors
/// The file is of a later format, or not one of ours.
pub(super) fn check(metadata: &ParquetMetaData, file: &str) -> Result<()> {
    let pairs: BTreeMap<&str, &str> = metadata
        .file_metadata()
        .key_value_metadata()
        .into_iter()
        .flatten()
        .filter_map(|kv| Some((kv.key.as_str(), kv.value.as_deref()?)))
        .collect();
    for (key, known) in [("weir.format", FORMAT), ("weir.encoding", u32::from(ENCODING_VERSION))] {
        match pairs.get(key).and_then(|text| text.parse::<u32>().ok()) {
            Some(version) if version <= known => {}
            Some(version) => {
                let message = format!("`{file}` has {key} {version}, this program reads up to {known}");
                return Err(Error::unprocessable(message));
            }
            None => return Err(Error::internal(format!("`{file}` is not a file of a block: it has no {key}"))),
        }
    }
    Ok(())
}
