//! The cells of a column as text.

use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;

/// What a column's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number or a boolean, as JSON writes it.
    Bare,
    /// A float, which may be infinite or no number.
    Float,
    /// A list or a struct, as JSON writes it.
    Nested,
    /// Anything else.
    Text,
}

/// The cells of a column.
pub(super) struct Cells<'a> {
    column: &'a ArrayRef,
    formatter: ArrayFormatter<'a>,
    options: &'a FormatOptions<'a>,
    pub(super) kind: Kind,
}

// === impl Cells ===

impl<'a> Cells<'a> {
    pub(super) fn new(column: &'a ArrayRef, options: &'a FormatOptions<'a>) -> Result<Self> {
        let kind = match column.data_type() {
            DataType::Boolean => Kind::Bare,
            number if number.is_integer() => Kind::Bare,
            DataType::Float64 => Kind::Float,
            DataType::List(_) | DataType::Struct(_) => Kind::Nested,
            _ => Kind::Text,
        };
        Ok(Self { column, formatter: ArrayFormatter::try_new(&**column, options)?, options, kind })
    }

    /// Writes the cell of a row, and says of what kind it is; `None` for NULL. A float that JSON has no number for is
    /// text.
    pub(super) fn write(&self, row: usize, out: &mut String) -> Result<Option<Kind>> {
        if is_null(self.column, row) {
            return Ok(None);
        }
        if self.kind == Kind::Float {
            let float = self.column.as_primitive::<Float64Type>().value(row);
            return Ok(Some(write_float(float, out)));
        }
        if self.kind == Kind::Nested {
            nested(self.column, row, self.options, out)?;
            return Ok(Some(self.kind));
        }
        // A text does not fail to be written to.
        let _ = write!(out, "{}", self.formatter.value(row).try_to_string()?);
        Ok(Some(self.kind))
    }
}

/// Writes a list or a struct, and what is in it, as JSON.
fn nested(column: &ArrayRef, row: usize, options: &FormatOptions<'_>, out: &mut String) -> Result<()> {
    if is_null(column, row) {
        out.push_str("null");
        return Ok(());
    }
    match column.data_type() {
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            for item in 0..items.len() {
                out.push(if item == 0 { '[' } else { ',' });
                nested(&items, item, options, out)?;
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        DataType::Struct(fields) => {
            for (index, (field, column)) in fields.iter().zip(column.as_struct().columns()).enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                quoted(field.name(), out)?;
                out.push(':');
                nested(column, row, options, out)?;
            }
            out.push_str(if fields.is_empty() { "{}" } else { "}" });
        }
        _ => {
            let mut cell = String::new();
            // A float that JSON has no number for says that it is text.
            match Cells::new(column, options)?.write(row, &mut cell)? {
                Some(Kind::Text) => quoted(&cell, out)?,
                _ => out.push_str(&cell),
            }
        }
    }
    Ok(())
}

/// Whether a cell is NULL: of a column that has nothing else, too, which has no mask of its own.
fn is_null(column: &ArrayRef, row: usize) -> bool {
    *column.data_type() == DataType::Null || column.is_null(row)
}

fn quoted(text: &str, out: &mut String) -> Result<()> {
    let text = serde_json::to_string(text).map_err(|error| ArrowError::JsonError(error.to_string()))?;
    out.push_str(&text);
    Ok(())
}

fn write_float(float: f64, out: &mut String) -> Kind {
    let name = match float {
        f64::INFINITY => "+Inf",
        f64::NEG_INFINITY => "-Inf",
        float if float.is_nan() => "NaN",
        float => {
            // The shortest digits that read back, with an exponent where there would be many zeros.
            let _ = write!(out, "{float:?}");
            if out.ends_with(".0") {
                out.truncate(out.len() - 2);
            }
            return Kind::Bare;
        }
    };
    out.push_str(name);
    Kind::Text
}
