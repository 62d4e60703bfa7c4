//! Queries: PromQL to DataFusion plans, and Prometheus' HTTP API. The only crate that names DataFusion.

pub mod api;
pub mod bucket;
pub mod cache;
pub mod cluster;
pub mod engine;
mod exec;
mod explain;
mod labels;
pub mod memory;
mod plan;
pub mod promql;
pub mod promqltest;
mod register;
mod sql;
pub use weir_promql::syntax;
use weir_promql::{annotations, functions};

pub use explain::explain;
pub use register::register;
