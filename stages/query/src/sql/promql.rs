//! `promql('expr', start, end, step)` and `promql('expr', time)`: the answer to a PromQL query as a table.
//!
//! Shape: `time`, `value`, where there are native histograms theirs, and a column for each label that a series of the answer
//! has, `__name__` among them. Which columns there are is known once the query was answered: planning says which answers it
//! wants, and is done again once they are there.
//!
//! Errors: those of the PromQL query; arguments that are no times, or not known before the query runs.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::ArrayRef;
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::Expr;
use weir_pipeline::{Ask, Data, Error, LabelSet, Points};

use super::cells::{Builder, Sample};
use super::columns::Columns;
use crate::exec::context::to_datafusion;
use crate::syntax::parse_duration;

/// The name of the function.
pub(crate) const NAME: &str = "promql";

/// How many answers a query may want.
const MAX_ANSWERS: usize = 20;

/// How it is called.
const USAGE: &str = "expected `promql(text, start, end, step)` or `promql(text, time)`";

/// The function, in the session of one query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promql(Arc<Mutex<Answers>>);

/// A PromQL query that an SQL query asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    expr: String,
    start: i64,
    end: i64,
    /// 0 for one time only.
    step: i64,
}

#[derive(Debug, Default)]
struct Answers {
    known: HashMap<Asked, Arc<MemTable>>,
    wanted: Vec<Asked>,
    /// What the answers take.
    memory: Vec<MemoryReservation>,
}

// === impl Asked ===

impl Asked {
    /// As a question to the engine.
    pub(crate) fn ask(&self) -> Ask {
        let (expr, start, end, step) = (self.expr.as_str().into(), self.start, self.end, self.step);
        if step == 0 { Ask::Instant { expr, time: start } } else { Ask::Range { expr, start, end, step } }
    }

    /// How many steps it has after the first.
    pub(crate) fn points(&self) -> u64 {
        let length = self.end.saturating_sub(self.start).max(0);
        length.checked_div(self.step).map_or(0, i64::unsigned_abs)
    }

    /// What a call asks.
    fn of(args: &[Expr]) -> Result<Self> {
        let values = args.iter().map(Expr::as_literal).collect::<Option<Vec<_>>>();
        let Some(values) = values else {
            return invalid("expected arguments of `promql` that are known before it runs");
        };
        let text = |value: &ScalarValue| value.try_as_str().flatten().map(str::to_owned);
        match values.as_slice() {
            [expr, time] => {
                let (Some(expr), time) = (text(expr), millis(time)?) else { return invalid(USAGE) };
                Ok(Self { expr, start: time, end: time, step: 0 })
            }
            [expr, start, end, step] => {
                let Some(expr) = text(expr) else { return invalid(USAGE) };
                let (start, end, step) = (millis(start)?, millis(end)?, duration(step)?);
                Ok(Self { expr, start, end, step })
            }
            _ => invalid(USAGE),
        }
    }
}

/// A time as a timestamp, a text, or seconds.
fn millis(value: &ScalarValue) -> Result<i64> {
    if let Some(Some(text)) = value.try_as_str() {
        let read = text.parse().ok().and_then(of_seconds);
        let read = read.or_else(|| string_to_timestamp_nanos(text).ok().map(|nanos| nanos.div_euclid(1_000_000)));
        return read.map_or_else(|| invalid(&format!("expected a time, got `{text}`")), Ok);
    }
    let time = match value.data_type() {
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            match value.cast_to(&DataType::Timestamp(TimeUnit::Millisecond, None))? {
                ScalarValue::TimestampMillisecond(millis, _) => millis,
                _ => None,
            }
        }
        number if number.is_numeric() => match value.cast_to(&DataType::Float64)? {
            ScalarValue::Float64(seconds) => seconds.and_then(of_seconds),
            _ => None,
        },
        _ => None,
    };
    time.map_or_else(|| invalid(&format!("expected a time, got `{value}`")), Ok)
}

fn of_seconds(seconds: f64) -> Option<i64> {
    let millis = (seconds * 1000.0).round();
    (-9e18..=9e18).contains(&millis).then_some(millis as i64)
}

