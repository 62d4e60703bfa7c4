//! Any bytes as a series file: an index, and what stands beside series, or a clear refusal.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::extras;
use super::index::Builder;

/// Reads `data` as the series file of a block with as many row groups as its first byte says. The Parquet decoder panics
/// over some damaged files, which is caught here as it is where blocks are opened; what is ours must not.
///
/// # Panics
/// Where an index can't select all of its rows.
pub fn fuzz(data: &[u8]) {
    let Some((groups, file)) = data.split_first() else { return };
    let file = Bytes::copy_from_slice(file);
    let reader = catch_unwind(|| ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.build()));
    let Ok(Ok(mut reader)) = reader else { return };
    let mut builder = Builder::default();
    while let Ok(Some(batch)) = catch_unwind(AssertUnwindSafe(|| reader.next())) {
        let Ok(batch) = batch else { return };
        let mut metrics = BTreeMap::new();
        if extras::read_metrics(&batch, &mut metrics).is_err() || extras::read_exemplars(&batch).is_err() {
            return;
        }
        if builder.add(&batch, usize::from(*groups)).is_err() {
            return;
        }
    }
    let index = builder.build();
    assert!(index.select(&[]).len() == index.len());
}
