//! `rate_limit`: lets so many requests into the rest of the pipeline in a period.
//!
//! ```yaml
//! rate_limit: { requests: 100, per: 1s }
//! ```
//!
//! Shape: requests and answers pass untouched, in the order of their arrival. Serves both paths. It counts requests,
//! not samples.
//!
//! Errors: none of its own. A request beyond the rate waits; it is ready by design while at most 64 wait.
//!
//! Order: above what must be spared. A period begins with the first request after the one before has ended, so that a
//! burst of `requests` passes at once.
//!
//! Source: `tower::limit::RateLimit`, behind a `tower::buffer::Buffer` that makes one rate of all clones.

use serde::Deserialize;
use tower::limit::rate::Rate;
use weir_pipeline::units::Span;
use weir_pipeline::{Context, Next, Path, Result, Stage};

use crate::adapt::{self, Forgiving};

/// How many requests wait for their turn before the stage is not ready.
const WAITING: usize = 64;

/// Lets so many requests into the rest of the pipeline in a period.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct RateLimit {
    requests: usize,
    per: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// How many requests; 1 to 1,000,000.
    requests: usize,
    /// In how long; above 0.
    per: Span,
}

// === impl RateLimit ===

impl TryFrom<Fields> for RateLimit {
    type Error = String;

    fn try_from(Fields { requests, per }: Fields) -> Result<Self, String> {
        if per.get().is_zero() {
            return Err(format!("expected `per` above 0, got `{per}`"));
        }
        Ok(Self { requests: adapt::requests(requests)?, per })
    }
}

impl<P: Path> Stage<P> for RateLimit {
    const NAME: &'static str = "rate_limit";

    fn wrap(self, _: &Context, next: Next<P>) -> Result<Next<P>> {
        let rate = Rate::new(self.requests as u64, self.per.get());
        adapt::buffered(WAITING, || tower::limit::RateLimit::new(Forgiving::new(next), rate))
    }
}

#[cfg(test)]
mod tests;
