//! What a series file has beside series: columns of exemplars, and of what is said of metrics. A file that has none of either
//! has no such columns, and who reads series alone does not read them.
//!
//! Shape: `exemplars` is a list of the struct (`ts`, `value`, `labels`) for each series; `family`, `type`, `help` and `unit` are
//! what is said of the metric that the series is of. The samples file says in its footer what there is.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int64Array, ListArray, MapBuilder, RecordBatch,
    StringBuilder, StringDictionaryBuilder, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int32Type, Int64Type};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::schema::types::SchemaDescriptor;
use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::{Exemplar, LabelSet};

use super::damage::Damage;
use super::schema;
use crate::extras::{Extras, Summary};
use crate::store::shelf::Rows;

/// The column of exemplars.
const EXEMPLARS: &str = "exemplars";

/// The columns of what is said of metrics.
const METRICS: [&str; 4] = ["family", "type", "help", "unit"];

/// What stands in the footer of the samples file.
const EXEMPLAR_TIMES: &str = "weir.exemplars";
/// See [`EXEMPLAR_TIMES`].
const HAS_METRICS: &str = "weir.metrics";

/// The columns of what there is, which others see in the table of series files.
pub(crate) fn fields(summary: Summary) -> Vec<Field> {
    let mut fields = Vec::new();
    if summary.exemplars.is_some() {
        fields.push(Field::new(EXEMPLARS, DataType::List(schema::item(DataType::Struct(exemplar()))), true));
    }
    if summary.metrics {
        fields.extend(METRICS.map(|name| Field::new(name, schema::dictionary(), true)));
    }
    fields
}

fn exemplar() -> Fields {
    let fields = [("ts", DataType::Int64), ("value", DataType::Float64), ("labels", schema::map())];
    fields.map(|(name, of)| Field::new(name, of, true)).into_iter().collect()
}

/// What the rows of a block have.
pub(super) fn summary(rows: &dyn Rows) -> Summary {
    let extras = rows.extras();
    let mut summary = Summary::default();
    if extras.exemplars.is_empty() && extras.metrics.is_empty() {
        return summary;
    }
    for i in 0..rows.len() {
        for exemplar in extras.exemplars.get(&rows.id(i)).into_iter().flatten() {
            let (first, last) = summary.exemplars.unwrap_or((i64::MAX, i64::MIN));
            summary.exemplars = Some((first.min(exemplar.timestamp), last.max(exemplar.timestamp)));
        }
        summary.metrics = summary.metrics || extras.of(rows.labels(i).metric()).is_some();
    }
    summary
}

/// What a samples file says of it.
pub(super) fn stamp(summary: Summary) -> Vec<KeyValue> {
    let times = summary.exemplars.map(|(first, last)| (EXEMPLAR_TIMES, format!("{first}..{last}")));
    let metrics = summary.metrics.then(|| (HAS_METRICS, "1".to_owned()));
    times.into_iter().chain(metrics).map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect()
}

/// What a samples file says of it.
pub(super) fn stamped(footer: &ParquetMetaData) -> Result<Summary, Damage> {
    let mut summary = Summary::default();
    for pair in footer.file_metadata().key_value_metadata().into_iter().flatten() {
        match (pair.key.as_str(), pair.value.as_deref()) {
            (EXEMPLAR_TIMES, Some(times)) => {
                let numbers = times.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
                summary.exemplars = Some(numbers.ok_or_else(|| format!("{EXEMPLAR_TIMES} is `{times}`"))?);
            }
            (HAS_METRICS, _) => summary.metrics = true,
            _ => {}
        }
    }
    Ok(summary)
}

/// The columns of some rows.
pub(super) fn columns(
    rows: &dyn Rows,
    range: std::ops::Range<usize>,
    summary: Summary,
) -> Result<Vec<ArrayRef>, ArrowError> {
    let extras = rows.extras();
    let mut columns = Vec::new();
    if summary.exemplars.is_some() {
        columns.push(exemplars(rows, range.clone(), extras)?);
    }
    if summary.metrics {
        let mut texts = METRICS.map(|_| StringDictionaryBuilder::<Int32Type>::new());
        // Series of one metric follow upon each other.
        let mut last: Option<(&str, Option<&Metadata>)> = None;
        for i in range {
            let metric = rows.labels(i).metric();
            let said = match last {
                Some((same, said)) if same == metric => said,
                _ => extras.of(metric),
            };
            last = Some((metric, said));
            match said {
                Some(Metadata { metric, kind, help, unit }) => {
                    let said = [metric, kind.as_str(), help, unit];
                    texts.iter_mut().zip(said).for_each(|(column, text)| column.append_value(text));
                }
                None => texts.iter_mut().for_each(StringDictionaryBuilder::append_null),
            }
        }
        columns.extend(texts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
    }
    Ok(columns)
}

fn exemplars(rows: &dyn Rows, range: std::ops::Range<usize>, extras: &Extras) -> Result<ArrayRef, ArrowError> {
    let (mut counts, mut some) = (Vec::new(), Vec::new());
    let (mut timestamps, mut values) = (Vec::new(), Vec::new());
    let mut labels = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for i in range {
        let own = extras.exemplars.get(&rows.id(i)).map_or(&[][..], Vec::as_slice);
        counts.push(own.len());
        some.push(!own.is_empty());
        for exemplar in own {
            timestamps.push(exemplar.timestamp);
            values.push(exemplar.value);
            for (name, value) in exemplar.labels.as_labels().iter() {
                labels.keys().append_value(name);
                labels.values().append_value(value);
            }
            labels.append(true)?;
        }
    }
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(timestamps)), Arc::new(Float64Array::from(values)), Arc::new(labels.finish())];
    let all = StructArray::try_new(exemplar(), columns, None)?;
    let (item, offsets) = (schema::item(DataType::Struct(exemplar())), OffsetBuffer::from_lengths(counts));
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(all), Some(NullBuffer::from(some)))?))
}

