//! Functions of one element of an instant vector: `abs(v)`, `clamp(v, min, max)`. One function, or one family of a shape,
//! per file.
//!
//! Source: `promql/functions.go` of Prometheus 3.14.

use weir_pipeline::{Histogram, Value};

mod calendar;
mod histogram;
mod limit;
mod negate;
mod rounding;
mod simple;
mod timestamp;
mod trig;

/// When and with what an element function is called.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The time of the step, in milliseconds since the Unix epoch.
    pub time: i64,
    /// The numbers among the arguments, in their order.
    pub args: &'a [f64],
}

/// Which labels go, because the result is no longer the metric. Without a function nothing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drops {
    /// `__name__`
    Name,
    /// `__name__`, `__type__` and `__unit__`.
    Metadata,
}

/// What a function makes of a float; `None` where the element goes.
pub type OfFloat = fn(f64, Call<'_>) -> Option<f64>;

/// What a function makes of a native histogram; `None` where the element goes.
pub type OfHistogram = fn(&Histogram, Call<'_>) -> Option<Value>;

/// A function from an element to a value.
#[derive(Debug)]
pub struct ElementFunction {
    /// The name, as in PromQL.
    pub name: &'static str,
    /// What the result is without.
    pub drops: Drops,
    /// What it makes of floats; without it they go.
    pub of_float: Option<OfFloat>,
    /// What it makes of histograms; without it they go.
    pub of_histogram: Option<OfHistogram>,
}

/// Every element function, sorted by name. Unary minus is `-`.
pub static ELEMENT_FUNCTIONS: [&ElementFunction; 43] = [
    &negate::NEGATE,
    &simple::ABS,
    &trig::ACOS,
    &trig::ACOSH,
    &trig::ASIN,
    &trig::ASINH,
    &trig::ATAN,
    &trig::ATANH,
    &rounding::CEIL,
    &limit::CLAMP,
    &limit::CLAMP_MAX,
    &limit::CLAMP_MIN,
    &trig::COS,
    &trig::COSH,
    &calendar::DAY_OF_MONTH,
    &calendar::DAY_OF_WEEK,
    &calendar::DAY_OF_YEAR,
    &calendar::DAYS_IN_MONTH,
    &trig::DEG,
    &simple::EXP,
    &rounding::FLOOR,
    &histogram::AVG,
    &histogram::COUNT,
    &histogram::STDDEV,
    &histogram::STDVAR,
    &histogram::SUM,
    &calendar::HOUR,
    &simple::LN,
    &simple::LOG10,
    &simple::LOG2,
    &calendar::MINUTE,
    &calendar::MONTH,
    &trig::RAD,
    &rounding::ROUND,
    &simple::SGN,
    &trig::SIN,
    &trig::SINH,
    &simple::SQRT,
    &timestamp::START_TIMESTAMP,
    &trig::TAN,
    &trig::TANH,
    &timestamp::TIMESTAMP,
    &calendar::YEAR,
];

/// The element function `name`.
pub fn find(name: &str) -> Option<&'static ElementFunction> {
    ELEMENT_FUNCTIONS.binary_search_by(|f| f.name.cmp(name)).ok().and_then(|i| ELEMENT_FUNCTIONS.get(i).copied())
}

/// A function of floats alone.
const fn of_floats(name: &'static str, of_float: OfFloat) -> ElementFunction {
    ElementFunction { name, drops: Drops::Metadata, of_float: Some(of_float), of_histogram: None }
}

/// A function of histograms alone. As in Prometheus it takes the metric's name and leaves type and unit.
const fn of_histograms(name: &'static str, of_histogram: OfHistogram) -> ElementFunction {
    ElementFunction { name, drops: Drops::Name, of_float: None, of_histogram: Some(of_histogram) }
}

// === impl ElementFunction ===

impl ElementFunction {
    /// The value, or none where there is none for this element. No function of an element has anything to note.
    pub fn eval(&self, value: &Value, call: Call<'_>) -> Option<Value> {
        match value {
            Value::Float(float) => self.of_float?(*float, call).map(Value::Float),
            Value::Histogram(histogram) => self.of_histogram?(histogram, call),
        }
    }
}

#[cfg(test)]
mod tests;
