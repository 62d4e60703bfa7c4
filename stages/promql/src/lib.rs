//! PromQL as a language: its syntax, its values and what its functions make of them. No Arrow, no DataFusion: what plans
//! and runs queries is `weir-query`.

pub mod annotations;
pub mod calendar;
pub mod functions;
pub mod histogram;
pub mod script;
pub mod syntax;
