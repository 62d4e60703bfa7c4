//! What tests of components need: batches as text, a rest of the pipeline that records, and the contract that every
//! stage and sink keeps.
//!
//! ```
//! use weir_pipeline::testing::{self, Subject};
//! # use weir_pipeline::{Ack, Batch, Result, Transform};
//! # #[derive(Clone, serde::Deserialize)]
//! # struct Nothing {}
//! # impl Transform for Nothing {
//! #     const NAME: &'static str = "nothing";
//! #     fn apply(&self, batch: Batch) -> Result<(Batch, Ack)> { Ok((batch, Ack::default())) }
//! # }
//! testing::assert_contract(Subject::transform(Nothing {}));
//! ```
//!
//! Everything here panics where a test should fail: it belongs in tests only.

#![allow(clippy::panic)]

mod contract;
mod corpus;
mod histograms;
mod recorder;
mod requests;
mod source;
mod text;
mod yaml;

pub use contract::{Subject, assert_contract, assert_sink_contract, check_contract, check_sink_contract};
pub use corpus::{Dice, replay};
pub use histograms::{histogram, histogram_bits, histogram_point};
pub use recorder::Recorder;
pub use requests::{Requests, request};
pub use source::{assert_source_contract, check_source_contract};
pub use text::{batch, text};
pub use yaml::{documented, settings};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::context::Context;
use crate::metrics::Metrics;

/// A context of its own, at `test.stages[0]`, with a clock that shows 1,000,000,000,000 now and moves with tokio's time.
/// Must be called within a tokio runtime.
pub fn context() -> Context {
    let context = Context::new(Clock::starting_at(1_000_000_000_000), Metrics::default(), CancellationToken::new());
    context.at("test", "test.stages[0]")
}

#[cfg(test)]
mod tests;
