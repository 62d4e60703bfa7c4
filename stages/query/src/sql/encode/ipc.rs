//! Rows as Arrow's IPC stream.

use arrow::array::Array;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::common::Result;

/// About how many bytes a message has at most: those of gRPC are read as a whole, and clients bound what they read.
const MESSAGE: usize = 1 << 20;

/// Writes Arrow's IPC stream.
pub(crate) struct Ipc(StreamWriter<Vec<u8>>);

// === impl Ipc ===

impl Ipc {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self> {
        Ok(Self(StreamWriter::try_new(Vec::new(), schema)?))
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
        let bytes: usize = sizes.sum::<std::result::Result<usize, ArrowError>>()?;
        let rows = batch.num_rows();
        let most = (rows as u128 * MESSAGE as u128 / bytes.max(1) as u128).clamp(1, rows.max(1) as u128) as usize;
        for from in (0..rows.max(1)).step_by(most) {
            self.0.write(&batch.slice(from, most.min(rows - from)))?;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        Ok(self.0.finish()?)
    }

    pub(super) fn len(&self) -> usize {
        self.0.get_ref().len()
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.0.get_mut())
    }
}
