//! Arguments of aggregates: times and durations in the types that SQL has for them, and numbers that are the same in
//! all rows of a group.

use arrow::array::{Array, ArrayRef, Scalar, StringArray};
use arrow::compute::kernels::cmp::eq;
use arrow::datatypes::{
    DataType, DurationMillisecondType, Float64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    TimestampMillisecondType,
};
use datafusion::common::cast::{as_primitive_array, as_string_array};
use datafusion::common::{Result, exec_err};
use weir_pipeline::Error;

use crate::exec::context::to_datafusion;
use crate::sql::columns::time_type;
use crate::syntax::parse_duration;

/// The nanoseconds of a day and of a millisecond.
const DAY: i64 = 86_400_000_000_000;
const MILLI: i64 = 1_000_000;

/// The type that a time is brought to: milliseconds, or seconds as a number. `None` for what is no time.
pub(super) fn time(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Null => Some(time_type()),
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Some(time_type()),
        number if number.is_numeric() => Some(DataType::Float64),
        _ => None,
    }
}

/// The type that a duration is brought to: an interval, a text as `5m`, or seconds as a number. `None` for what is
/// none.
pub(super) fn duration(data_type: &DataType) -> Option<DataType> {
    match data_type {
        DataType::Interval(_) | DataType::Null => Some(DataType::Interval(IntervalUnit::MonthDayNano)),
        DataType::Duration(_) => Some(DataType::Duration(TimeUnit::Millisecond)),
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => Some(DataType::Utf8),
        number if number.is_numeric() => Some(DataType::Float64),
        _ => None,
    }
}

/// The type that a number is brought to. `None` for what is none.
pub(super) fn number(data_type: &DataType) -> Option<DataType> {
    (data_type.is_numeric() || data_type.is_null()).then_some(DataType::Float64)
}

/// The milliseconds of a time in `row`, which is valid.
pub(super) fn time_at(column: &ArrayRef, row: usize) -> Result<i64> {
    times(&column.slice(row, 1)).map(|times| times.first().copied().unwrap_or_default())
}

/// The milliseconds of times; of NULL any.
pub(super) fn times(column: &ArrayRef) -> Result<Vec<i64>> {
    match column.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Ok(as_primitive_array::<TimestampMillisecondType>(column)?.values().to_vec())
        }
        DataType::Float64 => {
            let seconds = as_primitive_array::<Float64Type>(column)?;
            seconds.iter().map(|seconds| seconds.map_or(Ok(0), of_seconds)).collect()
        }
        other => exec_err!("expected a time, got `{other}`"),
    }
}

fn of_seconds(seconds: f64) -> Result<i64> {
    let millis = (seconds * 1000.0).round();
    if !(-9e18..=9e18).contains(&millis) {
        return refuse(&format!("expected a time in seconds, got `{seconds}`"));
    }
    Ok(millis as i64)
}

/// The milliseconds of a duration in `row`, which is valid.
pub(super) fn duration_at(column: &ArrayRef, row: usize) -> Result<i64> {
    let millis = match column.data_type() {
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let interval = as_primitive_array::<IntervalMonthDayNanoType>(column)?.value(row);
            if interval.months != 0 {
                return refuse("expected a range of days or less, got one of months");
            }
            let nanos = i64::from(interval.days).checked_mul(DAY).and_then(|n| n.checked_add(interval.nanoseconds));
            nanos.map_or(i64::MAX, |nanos| nanos / MILLI)
        }
        DataType::Duration(TimeUnit::Millisecond) => as_primitive_array::<DurationMillisecondType>(column)?.value(row),
        DataType::Utf8 => {
            let text: &StringArray = as_string_array(column)?;
            parse_duration(text.value(row)).or_else(|why| refuse(&why))?
        }
        DataType::Float64 => (number_at(column, row)? * 1000.0).round() as i64,
        other => return exec_err!("expected a duration, got `{other}`"),
    };
    if millis <= 0 { refuse("expected a range above 0") } else { Ok(millis) }
}

/// Numbers; of NULL any.
pub(super) fn numbers(column: &ArrayRef) -> Result<&[f64]> {
    Ok(as_primitive_array::<Float64Type>(column)?.values())
}

/// A number in `row`, which is valid.
pub(super) fn number_at(column: &ArrayRef, row: usize) -> Result<f64> {
    Ok(as_primitive_array::<Float64Type>(column)?.value(row))
}

/// A row in which all columns have a value, where all such rows have the same values: arguments that are the same in a
/// whole group. `None` where there is no such row.
pub(super) fn the_same(function: &str, columns: &[ArrayRef]) -> Result<Option<usize>> {
    let rows = columns.first().map_or(0, |column| column.len());
    let Some(first) = (0..rows).find(|row| columns.iter().all(|column| column.is_valid(*row))) else {
        return Ok(None);
    };
    for column in columns {
        let same = eq(column, &Scalar::new(column.slice(first, 1)))?;
        if same.false_count() > 0 {
            return refuse(&format!(
                "expected what `{function}` takes beside time and value to be the same in a group"
            ));
        }
    }
    Ok(Some(first))
}

/// The query can't be answered.
pub(super) fn refuse<T>(why: &str) -> Result<T> {
    Err(to_datafusion(Error::unprocessable(why)))
}
