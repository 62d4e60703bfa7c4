//! Rows as JSON.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::util::display::FormatOptions;
use datafusion::common::Result;

use super::text::{Cells, Kind};

/// Writes JSON.
pub(crate) struct Json {
    pub(super) out: Vec<u8>,
    has_rows: bool,
}

// === impl Json ===

impl Json {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        let mut out = br#"{"status":"success","data":{"columns":["#.to_vec();
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(br#"{"name":"#);
            string(field.name(), &mut out);
            out.extend_from_slice(br#","type":"#);
            string(&field.data_type().to_string(), &mut out);
            out.push(b'}');
        }
        out.extend_from_slice(br#"],"rows":["#);
        Self { out, has_rows: false }
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let options = FormatOptions::default();
        let columns = batch.columns().iter().map(|column| Cells::new(column, &options)).collect::<Result<Vec<_>>>()?;
        let mut cell = String::new();
        for row in 0..batch.num_rows() {
            self.out.extend_from_slice(if self.has_rows { b",\n[" } else { b"\n[" });
            self.has_rows = true;
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    self.out.push(b',');
                }
                cell.clear();
                match column.write(row, &mut cell)? {
                    None => self.out.extend_from_slice(b"null"),
                    Some(Kind::Text) => string(&cell, &mut self.out),
                    Some(Kind::Bare | Kind::Float | Kind::Nested) => self.out.extend_from_slice(cell.as_bytes()),
                }
            }
            self.out.push(b']');
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, warnings: &[String]) -> Result<()> {
        self.out.extend_from_slice(b"]}");
        for (index, warning) in warnings.iter().enumerate() {
            self.out.extend_from_slice(if index == 0 { br#","warnings":["# } else { b"," });
            string(warning, &mut self.out);
        }
        self.out.extend_from_slice(if warnings.is_empty() { b"}" } else { b"]}" });
        Ok(())
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    // A vector does not fail to be written to.
    let _ = serde_json::to_writer(out, text);
}
