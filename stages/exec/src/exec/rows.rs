//! Batches as rows of Arrow, and rows as batches.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Builder, Int64Builder, MapBuilder, MapFieldNames, RecordBatch, StringArray,
    StringBuilder, UInt64Array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit, UInt64Type};
use arrow::error::ArrowError;
use weir_pipeline::Batch;
use weir_pipeline::labels::encode_label;

/// What a row takes beside labels and tenant, and a label beside its name and value, in bytes.
const ROW: usize = 48;
const LABEL: usize = 8;

/// The columns.
pub(super) fn schema() -> SchemaRef {
    let entry = Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)]);
    let labels = DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false);
    Arc::new(Schema::new(vec![
        Field::new("batch", DataType::UInt64, false),
        Field::new("tenant", DataType::Utf8, false),
        Field::new("labels", labels, false),
        Field::new("timestamp", DataType::Int64, false),
        Field::new("value", DataType::Float64, false),
        Field::new("start_timestamp", DataType::Int64, true),
    ]))
}

/// About how many bytes a batch takes as rows.
pub(super) fn size(batch: &Batch) -> u64 {
    let tenant = batch.tenant().as_str().len();
    let row =
        |labels: weir_pipeline::Labels<'_>| ROW + tenant + labels.encoded().len() + LABEL * labels.pairs().count();
    batch.iter().map(|series| (series.timestamps.len() as u64).saturating_mul(row(series.labels) as u64)).sum()
}

/// The rows of a batch with a number. The batch must not be larger than 1 GiB by [`size`].
///
/// # Errors
/// Arrow finds fault with the rows, which would be one of the program.
pub(super) fn question(batch: &Batch, number: u64) -> Result<RecordBatch, ArrowError> {
    let rows = batch.float_count();
    let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
    let mut labels = MapBuilder::with_capacity(Some(names), StringBuilder::new(), StringBuilder::new(), rows);
    let mut timestamps = Int64Builder::with_capacity(rows);
    let mut values = Float64Builder::with_capacity(rows);
    let mut starts = Int64Builder::with_capacity(rows);
    for series in batch.iter() {
        timestamps.append_slice(series.timestamps);
        values.append_slice(series.values);
        for i in 0..series.timestamps.len() {
            for (name, value) in series.labels.iter() {
                labels.keys().append_value(name);
                labels.values().append_value(value);
            }
            labels.append(true)?;
            starts.append_option(series.start_timestamps.get(i).copied().filter(|start| *start != 0));
        }
    }
    let tenant = StringArray::from_iter_values(std::iter::repeat_n(batch.tenant().as_str(), rows));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from_value(number, rows)),
        Arc::new(tenant),
        Arc::new(labels.finish()),
        Arc::new(timestamps.finish()),
        Arc::new(values.finish()),
        Arc::new(starts.finish()),
    ];
    RecordBatch::try_new(schema(), columns)
}

/// The batch that rows are, which answer the batch `asked` of this number.
///
/// # Errors
/// Why they are no answer.
pub(super) fn answer(rows: &RecordBatch, asked: &Batch, number: u64) -> Result<Batch, String> {
    let numbers = numbers(rows, "batch", &DataType::UInt64)?;
    if let Some(other) = numbers.as_primitive::<UInt64Type>().values().iter().find(|other| **other != number) {
        return Err(format!("expected rows of batch {number}, got one of batch {other}"));
    }
    let tenants = texts(column(rows, "tenant")?).ok_or_else(|| mismatch(rows, "tenant", "utf8"))?;
    let tenant = asked.tenant();
    if tenants.null_count() > 0 || (0..tenants.len()).any(|row| tenants.value(row) != tenant.as_str()) {
        return Err(format!("expected rows of the tenant `{tenant}` only"));
    }
    let timestamps = self::numbers(rows, "timestamp", &DataType::Int64)?;
    let values = self::numbers(rows, "value", &DataType::Float64)?;
    let starts = numbers_or_nulls(rows, "start_timestamp", &DataType::Int64)?;
    let (timestamps, starts) = (timestamps.as_primitive::<Int64Type>(), starts.as_primitive::<Int64Type>());
    let values = values.as_primitive::<Float64Type>();
    let labels = LabelColumn::new(rows)?;
    let mut out = Batch::builder(tenant.clone());
    let (mut last, mut encoded) = (Vec::new(), Vec::new());
    for row in 0..rows.num_rows() {
        encoded.clear();
        labels.encode(row, &mut encoded)?;
        if row == 0 || encoded != last {
            out.series_with(|all| all.extend_from_slice(&encoded));
            std::mem::swap(&mut last, &mut encoded);
        }
        let start = if starts.is_null(row) { 0 } else { starts.value(row) };
        out.sample_since(start, timestamps.value(row), values.value(row));
    }
    for metadata in asked.metadata() {
        out.metadata(metadata.clone());
    }
    Ok(out.build())
}

