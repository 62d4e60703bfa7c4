//! `concurrency_limit`: lets so many requests into the rest of the pipeline at a time.
//!
//! ```yaml
//! concurrency_limit: 64
//! ```
//!
//! Shape: requests and answers pass untouched. Serves both paths.
//!
//! Errors: none of its own. Where the limit is reached the stage is not ready; who would rather be refused puts
//! `load_shed` above it.
//!
//! Order: above what is scarce, as a store or a remote. A caller holds its place from the moment that the stage is ready
//! for it until it has its answer.
//!
//! Source: `tower::limit::ConcurrencyLimit`.

use serde::Deserialize;
use weir_pipeline::{Context, Next, Path, Result, Stage};

use crate::adapt::requests;

/// Lets so many requests into the rest of the pipeline at a time; 1 to 1,000,000, over all clones of the stage.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "usize")]
pub struct ConcurrencyLimit(usize);

// === impl ConcurrencyLimit ===

impl TryFrom<usize> for ConcurrencyLimit {
    type Error = String;

    fn try_from(limit: usize) -> Result<Self, String> {
        requests(limit).map(Self)
    }
}

impl<P: Path> Stage<P> for ConcurrencyLimit {
    const NAME: &'static str = "concurrency_limit";

    fn wrap(self, _: &Context, next: Next<P>) -> Result<Next<P>> {
        Ok(Next::new(tower::limit::ConcurrencyLimit::new(next, self.0)))
    }
}

#[cfg(test)]
mod tests;
