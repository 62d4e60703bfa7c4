//! Range functions as aggregates: `rate(time, value, start, end)`, and over a window `rate(time, value, '5m') OVER
//! (…)`.
//!
//! Shape: the numbers that PromQL has before the range vector, then time and value, then the numbers that PromQL has
//! after it, then the window: nothing for all rows, a range for so long before the last row, or start and end. As in
//! PromQL the window's start is outside, its end inside. `rate`, `increase` and `delta` must know their window. Rows
//! come in any order; those with a NULL in any argument are passed over. Without rows in the window the value is NULL.

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, internal_datafusion_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature, Volatility};

use super::arguments::{duration, duration_at, number, number_at, numbers, refuse, the_same, time, time_at, times};
use super::lists;
use super::samples::{Reach, Samples};
use crate::functions::range::{RANGE_FUNCTIONS, RangeFunction, find};
use crate::syntax;
use crate::syntax::ast::ValueType;

/// Functions whose value depends on where the window is, not only on what is in it.
const OF_WINDOW: [&str; 3] = ["delta", "increase", "rate"];

/// A range function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Range {
    function: &'static str,
    /// How many numbers stand before time and value.
    before: usize,
    /// How many numbers stand behind them.
    after: usize,
    signature: Signature,
}

/// What is known of a group.
#[derive(Debug)]
struct Collected {
    function: &'static RangeFunction,
    before: usize,
    after: usize,
    /// The numbers of the function and its window, once a row said them.
    told: Option<(Vec<f64>, Reach)>,
    samples: Samples,
}

/// All functions that PromQL has of range vectors.
pub(super) fn all() -> impl Iterator<Item = Range> {
    RANGE_FUNCTIONS.iter().filter_map(|function| {
        let promql = syntax::functions::find(function.name)?;
        let before = promql.args.iter().position(|arg| *arg == ValueType::Matrix)?;
        let after = promql.args.len() - before - 1;
        let signature = Signature::user_defined(Volatility::Immutable);
        Some(Range { function: promql.name, before, after, signature })
    })
}

// === impl Range ===

impl Range {
    /// How many arguments there are before the window.
    fn fixed(&self) -> usize {
        self.before + 2 + self.after
    }

    /// How it is called, for who called it otherwise.
    fn usage(&self) -> String {
        let mut args = vec!["number"; self.before];
        args.extend(["time", "value"]);
        args.extend(vec!["number"; self.after]);
        let (name, args) = (self.function, args.join(", "));
        let all = if OF_WINDOW.contains(&name) { String::new() } else { format!("`{name}({args})`, ") };
        format!("expected {all}`{name}({args}, range)` or `{name}({args}, start, end)`")
    }
}