fn column<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, String> {
    rows.column_by_name(name).ok_or_else(|| format!("expected a column `{name}`, got none"))
}

fn mismatch(rows: &RecordBatch, name: &str, expected: &str) -> String {
    let got = rows.column_by_name(name).map_or(DataType::Null, |column| column.data_type().clone());
    format!("expected the column `{name}` as {expected}, got {got}")
}

/// A column of numbers without nulls, as the type that is wanted.
fn numbers(rows: &RecordBatch, name: &str, as_type: &DataType) -> Result<ArrayRef, String> {
    let numbers = numbers_or_nulls(rows, name, as_type)?;
    if numbers.null_count() > 0 {
        Err(format!("expected a value in each row of `{name}`, got a null"))
    } else {
        Ok(numbers)
    }
}

fn numbers_or_nulls(rows: &RecordBatch, name: &str, as_type: &DataType) -> Result<ArrayRef, String> {
    let column = column(rows, name)?;
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let convert = |column: &ArrayRef, to: &DataType| {
        cast_with_options(column, to, &strict).map_err(|error| format!("the column `{name}`: {error}"))
    };
    match column.data_type() {
        same if same == as_type => Ok(column.clone()),
        DataType::Timestamp(_, zone) if *as_type == DataType::Int64 => {
            let milliseconds = convert(column, &DataType::Timestamp(TimeUnit::Millisecond, zone.clone()))?;
            convert(&milliseconds, as_type)
        }
        kind if kind.is_integer() || (kind.is_floating() && *as_type == DataType::Float64) => convert(column, as_type),
        // A column of nulls that nobody gave a type.
        DataType::Null => convert(column, as_type),
        _ => Err(mismatch(rows, name, &as_type.to_string())),
    }
}

/// A column of texts, where it is one. Others may take far more room than they came in.
fn texts(column: &ArrayRef) -> Option<StringArray> {
    match column.data_type() {
        DataType::Utf8 => column.as_string_opt::<i32>().cloned(),
        DataType::LargeUtf8 => {
            cast_with_options(column, &DataType::Utf8, &CastOptions::default()).ok()?.as_string_opt::<i32>().cloned()
        }
        _ => None,
    }
}

/// The column `labels`.
struct LabelColumn {
    keys: StringArray,
    values: StringArray,
    /// One more than there are rows.
    offsets: Vec<usize>,
}

// === impl LabelColumn ===

impl LabelColumn {
    fn new(rows: &RecordBatch) -> Result<Self, String> {
        let wrong = || mismatch(rows, "labels", "map<utf8, utf8>");
        let map = column(rows, "labels")?.as_map_opt().ok_or_else(wrong)?;
        if map.null_count() > 0 {
            return Err("expected labels in each row, got a null".into());
        }
        let keys = texts(map.keys()).ok_or_else(wrong)?;
        let values = texts(map.values()).ok_or_else(wrong)?;
        let offsets = map.value_offsets().iter().map(|offset| usize::try_from(*offset).unwrap_or(usize::MAX));
        Ok(Self { keys, values, offsets: offsets.collect() })
    }

    /// Appends the canonical encoding of a row's labels.
    fn encode(&self, row: usize, out: &mut Vec<u8>) -> Result<(), String> {
        let end = |row: usize| self.offsets.get(row).copied().unwrap_or(0).min(self.keys.len()).min(self.values.len());
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for i in end(row)..end(row + 1) {
            let (name, value) = (self.keys.value(i), if self.values.is_null(i) { "" } else { self.values.value(i) });
            if name.is_empty() {
                return Err(format!("expected a name for each label, got none in row {row}"));
            }
            pairs.push((name, value));
        }
        if !pairs.is_sorted_by(|one, other| one.0 < other.0) {
            pairs.sort_unstable();
            if let Some(pair) =
                pairs.windows(2).find_map(|two| two.first().filter(|one| Some(one.0) == two.last().map(|o| o.0)))
            {
                return Err(format!("expected each label once, got `{}` twice in row {row}", pair.0));
            }
        }
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            encode_label(name, value, out);
        }
        Ok(())
    }
}
