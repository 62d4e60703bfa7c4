//! The functions of PromQL: names, arguments, values.
//!
//! Source: `promql/parser/functions.go` of Prometheus 3.14.

use super::ast::ValueType;
use super::ast::ValueType::{Matrix, Scalar, String, Vector};

/// A function.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// The name.
    pub name: &'static str,
    /// The types of the arguments; the last one holds for all that follow.
    pub args: &'static [ValueType],
    /// The fewest arguments.
    pub min: usize,
    /// The most arguments.
    pub max: usize,
    /// The type of the value.
    pub value: ValueType,
    /// Whether Prometheus asks for a flag before it runs it.
    pub experimental: bool,
}

/// Functions whose value depends on when they are evaluated, even where their arguments do not.
///
/// Source: `AtModifierUnsafeFunctions` of Prometheus' `promql/engine.go`.
const OF_TIME: [&str; 15] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "end",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
    "year",
];

impl Function {
    /// Whether the value depends on when it is evaluated, even where the arguments do not.
    pub fn is_of_time(&self) -> bool {
        OF_TIME.contains(&self.name)
    }
}

/// The function `name`.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.binary_search_by(|f| f.name.cmp(name)).ok().map(|i| &FUNCTIONS[i])
}

const fn function(
    name: &'static str,
    args: &'static [ValueType],
    min: usize,
    max: usize,
    value: ValueType,
    experimental: bool,
) -> Function {
    Function { name, args, min, max, value, experimental }
}