impl AggregateUDFImpl for Range {
    fn name(&self) -> &str {
        self.function
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        let of_window = args.len().checked_sub(self.fixed());
        let fits = match of_window {
            Some(0) => !OF_WINDOW.contains(&self.function),
            Some(of_window) => of_window <= 2,
            None => false,
        };
        if !fits {
            return plan_err!("{}", self.usage());
        }
        let coerced = args.iter().enumerate().map(|(at, arg)| match at {
            at if at == self.before => time(arg),
            at if at < self.fixed() => number(arg),
            _ if of_window == Some(1) => duration(arg),
            _ => time(arg),
        });
        match coerced.collect::<Option<Vec<_>>>() {
            Some(coerced) => Ok(coerced),
            None => plan_err!("{}", self.usage()),
        }
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let function = find(self.function);
        let function =
            function.ok_or_else(|| internal_datafusion_err!("expected a function, got `{}`", self.function))?;
        let (before, after) = (self.before, self.after);
        Ok(Box::new(Collected { function, before, after, told: None, samples: Samples::default() }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![
            lists::field(args.name, "timestamps", DataType::Int64),
            lists::field(args.name, "values", DataType::Float64),
            lists::field(args.name, "numbers", DataType::Float64),
            lists::field(args.name, "window", DataType::Int64),
        ])
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

// === impl Collected ===

impl Collected {
    /// The arguments beside time and value, where a row has them all.
    fn told(&self, args: &[ArrayRef]) -> Result<Option<(Vec<f64>, Reach)>> {
        let (before, rest) = args.split_at(self.before.min(args.len()));
        let (after, window) = rest.get(2..).unwrap_or_default().split_at(self.after.min(rest.len().saturating_sub(2)));
        let numbers: Vec<ArrayRef> = before.iter().chain(after).cloned().collect();
        let all: Vec<ArrayRef> = numbers.iter().chain(window).cloned().collect();
        if all.is_empty() {
            return Ok(Some((Vec::new(), Reach::All)));
        }
        let Some(row) = the_same(self.function.name, &all)? else { return Ok(None) };
        let numbers = numbers.iter().map(|number| number_at(number, row)).collect::<Result<_>>()?;
        let reach = match window {
            [] => Reach::All,
            [range] => Reach::Back(duration_at(range, row)?),
            [start, end, ..] => Reach::Between(time_at(start, row)?, time_at(end, row)?),
        };
        Ok(Some((numbers, reach)))
    }

    /// Remembers what the function is told, which is the same for all of a group.
    fn tell(&mut self, told: (Vec<f64>, Reach)) -> Result<()> {
        let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        match &self.told {
            Some((numbers, reach)) if (bits(numbers), *reach) != (bits(&told.0), told.1) => {
                let name = self.function.name;
                refuse(&format!("expected what `{name}` takes beside time and value to be the same in a group"))
            }
            Some(_) => Ok(()),
            None => {
                self.told = Some(told);
                Ok(())
            }
        }
    }

    fn time_and_value<'a>(&self, args: &'a [ArrayRef]) -> Result<(&'a ArrayRef, &'a ArrayRef)> {
        args.get(self.before)
            .zip(args.get(self.before + 1))
            .ok_or_else(|| internal_datafusion_err!("expected a time and a value"))
    }
}

/// The rows that have all arguments.
fn valid(args: &[ArrayRef]) -> impl Iterator<Item = usize> {
    let rows = args.first().map_or(0, |arg| arg.len());
    let nulls = NullBuffer::union_many(args.iter().map(|arg| arg.nulls()));
    (0..rows).filter(move |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row)))
}

impl Accumulator for Collected {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let Some(told) = self.told(args)? else { return Ok(()) };
        let (time, value) = self.time_and_value(args)?;
        let (times, values, before) = (times(time)?, numbers(value)?, self.samples.timestamps().len());
        for row in valid(args) {
            if let (Some(time), Some(value)) = (times.get(row), values.get(row)) {
                self.samples.push(*time, *value);
            }
        }
        if self.samples.timestamps().len() > before { self.tell(told) } else { Ok(()) }
    }

    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        self.samples.take_back(valid(args).count());
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = match &self.told {
            Some((numbers, reach)) => self.samples.evaluate(self.function, *reach, numbers)?,
            None => None,
        };
        Ok(ScalarValue::Float64(value))
    }

    fn size(&self) -> usize {
        let numbers = self.told.as_ref().map_or(0, |(numbers, _)| numbers.capacity() * size_of::<f64>());
        size_of_val(self) + self.samples.bytes() + numbers
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (numbers, reach) = self.told.clone().unwrap_or_default();
        let window = match reach {
            Reach::All => Vec::new(),
            Reach::Back(range) => vec![range],
            Reach::Between(start, end) => vec![start, end],
        };
        Ok(vec![
            lists::scalar::<Int64Type>(self.samples.timestamps())?,
            lists::scalar::<Float64Type>(self.samples.values())?,
            lists::scalar::<Float64Type>(&numbers)?,
            lists::scalar::<Int64Type>(&window)?,
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [timestamps, values, numbers, windows] = states else {
            return Err(internal_datafusion_err!("expected the state of `{}`", self.function.name));
        };
        let (timestamps, values) = (lists::rows::<Int64Type>(timestamps)?, lists::rows::<Float64Type>(values)?);
        let (numbers, windows) = (lists::rows::<Float64Type>(numbers)?, lists::rows::<Int64Type>(windows)?);
        let told = numbers.into_iter().zip(windows);
        for ((timestamps, values), (numbers, window)) in timestamps.into_iter().zip(values).zip(told) {
            if timestamps.is_empty() {
                continue;
            }
            let reach = match *window.as_slice() {
                [] => Reach::All,
                [range] => Reach::Back(range),
                [start, end, ..] => Reach::Between(start, end),
            };
            self.tell((numbers, reach))?;
            timestamps.into_iter().zip(values).for_each(|(time, value)| self.samples.push(time, value));
        }
        Ok(())
    }
}
