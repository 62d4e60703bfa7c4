//! Queries: PromQL to DataFusion plans, and Prometheus' HTTP API. The only crate that names DataFusion.

pub mod api;
pub mod engine;
mod exec;
mod functions;
mod plan;
pub mod promql;
mod register;
pub mod syntax;

pub use engine::explain;
pub use register::register;