/// All functions, sorted by name.
pub static FUNCTIONS: [Function; 90] = [
    function("abs", &[Vector], 1, 1, Vector, false),
    function("absent", &[Vector], 1, 1, Vector, false),
    function("absent_over_time", &[Matrix], 1, 1, Vector, false),
    function("acos", &[Vector], 1, 1, Vector, false),
    function("acosh", &[Vector], 1, 1, Vector, false),
    function("asin", &[Vector], 1, 1, Vector, false),
    function("asinh", &[Vector], 1, 1, Vector, false),
    function("atan", &[Vector], 1, 1, Vector, false),
    function("atanh", &[Vector], 1, 1, Vector, false),
    function("avg_over_time", &[Matrix], 1, 1, Vector, false),
    function("ceil", &[Vector], 1, 1, Vector, false),
    function("changes", &[Matrix], 1, 1, Vector, false),
    function("clamp", &[Vector, Scalar, Scalar], 3, 3, Vector, false),
    function("clamp_max", &[Vector, Scalar], 2, 2, Vector, false),
    function("clamp_min", &[Vector, Scalar], 2, 2, Vector, false),
    function("cos", &[Vector], 1, 1, Vector, false),
    function("cosh", &[Vector], 1, 1, Vector, false),
    function("count_over_time", &[Matrix], 1, 1, Vector, false),
    function("day_of_month", &[Vector], 0, 1, Vector, false),
    function("day_of_week", &[Vector], 0, 1, Vector, false),
    function("day_of_year", &[Vector], 0, 1, Vector, false),
    function("days_in_month", &[Vector], 0, 1, Vector, false),
    function("deg", &[Vector], 1, 1, Vector, false),
    function("delta", &[Matrix], 1, 1, Vector, false),
    function("deriv", &[Matrix], 1, 1, Vector, false),
    function("double_exponential_smoothing", &[Matrix, Scalar, Scalar], 3, 3, Vector, true),
    function("end", &[], 0, 0, Scalar, true),
    function("exp", &[Vector], 1, 1, Vector, false),
    function("first_over_time", &[Matrix], 1, 1, Vector, false),
    function("floor", &[Vector], 1, 1, Vector, false),
    function("histogram_avg", &[Vector], 1, 1, Vector, false),
    function("histogram_count", &[Vector], 1, 1, Vector, false),
    function("histogram_fraction", &[Scalar, Scalar, Vector], 3, 3, Vector, false),
    function("histogram_quantile", &[Scalar, Vector], 2, 2, Vector, false),
    function(
        "histogram_quantiles",
        &[Vector, String, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar, Scalar],
        3,
        12,
        Vector,
        true,
    ),
    function("histogram_stddev", &[Vector], 1, 1, Vector, false),
    function("histogram_stdvar", &[Vector], 1, 1, Vector, false),
    function("histogram_sum", &[Vector], 1, 1, Vector, false),
    function("hour", &[Vector], 0, 1, Vector, false),
    function("idelta", &[Matrix], 1, 1, Vector, false),
    function("increase", &[Matrix], 1, 1, Vector, false),
    function("info", &[Vector, Vector], 1, 2, Vector, true),
    function("irate", &[Matrix], 1, 1, Vector, false),
    function("label_join", &[Vector, String, String, String], 3, usize::MAX, Vector, false),
    function("label_replace", &[Vector, String, String, String, String], 5, 5, Vector, false),
    function("last_over_time", &[Matrix], 1, 1, Vector, false),
    function("ln", &[Vector], 1, 1, Vector, false),
    function("log10", &[Vector], 1, 1, Vector, false),
    function("log2", &[Vector], 1, 1, Vector, false),
    function("mad_over_time", &[Matrix], 1, 1, Vector, true),
    function("max_of", &[Scalar, Scalar], 2, 2, Scalar, true),
    function("max_over_time", &[Matrix], 1, 1, Vector, false),
    function("min_of", &[Scalar, Scalar], 2, 2, Scalar, true),
    function("min_over_time", &[Matrix], 1, 1, Vector, false),
    function("minute", &[Vector], 0, 1, Vector, false),
    function("month", &[Vector], 0, 1, Vector, false),
    function("pi", &[], 0, 0, Scalar, false),
    function("predict_linear", &[Matrix, Scalar], 2, 2, Vector, false),
    function("present_over_time", &[Matrix], 1, 1, Vector, false),
    function("quantile_over_time", &[Scalar, Matrix], 2, 2, Vector, false),
    function("rad", &[Vector], 1, 1, Vector, false),
    function("range", &[], 0, 0, Scalar, true),
    function("rate", &[Matrix], 1, 1, Vector, false),
    function("resets", &[Matrix], 1, 1, Vector, false),
    function("round", &[Vector, Scalar], 1, 2, Vector, false),
    function("scalar", &[Vector], 1, 1, Scalar, false),
    function("sgn", &[Vector], 1, 1, Vector, false),
    function("sin", &[Vector], 1, 1, Vector, false),
    function("sinh", &[Vector], 1, 1, Vector, false),
    function("sort", &[Vector], 1, 1, Vector, false),
    function("sort_by_label", &[Vector, String], 1, usize::MAX, Vector, true),
    function("sort_by_label_desc", &[Vector, String], 1, usize::MAX, Vector, true),
    function("sort_desc", &[Vector], 1, 1, Vector, false),
    function("sqrt", &[Vector], 1, 1, Vector, false),
    function("start", &[], 0, 0, Scalar, true),
    function("start_timestamp", &[Vector], 1, 1, Vector, true),
    function("stddev_over_time", &[Matrix], 1, 1, Vector, false),
    function("stdvar_over_time", &[Matrix], 1, 1, Vector, false),
    function("step", &[], 0, 0, Scalar, true),
    function("sum_over_time", &[Matrix], 1, 1, Vector, false),
    function("tan", &[Vector], 1, 1, Vector, false),
    function("tanh", &[Vector], 1, 1, Vector, false),
    function("time", &[], 0, 0, Scalar, false),
    function("timestamp", &[Vector], 1, 1, Vector, false),
    function("ts_of_first_over_time", &[Matrix], 1, 1, Vector, true),
    function("ts_of_last_over_time", &[Matrix], 1, 1, Vector, true),
    function("ts_of_max_over_time", &[Matrix], 1, 1, Vector, true),
    function("ts_of_min_over_time", &[Matrix], 1, 1, Vector, true),
    function("vector", &[Scalar], 1, 1, Vector, false),
    function("year", &[Vector], 0, 1, Vector, false),
];
