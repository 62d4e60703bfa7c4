//! The cells of a column as text.

use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;

/// What a column's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number or a boolean, as JSON writes it.
    Bare,
    /// A float, which may be infinite or no number.
    Float,
    /// Anything else.
    Text,
}

/// The cells of a column.
pub(super) struct Cells<'a> {
    column: &'a ArrayRef,
    formatter: ArrayFormatter<'a>,
    pub(super) kind: Kind,
}

// === impl Cells ===

impl<'a> Cells<'a> {
    pub(super) fn new(column: &'a ArrayRef, options: &FormatOptions<'a>) -> Result<Self> {
        let kind = match column.data_type() {
            DataType::Boolean => Kind::Bare,
            number if number.is_integer() => Kind::Bare,
            DataType::Float64 => Kind::Float,
            _ => Kind::Text,
        };
        Ok(Self { column, formatter: ArrayFormatter::try_new(&**column, options)?, kind })
    }

    /// Writes the cell of a row, and says of what kind it is; `None` for NULL. A float that JSON has no number for is
    /// text.
    pub(super) fn write(&self, row: usize, out: &mut String) -> Result<Option<Kind>> {
        if self.column.is_null(row) {
            return Ok(None);
        }
        if self.kind == Kind::Float {
            let float = self.column.as_primitive::<Float64Type>().value(row);
            return Ok(Some(write_float(float, out)));
        }
        // A text does not fail to be written to.
        let _ = write!(out, "{}", self.formatter.value(row).try_to_string()?);
        Ok(Some(self.kind))
    }
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
