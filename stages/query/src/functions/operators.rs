//! Arithmetic and comparison of step vectors with numbers: `promql_add(steps, x)`, `promql_gt(steps, x)`, which keeps
//! what is greater, `promql_gt_bool(steps, x)`, which answers 0 or 1, and so on. A number is a `Float64`, or a step
//! vector where it changes from step to step.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Float64Builder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::exec::steps::{self, StepColumn};
use crate::syntax::ast::BinaryOp;

/// What an operator makes of two numbers.
#[derive(Clone, Copy)]
pub(crate) enum Kernel {
    /// A number.
    Arithmetic(fn(f64, f64) -> f64),
    /// Whether the left one stays.
    Comparison(fn(f64, f64) -> bool),
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Operator {
    name: &'static str,
    op: BinaryOp,
    answers_bool: bool,
    signature: Signature,
}

/// An operand: a step vector for each row, the same step vector for all, or the same number for all.
enum Operand {
    Rows(ArrayRef),
    Steps(ArrayRef),
    Number(f64),
}

const NAMES: [(BinaryOp, &str, &str); 13] = [
    (BinaryOp::Add, "promql_add", ""),
    (BinaryOp::Sub, "promql_sub", ""),
    (BinaryOp::Mul, "promql_mul", ""),
    (BinaryOp::Div, "promql_div", ""),
    (BinaryOp::Mod, "promql_mod", ""),
    (BinaryOp::Pow, "promql_pow", ""),
    (BinaryOp::Atan2, "promql_atan2", ""),
    (BinaryOp::Equal, "promql_eq", "promql_eq_bool"),
    (BinaryOp::NotEqual, "promql_ne", "promql_ne_bool"),
    (BinaryOp::Less, "promql_lt", "promql_lt_bool"),
    (BinaryOp::LessEqual, "promql_le", "promql_le_bool"),
    (BinaryOp::Greater, "promql_gt", "promql_gt_bool"),
    (BinaryOp::GreaterEqual, "promql_ge", "promql_ge_bool"),
];

/// The functions of this file.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let function = |op, name, answers_bool| {
        let signature = Signature::any(2, Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Operator { name, op, answers_bool, signature }))
    };
    let mut all = Vec::new();
    for (op, name, bool_name) in NAMES {
        all.push(function(op, name, false));
        if !bool_name.is_empty() {
            all.push(function(op, bool_name, true));
        }
    }
    all
}

/// The name of the function of an operator.
pub(crate) fn name_of(op: BinaryOp, answers_bool: bool) -> Option<&'static str> {
    let (_, name, bool_name) = NAMES.iter().find(|(o, ..)| *o == op)?;
    Some(if answers_bool { bool_name } else { name })
}

/// What an operator makes of two numbers; nothing for set operators and those of histograms.
pub(crate) fn kernel(op: BinaryOp) -> Option<Kernel> {
    use Kernel::{Arithmetic, Comparison};
    Some(match op {
        BinaryOp::Add => Arithmetic(|a, b| a + b),
        BinaryOp::Sub => Arithmetic(|a, b| a - b),
        BinaryOp::Mul => Arithmetic(|a, b| a * b),
        BinaryOp::Div => Arithmetic(|a, b| a / b),
        BinaryOp::Mod => Arithmetic(|a, b| a % b),
        BinaryOp::Pow => Arithmetic(f64::powf),
        BinaryOp::Atan2 => Arithmetic(f64::atan2),
        BinaryOp::Equal => Comparison(|a, b| a == b),
        BinaryOp::NotEqual => Comparison(|a, b| a != b),
        BinaryOp::Less => Comparison(|a, b| a < b),
        BinaryOp::LessEqual => Comparison(|a, b| a <= b),
        BinaryOp::Greater => Comparison(|a, b| a > b),
        BinaryOp::GreaterEqual => Comparison(|a, b| a >= b),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::TrimUpper | BinaryOp::TrimLower => return None,
    })
}

// === impl Kernel ===

impl Kernel {
    /// The value of one element, or none where a comparison does not hold.
    pub(crate) fn apply(self, lhs: f64, rhs: f64, answers_bool: bool) -> Option<f64> {
        match self {
            Self::Arithmetic(f) => Some(f(lhs, rhs)),
            Self::Comparison(f) if answers_bool => Some(f64::from(u8::from(f(lhs, rhs)))),
            Self::Comparison(f) => f(lhs, rhs).then_some(lhs),
        }
    }
}

// === impl Operator ===

impl ScalarUDFImpl for Operator {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match args {
            [steps @ DataType::FixedSizeList(..), _] | [_, steps @ DataType::FixedSizeList(..)] => Ok(steps.clone()),
            _ => plan_err!("{} takes step vectors and a number", self.name),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (Some(kernel), [lhs, rhs]) = (kernel(self.op), args.args.as_slice()) else {
            return exec_err!("{} takes two operands", self.name);
        };
        let (lhs, rhs) = (Operand::try_new(lhs)?, Operand::try_new(rhs)?);
        let steps = lhs.steps()?.or(rhs.steps()?).unwrap_or(1);
        let out = self.evaluate(kernel, &lhs.column()?, &rhs.column()?, args.number_rows * steps, steps);
        Ok(ColumnarValue::Array(Arc::new(steps::list(steps, out)?)))
    }
}

impl Operator {
    fn evaluate(&self, kernel: Kernel, lhs: &Column, rhs: &Column, len: usize, steps: usize) -> Float64Array {
        let mut out = Float64Builder::with_capacity(len);
        for i in 0..len {
            let value = match (lhs.get(i, steps), rhs.get(i, steps)) {
                (Some(l), Some(r)) => kernel.apply(l, r, self.answers_bool),
                _ => None,
            };
            out.append_option(value);
        }
        out.finish()
    }
}

// === impl Operand ===

/// The elements of an operand, flat.
enum Column {
    Rows(Float64Array),
    Steps(Float64Array),
    Number(f64),
}

impl Operand {
    fn try_new(arg: &ColumnarValue) -> Result<Self> {
        match arg {
            ColumnarValue::Array(array) => Ok(Self::Rows(array.clone())),
            ColumnarValue::Scalar(ScalarValue::Float64(Some(number))) => Ok(Self::Number(*number)),
            ColumnarValue::Scalar(scalar) => Ok(Self::Steps(scalar.to_array()?)),
        }
    }

    fn steps(&self) -> Result<Option<usize>> {
        match self {
            Self::Rows(array) | Self::Steps(array) => Ok(Some(StepColumn::try_new(array)?.steps())),
            Self::Number(_) => Ok(None),
        }
    }

    fn column(&self) -> Result<Column> {
        Ok(match self {
            Self::Rows(array) => Column::Rows(StepColumn::try_new(array)?.values().clone()),
            Self::Steps(array) => Column::Steps(StepColumn::try_new(array)?.values().clone()),
            Self::Number(number) => Column::Number(*number),
        })
    }
}

// === impl Column ===

impl Column {
    fn get(&self, i: usize, steps: usize) -> Option<f64> {
        let (array, i) = match self {
            Self::Rows(array) => (array, i),
            Self::Steps(array) => (array, i % steps),
            Self::Number(number) => return Some(*number),
        };
        use arrow::array::Array;
        array.is_valid(i).then(|| array.value(i))
    }
}
