//! Functions of one element as scalar functions: `clamp(value, 0, 1)`.
//!
//! Shape: `Float64` in and out. NULL in is NULL out, and so is what has no value, as where `clamp`'s limits cross.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, Float64Array};
use arrow::datatypes::DataType;
use datafusion::common::cast::as_float64_array;
use datafusion::common::{Result, ScalarValue, internal_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::PREFIX;
use crate::functions::element::{Call, ELEMENT_FUNCTIONS, OfFloat, find};
use crate::syntax;

/// Functions of a vector that do not depend on its values.
const OF_NO_VALUE: [&str; 2] = ["timestamp", "start_timestamp"];

/// A function of an element.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Element {
    /// The name in PromQL.
    function: &'static str,
    /// The name in SQL.
    name: String,
    signature: Signature,
}

/// All functions of an element that floats have.
pub(super) fn all(taken: &HashSet<String>) -> impl Iterator<Item = Element> + use<'_> {
    ELEMENT_FUNCTIONS.iter().filter(|function| function.of_float.is_some()).filter_map(move |function| {
        let promql = syntax::functions::find(function.name)?;
        if OF_NO_VALUE.contains(&function.name) {
            return None;
        }
        let exact = |args: usize| TypeSignature::Exact(vec![DataType::Float64; args]);
        let signatures = (promql.min.max(1)..=promql.max).map(exact).collect();
        let is_taken = taken.contains(function.name);
        let name = if is_taken { format!("{PREFIX}{}", function.name) } else { function.name.to_owned() };
        Some(Element { function: function.name, name, signature: Signature::one_of(signatures, Volatility::Immutable) })
    })
}

// === impl Element ===

impl Element {
    fn of_float(&self) -> Result<OfFloat> {
        let function = find(self.function).and_then(|function| function.of_float);
        function.ok_or_else(|| internal_datafusion_err!("expected a function of floats, got `{}`", self.function))
    }
}

impl ScalarUDFImpl for Element {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let of_float = self.of_float()?;
        let are_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let columns = arrays.iter().map(|array| as_float64_array(array)).collect::<Result<Vec<_>>>()?;
        let rows = columns.first().map_or(0, |column| column.len());
        let mut numbers = Vec::with_capacity(columns.len());
        let values = (0..rows).map(|row| {
            numbers.clear();
            numbers.extend(columns.iter().map_while(|column| column.is_valid(row).then(|| column.value(row))));
            let (value, rest) = numbers.split_first()?;
            if numbers.len() == columns.len() { of_float(*value, Call { time: 0, args: rest }) } else { None }
        });
        let values: Float64Array = values.collect();
        if are_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(values)))
    }
}
