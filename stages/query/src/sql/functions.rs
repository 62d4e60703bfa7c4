//! PromQL's functions in SQL.
//!
//! Shape: those of an element are scalar functions, those of a range vector and of a histogram's buckets aggregates,
//! which are window functions, too. A function has the name that PromQL has for it, or where SQL has a function of that
//! name,
//! `promql_` before it. Each is stateless: what it needs to know are arguments, so that plans stay distributable.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

mod arguments;
mod buckets;
mod element;
mod lists;
mod range;
mod samples;

/// What stands before the name of a function whose own name SQL has.
const PREFIX: &str = "promql_";

/// The functions of an element, where SQL has functions of the names `taken`.
pub(super) fn scalars(taken: &HashSet<String>) -> Vec<Arc<ScalarUDF>> {
    element::all(taken).map(|function| Arc::new(ScalarUDF::new_from_impl(function))).collect()
}

/// The functions of a range vector, and of a histogram's buckets.
pub(super) fn aggregates() -> Vec<Arc<AggregateUDF>> {
    let ranges = range::all().map(|function| Arc::new(AggregateUDF::new_from_impl(function)));
    ranges.chain(buckets::all().map(|function| Arc::new(AggregateUDF::new_from_impl(function)))).collect()
}

#[cfg(test)]
mod tests;
