//! Columns of bytes, in rows that may have none: labels, which all rows have, and native histograms, which mostly no row has. Arrow's
//! own builder makes room for a thousand rows where one comes, and aligns what need not be.

use arrow::array::BinaryArray;
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::common::{Result, exec_err};

/// Collects a column.
#[derive(Debug)]
pub(crate) struct Binaries {
    /// Where each row ends, behind where the first begins.
    ends: Vec<i32>,
    bytes: Vec<u8>,
    /// How many rows have bytes.
    present: usize,
    /// Which rows do; empty as long as all do, or none.
    valid: Vec<bool>,
}

// === impl Binaries ===

impl Binaries {
    /// An empty column with room for `rows`.
    pub(crate) fn new(rows: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self { ends, bytes: Vec::new(), present: 0, valid: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: Option<&[u8]>) {
        let before = self.ends.len() - 1;
        if let Some(bytes) = row {
            self.bytes.extend_from_slice(bytes);
            self.present += 1;
        }
        // Too many show at the end.
        self.ends.push(self.bytes.len() as i32);
        if self.present > 0 && self.present <= before {
            if self.valid.is_empty() {
                self.valid.resize(before, row.is_none());
            }
            self.valid.push(row.is_some());
        }
    }

    /// The column.
    ///
    /// # Errors
    /// Its bytes are more than a column may have.
    pub(crate) fn finish(self) -> Result<BinaryArray> {
        let rows = self.ends.len() - 1;
        if i32::try_from(self.bytes.len()).is_err() {
            return exec_err!("expected at most 2 GiB of labels or histograms at once, got {} bytes", self.bytes.len());
        }
        let nulls = match self.present {
            present if present == rows => None,
            0 => Some(NullBuffer::new_null(rows)),
            _ => Some(NullBuffer::from(self.valid)),
        };
        let ends = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        Ok(BinaryArray::try_new(ends, Buffer::from_vec(self.bytes), nulls)?)
    }
}

#[cfg(test)]
mod tests;