/// The columns that series are made of.
pub(super) fn of_series(file: &SchemaDescriptor) -> ProjectionMask {
    let is_extra = |name: &str| name == EXEMPLARS || METRICS.contains(&name);
    roots(file, |name| !is_extra(name))
}

/// The columns of what is said of metrics.
pub(super) fn of_metrics(file: &SchemaDescriptor) -> ProjectionMask {
    roots(file, |name| METRICS.contains(&name))
}

/// The column of exemplars.
pub(super) fn of_exemplars(file: &SchemaDescriptor) -> ProjectionMask {
    roots(file, |name| name == EXEMPLARS)
}

fn roots(file: &SchemaDescriptor, wanted: impl Fn(&str) -> bool) -> ProjectionMask {
    let fields = file.root_schema().get_fields().iter().enumerate();
    ProjectionMask::roots(file, fields.filter(|(_, field)| wanted(field.name())).map(|(i, _)| i))
}

/// The exemplars of the rows of a batch that have any, in the order of rows.
pub(super) fn read_exemplars(batch: &RecordBatch) -> Result<Vec<(usize, Vec<Exemplar>)>, Damage> {
    let wrong = || Damage::from(format!("the column {EXEMPLARS} does not hold exemplars"));
    let Some(column) = batch.column_by_name(EXEMPLARS) else { return Ok(Vec::new()) };
    let lists = column.as_list_opt::<i32>().ok_or_else(wrong)?;
    let all = lists.values().as_struct_opt().ok_or_else(wrong)?;
    let column = |name: &str| all.column_by_name(name).ok_or_else(wrong);
    let timestamps = column("ts")?.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
    let values = column("value")?.as_primitive_opt::<Float64Type>().ok_or_else(wrong)?;
    let labels = column("labels")?.as_map_opt().ok_or_else(wrong)?;
    let one = |at: usize| {
        let entries = labels.value(at);
        let texts = |i| entries.columns().get(i).and_then(|c: &ArrayRef| c.as_string_opt::<i32>()).ok_or_else(wrong);
        let (names, texts) = (texts(0)?, texts(1)?);
        let labels: LabelSet = (0..entries.len()).map(|i| (names.value(i), texts.value(i))).collect();
        Ok(Exemplar { labels, value: values.value(at), timestamp: timestamps.value(at) })
    };
    let mut out = Vec::new();
    for row in (0..lists.len()).filter(|row| lists.is_valid(*row)) {
        let (Some(&from), Some(&to)) = (lists.value_offsets().get(row), lists.value_offsets().get(row + 1)) else {
            continue;
        };
        let range = usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0);
        let own = range.map(one).collect::<Result<Vec<_>, Damage>>()?;
        if !own.is_empty() {
            out.push((row, own));
        }
    }
    Ok(out)
}

/// What the rows of a batch say of metrics, by the names of their families.
pub(super) fn read_metrics(batch: &RecordBatch, out: &mut BTreeMap<String, Metadata>) -> Result<(), Damage> {
    let mut columns = Vec::new();
    for name in METRICS {
        let wrong = || Damage::from(format!("the column {name} does not hold texts"));
        let Some(column) = batch.column_by_name(name) else { return Ok(()) };
        let keys: &DictionaryArray<Int32Type> = column.as_dictionary_opt().ok_or_else(wrong)?;
        columns.push((keys, keys.values().as_string_opt::<i32>().ok_or_else(wrong)?));
    }
    let mut last = None;
    for row in 0..batch.num_rows() {
        let keys: Option<Vec<usize>> = columns.iter().map(|(keys, _)| keys.key(row)).collect();
        // Series of one metric follow upon each other.
        let Some(keys) = keys.filter(|keys| last.as_ref() != Some(keys)) else { continue };
        let mut texts = columns.iter().zip(&keys).map(|((_, texts), key)| {
            let known = *key < texts.len();
            known
                .then(|| texts.value(*key).to_owned())
                .ok_or_else(|| format!("row {row} has a key beyond its dictionary"))
        });
        let mut text = || texts.next().unwrap_or_else(|| Err("a column is missing".to_owned()));
        let (metric, kind, help, unit) = (text()?, text()?, text()?, text()?);
        // A kind of the future is unknown here.
        let kind = MetricKind::named(&kind).unwrap_or_default();
        out.insert(metric.clone(), Metadata { metric, kind, help, unit });
        last = Some(keys);
    }
    Ok(())
}
