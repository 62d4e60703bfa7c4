//! SQL over metrics: a table for each metric, PromQL as a table function, PromQL's functions as functions of SQL.
//!
//! Shape: a query has a session of its own, in which there is what its tenant has and nothing else. It is read
//! ([`statement`]), what it names is looked up ([`catalog`]), planned by DataFusion over scans that have its filters
//! ([`filter`], [`table`], [`rows`]), and its rows are written in the form that is asked for ([`encode`]). Nothing can
//! be written, and no file read.

pub(crate) mod catalog;
mod cells;
pub(crate) mod columns;
pub(crate) mod encode;
mod filter;
mod functions;
pub(crate) mod promql;
mod rows;
pub(crate) mod session;
pub(crate) mod statement;
mod table;

#[cfg(test)]
pub(crate) mod tests;
