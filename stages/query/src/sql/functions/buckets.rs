//! Functions of a classic histogram's buckets as aggregates: `histogram_quantile(0.9, le, count)`,
//! `histogram_fraction(0, 0.2, le, count)`.
//!
//! Shape: the function's numbers, then a bucket's upper bound, a text as the label `le` or a number, then its count.
//! Counts of the same bound are added up. Rows with a NULL, and those whose bound is none, are passed over. Without
//! rows the value is NULL.

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::{DataType, FieldRef, Float64Type};
use datafusion::common::cast::as_string_array;
use datafusion::common::{Result, ScalarValue, internal_datafusion_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

use super::arguments::{number, number_at, refuse, the_same};
use super::lists;
use crate::exec::histogram::bound;
use crate::functions::quantile::{Bucket, bucket_fraction, bucket_quantile};

/// What is asked of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Question {
    Quantile,
    Fraction,
}

/// A function of buckets.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Histogram {
    question: Question,
    signature: Signature,
}

/// What is known of a group.
#[derive(Debug)]
struct Collected {
    question: Question,
    /// The numbers of the function, once a row said them.
    numbers: Option<Vec<f64>>,
    buckets: Vec<Bucket>,
}

/// All functions of buckets.
pub(super) fn all() -> impl Iterator<Item = Histogram> {
    let signature = || Signature::user_defined(Volatility::Immutable);
    [Question::Quantile, Question::Fraction].map(|question| Histogram { question, signature: signature() }).into_iter()
}

// === impl Question ===

impl Question {
    fn name(self) -> &'static str {
        match self {
            Self::Quantile => "histogram_quantile",
            Self::Fraction => "histogram_fraction",
        }
    }

    /// How many numbers it takes.
    fn numbers(self) -> usize {
        match self {
            Self::Quantile => 1,
            Self::Fraction => 2,
        }
    }

    fn usage(self) -> &'static str {
        match self {
            Self::Quantile => "expected `histogram_quantile(quantile, le, count)`",
            Self::Fraction => "expected `histogram_fraction(lower, upper, le, count)`",
        }
    }
}

// === impl Histogram ===

impl AggregateUDFImpl for Histogram {
    fn name(&self) -> &str {
        self.question.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        let numbers = self.question.numbers();
        let coerced = args.iter().enumerate().map(|(at, arg)| match arg {
            DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 if at == numbers => Some(DataType::Utf8),
            arg => number(arg),
        });
        match coerced.collect::<Option<Vec<_>>>() {
            Some(coerced) if args.len() == numbers + 2 => Ok(coerced),
            _ => plan_err!("{}", self.question.usage()),
        }
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Collected { question: self.question, numbers: None, buckets: Vec::new() }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field = |list| lists::field(args.name, list, DataType::Float64);
        Ok(vec![field("bounds"), field("counts"), field("numbers")])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The bound of a bucket in `row`, which is valid; `None` where it says none.
fn bound_at(column: &ArrayRef, row: usize) -> Result<Option<f64>> {
    if *column.data_type() != DataType::Utf8 {
        return number_at(column, row).map(Some);
    }
    let text: &StringArray = as_string_array(column)?;
    Ok(bound(text.value(row)))
}

// === impl Collected ===

impl Collected {
    fn tell(&mut self, told: Vec<f64>) -> Result<()> {
        let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        match &self.numbers {
            Some(numbers) if bits(numbers) != bits(&told) => {
                refuse(&format!("expected the numbers of `{}` to be the same in a group", self.question.name()))
            }
            _ => {
                self.numbers = Some(told);
                Ok(())
            }
        }
    }
}

impl Accumulator for Collected {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let (numbers, rest) = args.split_at(self.question.numbers().min(args.len()));
        let [bounds, counts] = rest else { return Err(internal_datafusion_err!("{}", self.question.usage())) };
        let Some(row) = the_same(self.question.name(), numbers)? else { return Ok(()) };
        self.tell(numbers.iter().map(|number| number_at(number, row)).collect::<Result<_>>()?)?;
        for row in (0..bounds.len()).filter(|row| args.iter().all(|arg| arg.is_valid(*row))) {
            if let Some(bound) = bound_at(bounds, row)? {
                self.buckets.push(Bucket { bound, count: number_at(counts, row)? });
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut buckets = self.buckets.clone();
        let value = match self.numbers.as_deref() {
            _ if buckets.is_empty() => None,
            Some([quantile]) => Some(bucket_quantile(*quantile, &mut buckets).0),
            Some([lower, upper]) => Some(bucket_fraction(*lower, *upper, &mut buckets)),
            _ => None,
        };
        Ok(ScalarValue::Float64(value))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.buckets.capacity() * size_of::<Bucket>() + 16
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (bounds, counts): (Vec<_>, Vec<_>) = self.buckets.iter().map(|bucket| (bucket.bound, bucket.count)).unzip();
        let numbers = self.numbers.as_deref().unwrap_or_default();
        Ok(vec![
            lists::scalar::<Float64Type>(&bounds)?,
            lists::scalar::<Float64Type>(&counts)?,
            lists::scalar::<Float64Type>(numbers)?,
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [bounds, counts, numbers] = states else {
            return Err(internal_datafusion_err!("expected the state of `{}`", self.question.name()));
        };
        let (bounds, counts) = (lists::rows::<Float64Type>(bounds)?, lists::rows::<Float64Type>(counts)?);
        for ((bounds, counts), numbers) in bounds.into_iter().zip(counts).zip(lists::rows::<Float64Type>(numbers)?) {
            if bounds.is_empty() {
                continue;
            }
            self.tell(numbers)?;
            let buckets = bounds.into_iter().zip(counts).map(|(bound, count)| Bucket { bound, count });
            self.buckets.extend(buckets);
        }
        Ok(())
    }
}
