//! What the functions, operators and aggregations of PromQL make of values: one per file, stateless, without plans.

pub mod aggregate;
pub mod binary;
pub mod compensated;
pub mod element;
pub mod labels;
pub mod math;
pub mod quantile;
pub mod range;
pub mod sample_quantile;
