//! The functions of PromQL, one per file.
//!
//! They are stateless and travel by name: what varies from call to call (a range, a quantile) is an argument, never a
//! field. Range functions see one window of one series ([`range_function`]); functions over labels and step vectors are
//! DataFusion functions ([`scalar_functions`], [`aggregate_functions`]).

use std::sync::{Arc, LazyLock};

use datafusion::logical_expr::{AggregateUDF, Expr, ScalarUDF};

mod aggregate;
mod avg_over_time;
mod compensated;
mod count_over_time;
mod extrapolated;
mod instant;
mod irate;
mod labels;
mod last_over_time;
mod max_over_time;
mod min_over_time;
mod negate;
mod operators;
pub(crate) mod quantile;
mod sum_over_time;
mod window;

pub(crate) use labels::{is_metadata, key_of, labels_by, labels_without};
pub(crate) use operators::{Kernel, kernel, name_of as operator_function};
pub(crate) use window::{RangeFunction, Window};

/// Every range function, the instant selector among them.
static RANGE_FUNCTIONS: [&RangeFunction; 11] = [
    &avg_over_time::AVG_OVER_TIME,
    &count_over_time::COUNT_OVER_TIME,
    &extrapolated::DELTA,
    &extrapolated::INCREASE,
    &extrapolated::RATE,
    &instant::INSTANT,
    &irate::IRATE,
    &last_over_time::LAST_OVER_TIME,
    &max_over_time::MAX_OVER_TIME,
    &min_over_time::MIN_OVER_TIME,
    &sum_over_time::SUM_OVER_TIME,
];

static SCALAR: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
    let mut all = labels::functions();
    all.push(negate::function());
    all.extend(operators::functions());
    all
});

static AGGREGATE: LazyLock<Vec<Arc<AggregateUDF>>> = LazyLock::new(aggregate::functions);

/// The name of the function that evaluates an instant selector.
pub(crate) const INSTANT: &str = instant::INSTANT.name;

/// The range function `name`.
pub(crate) fn range_function(name: &str) -> Option<&'static RangeFunction> {
    RANGE_FUNCTIONS.iter().find(|f| f.name == name).copied()
}

/// All functions over rows, to be registered with a session.
pub(crate) fn scalar_functions() -> &'static [Arc<ScalarUDF>] {
    &SCALAR
}

/// All aggregations, to be registered with a session.
pub(crate) fn aggregate_functions() -> &'static [Arc<AggregateUDF>] {
    &AGGREGATE
}

/// The call of the function over rows `name`.
pub(crate) fn call(name: &str, args: Vec<Expr>) -> datafusion::common::Result<Expr> {
    match SCALAR.iter().find(|f| f.name() == name) {
        Some(function) => Ok(function.call(args)),
        None => datafusion::common::internal_err!("there is no function `{name}`"),
    }
}

/// The call of the aggregation `name`.
pub(crate) fn aggregate(name: &str, arg: Expr) -> datafusion::common::Result<Expr> {
    match AGGREGATE.iter().find(|f| f.name() == name) {
        Some(function) => Ok(function.call(vec![arg])),
        None => datafusion::common::internal_err!("there is no aggregation `{name}`"),
    }
}

#[cfg(test)]
mod tests;
