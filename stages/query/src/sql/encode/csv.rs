//! Rows as CSV.
//!
//! Source: RFC 4180, with lines that end as on Unix.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::util::display::FormatOptions;
use datafusion::common::Result;

use super::text::Cells;

/// Writes CSV.
pub(crate) struct Csv {
    pub(super) out: Vec<u8>,
}

// === impl Csv ===

impl Csv {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        let mut csv = Self { out: Vec::new() };
        for (index, field) in schema.fields().iter().enumerate() {
            csv.cell(index, Some(field.name()));
        }
        csv.out.push(b'\n');
        csv
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = FormatOptions::default();
        let columns = batch.columns().iter().map(|column| Cells::new(column, &options)).collect::<Result<Vec<_>>>()?;
        let mut cell = String::new();
        for row in 0..batch.num_rows() {
            for (index, column) in columns.iter().enumerate() {
                cell.clear();
                let is_there = column.write(row, &mut cell)?.is_some();
                self.cell(index, is_there.then_some(&cell));
            }
            self.out.push(b'\n');
        }
        Ok(())
    }

    /// Adds a cell; `None` for NULL.
    fn cell(&mut self, index: usize, text: Option<&String>) {
        if index > 0 {
            self.out.push(b',');
        }
        let Some(text) = text else { return };
        if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
            self.out.push(b'"');
            self.out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
            self.out.push(b'"');
        } else {
            self.out.extend_from_slice(text.as_bytes());
        }
    }
}
