//! When blocks were removed, as far as the log tells.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use object_store::ObjectMeta;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use weir_pipeline::{Error, Result};

use super::entry::BlockId;
use super::log::{self, CHECKPOINT};
use super::row::{Row, block_in};
use super::table::Table;

/// What of a checkpoint is read.
const COLUMNS: [&str; 2] = ["remove.path", "remove.deletionTimestamp"];

/// Paths of files, and when they were removed where that is told.
type Removed = Vec<(String, Option<i64>)>;

// === impl Table ===

impl<R: Row> Table<R> {
    /// The blocks whose removal the log still knows, and when that was, in milliseconds since the Unix epoch.
    ///
    /// It is read anew: who only reads the table need not remember what was.
    pub(super) async fn removed(&self) -> Result<HashMap<BlockId, i64>> {
        let mut files = Vec::new();
        for object in self.objects.list(Some(&self.log)).await? {
            if let Some((version, kind)) = log::version_of(&object.location) {
                files.push((version, kind, object));
            }
        }
        let checkpoints = files.iter().filter(|(_, kind, _)| kind == CHECKPOINT).map(|(version, ..)| *version);
        let from = checkpoints.max().unwrap_or(0);
        let mut all = HashMap::new();
        for (_, kind, object) in files.into_iter().filter(|(version, ..)| *version >= from) {
            let removed = match kind.as_str() {
                CHECKPOINT => of_checkpoint(&object, self.objects.get(&object.location).await?).await?,
                "json" => log::parse(&object.location, &self.objects.get(&object.location).await?)?.remove,
                _ => continue,
            };
            // At the latest it was when the log's file was put.
            let put = object.last_modified.timestamp_millis();
            let removed = removed.iter().filter_map(|(path, at)| Some((block_in(path)?, at.unwrap_or(put))));
            all.extend(removed);
        }
        Ok(all)
    }
}

async fn of_checkpoint(file: &ObjectMeta, bytes: Bytes) -> Result<Removed> {
    let read = tokio::task::spawn_blocking(move || read(bytes));
    let wrong = || Error::internal(format!("expected a checkpoint in `{}`", file.location));
    match read.await {
        Ok(removed) => removed.map_err(|e| wrong().with_source(e)),
        Err(lost) if lost.is_cancelled() => Err(Error::closed()),
        Err(lost) => Err(wrong().with_source(lost)),
    }
}

fn read(bytes: Bytes) -> Result<Removed, ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
    let mut all = Removed::new();
    for batch in builder.with_projection(mask).build()? {
        // One without a removal may lack the columns.
        all.extend(of_batch(&batch?).unwrap_or_default());
    }
    Ok(all)
}

fn of_batch(batch: &RecordBatch) -> Option<Removed> {
    let removes = batch.column_by_name("remove")?.as_struct_opt()?;
    let paths = removes.column_by_name("path")?;
    let paths = arrow::compute::cast(paths, &arrow::datatypes::DataType::Utf8).ok()?;
    let paths = paths.as_string_opt::<i32>()?;
    let times = removes.column_by_name("deletionTimestamp").map(Arc::clone);
    let times = times.as_ref().and_then(|times| times.as_primitive_opt::<Int64Type>());
    let rows = (0..removes.len()).filter(|row| removes.is_valid(*row) && paths.is_valid(*row));
    let time = |row| times.filter(|times| times.is_valid(row)).map(|times| times.value(row));
    Some(rows.map(|row| (paths.value(row).to_owned(), time(row))).collect())
}
