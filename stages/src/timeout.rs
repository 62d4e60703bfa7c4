//! `timeout`: gives the rest of the pipeline so long for each request.
//!
//! ```yaml
//! timeout: 30s
//! ```
//!
//! Shape: requests and answers pass untouched. Serves both paths.
//!
//! Errors: a request that takes longer fails as timed out, and what the rest does for it is dropped. On the write path
//! that says nothing of its samples: some may be written, so the sender repeats them and the store merges them.
//!
//! Order: the time runs from the request, not while the stage waits until the rest is ready: a `buffer` or `retry`
//! below is included, above it is not.
//!
//! Source: `tower::timeout`.

use serde::Deserialize;
use tower::util::MapErr;
use weir_pipeline::units::Span;
use weir_pipeline::{Context, Error, Kind, Next, Path, Result, Stage};

use crate::adapt::unbox;

/// Gives the rest of the pipeline so long for each request; above 0.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Span")]
pub struct Timeout(Span);

// === impl Timeout ===

impl TryFrom<Span> for Timeout {
    type Error = String;

    fn try_from(span: Span) -> Result<Self, String> {
        if span.get().is_zero() { Err(format!("expected a duration above 0, got `{span}`")) } else { Ok(Self(span)) }
    }
}

impl<P: Path> Stage<P> for Timeout {
    const NAME: &'static str = "timeout";

    fn wrap(self, _: &Context, next: Next<P>) -> Result<Next<P>> {
        let late = move || Error::new(Kind::TimedOut, format!("expected an answer within {}", self.0));
        let timeout = tower::timeout::Timeout::new(next, self.0.get());
        Ok(Next::new(MapErr::new(timeout, move |error| unbox(error, late))))
    }
}

#[cfg(test)]
mod tests;
