//! Queries: PromQL to DataFusion plans, and Prometheus' HTTP API. The only crate that names DataFusion.

pub mod api;
pub mod cluster;
pub mod engine;
mod exec;
mod explain;
mod functions;
mod plan;
pub mod promql;
mod register;
pub use weir_promql::syntax;

pub use explain::explain;
pub use register::register;
