//! Rows as Arrow's IPC stream.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::common::Result;

/// Writes Arrow's IPC stream.
pub(crate) struct Ipc(StreamWriter<Vec<u8>>);

// === impl Ipc ===

impl Ipc {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self> {
        Ok(Self(StreamWriter::try_new(Vec::new(), schema)?))
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.0.write(batch)?)
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
