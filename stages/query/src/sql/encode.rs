//! Rows as bytes, in the form that is asked for, piece by piece.
//!
//! Shape: in JSON `{"status":"success","data":{"columns":[{"name":…,"type":…}],"rows":[[…],…]},"warnings":[…]}`:
//! numbers, booleans, lists and structs as such but for `"NaN"`, `"+Inf"` and `"-Inf"`, all else as text. In CSV a line with the
//! names of the columns, then one for each row; NULL is empty, an empty text `""`, and lists and structs are JSON. In Arrow the
//! stream of its IPC format.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use weir_pipeline::RowForm;

mod csv;
mod ipc;
mod json;
mod text;

/// Writes rows.
pub(crate) enum Encoder {
    /// As JSON.
    Json(json::Json),
    /// As CSV.
    Csv(csv::Csv),
    /// As Arrow's IPC stream.
    Arrow(Box<ipc::Ipc>),
}

// === impl Encoder ===

impl Encoder {
    /// A writer of rows of these columns.
    ///
    /// # Errors
    /// The form has no place for a type.
    pub(crate) fn new(form: RowForm, schema: &SchemaRef) -> Result<Self> {
        Ok(match form {
            RowForm::Json => Self::Json(json::Json::new(schema)),
            RowForm::Csv => Self::Csv(csv::Csv::new(schema)),
            RowForm::Arrow | RowForm::ArrowSchema => Self::Arrow(Box::new(ipc::Ipc::new(schema)?)),
        })
    }

    /// Writes rows.
    ///
    /// # Errors
    /// A value can't be written.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Json(json) => json.add(batch),
            Self::Csv(csv) => csv.add(batch),
            Self::Arrow(ipc) => ipc.add(batch),
        }
    }

    /// Writes the end. Only JSON has a place for warnings.
    ///
    /// # Errors
    /// It can't be written.
    pub(crate) fn finish(&mut self, warnings: &[String]) -> Result<()> {
        match self {
            Self::Json(json) => json.finish(warnings),
            Self::Csv(_) => Ok(()),
            Self::Arrow(ipc) => ipc.finish(),
        }
    }

    /// How many bytes are written and not taken yet.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Json(json) => json.out.len(),
            Self::Csv(csv) => csv.out.len(),
            Self::Arrow(ipc) => ipc.len(),
        }
    }

    /// Takes what is written.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Json(json) => std::mem::take(&mut json.out),
            Self::Csv(csv) => std::mem::take(&mut csv.out),
            Self::Arrow(ipc) => ipc.take(),
        }
    }
}

#[cfg(test)]
mod tests;