/// A step as an interval, a text as `1m`, or seconds.
fn duration(value: &ScalarValue) -> Result<i64> {
    let step = match value {
        ScalarValue::IntervalMonthDayNano(Some(interval)) if interval.months == 0 => i64::from(interval.days)
            .checked_mul(86_400_000)
            .and_then(|d| d.checked_add(interval.nanoseconds / 1_000_000)),
        value => match value.try_as_str() {
            Some(Some(text)) => match text.parse().ok().and_then(of_seconds) {
                Some(millis) => Some(millis),
                None => parse_duration(text).ok(),
            },
            _ if value.data_type().is_numeric() => Some(millis(value)?),
            _ => None,
        },
    };
    let step = step.filter(|step| *step > 0);
    step.map_or_else(|| invalid(&format!("expected a step above 0, got `{value}`")), Ok)
}

fn invalid<T>(text: &str) -> Result<T> {
    Err(to_datafusion(Error::invalid(text)))
}

// === impl Promql ===

impl Promql {
    /// What planning wanted since it was last asked.
    ///
    /// # Errors
    /// They are more than a query may want.
    pub(crate) fn wanted(&self) -> Result<Vec<Asked>> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = std::mem::take(&mut answers.wanted);
        if answers.known.len() + wanted.len() > MAX_ANSWERS {
            return invalid(&format!("expected at most {MAX_ANSWERS} calls of `promql`"));
        }
        Ok(wanted)
    }

    /// Takes in an answer, in memory of `memory`.
    ///
    /// # Errors
    /// It is a text, or takes more memory than the query may.
    pub(crate) fn answered(&self, asked: Asked, data: Data, memory: MemoryReservation) -> Result<()> {
        let batch = batch(data, &memory)?;
        memory.try_resize(batch.get_array_memory_size())?;
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.memory.push(memory);
        answers.known.insert(asked, Arc::new(table));
        Ok(())
    }
}

impl TableFunctionImpl for Promql {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let asked = Asked::of(args.exprs())?;
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = answers.known.get(&asked) {
            return Ok(table.clone());
        }
        answers.wanted.push(asked);
        Err(to_datafusion(Error::internal("an answer that planning wants is not there yet")))
    }
}

/// The rows of an answer.
fn batch(data: Data, memory: &MemoryReservation) -> Result<RecordBatch> {
    let series: Vec<(LabelSet, Points)> = match data {
        Data::Matrix(series) => series,
        Data::Vector(samples) => {
            let points = |(labels, time, value)| {
                let mut points = Points::default();
                points.push(time, value);
                (labels, points)
            };
            samples.into_iter().map(points).collect()
        }
        Data::Scalar(time, value) => vec![(LabelSet::default(), vec![(time, value)].into())],
        Data::String(..) => return invalid("expected a PromQL query whose value is a number or a vector"),
        _ => Vec::new(),
    };
    let names = |(labels, _): &(LabelSet, Points)| {
        labels.as_labels().iter().map(|(name, _)| name.to_owned()).collect::<BTreeSet<String>>()
    };
    let histograms = series.iter().any(|(_, points)| !points.histograms.is_empty());
    let columns = Columns::new(series.iter().flat_map(names).collect(), histograms);
    let rows: usize = series.iter().map(|(_, points)| points.len()).sum();
    let width: usize = series.iter().map(|(labels, points)| labels.as_labels().encoded().len() * points.len()).sum();
    let of_histograms = series.iter().flat_map(|(_, points)| &points.histograms);
    let buckets: usize = of_histograms.map(|(_, histogram)| 3 * histogram.byte_size()).sum();
    memory.try_resize(rows * 16 + width + buckets + rows * columns.all().len() * 4)?;
    let mut builders: Vec<Builder> = columns.all().iter().map(Builder::new).collect();
    for (labels, points) in &series {
        let samples = in_order(points);
        builders.iter_mut().for_each(|builder| builder.add(labels.as_labels(), &samples));
    }
    let arrays: Vec<ArrayRef> = builders.into_iter().map(Builder::finish).collect::<Result<_>>()?;
    Ok(RecordBatch::try_new(columns.schema().clone(), arrays)?)
}

/// Samples of both kinds in the order of time.
fn in_order(points: &Points) -> Vec<(i64, Sample<'_>)> {
    let floats = points.floats.iter().map(|(time, value)| (*time, Sample::Float(*value)));
    let histograms = points.histograms.iter().map(|(time, histogram)| (*time, Sample::Histogram(histogram)));
    let mut all: Vec<_> = floats.chain(histograms).collect();
    if !points.histograms.is_empty() {
        all.sort_by_key(|(time, _)| *time);
    }
    all
}
