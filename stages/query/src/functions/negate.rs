//! `promql_negate(steps)`: unary minus.

use std::sync::Arc;

use arrow::compute::kernels::arity::unary;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::exec::steps::{self, StepColumn};

#[derive(Debug, PartialEq, Eq, Hash)]
struct Negate {
    signature: Signature,
}

/// The function of this file.
pub(super) fn function() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Negate { signature: Signature::any(1, Volatility::Immutable) }))
}

impl ScalarUDFImpl for Negate {
    fn name(&self) -> &str {
        "promql_negate"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args {
            [steps @ DataType::FixedSizeList(..)] => Ok(steps.clone()),
            _ => plan_err!("promql_negate takes step vectors"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(arg) = args.args.first() else { return exec_err!("promql_negate takes step vectors") };
        let array = arg.to_array(args.number_rows)?;
        let column = StepColumn::try_new(&array)?;
        let values = unary::<Float64Type, _, Float64Type>(column.values(), |value| -value);
        Ok(ColumnarValue::Array(Arc::new(steps::list(column.steps(), values)?)))
    }
}
