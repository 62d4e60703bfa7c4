//! `load_shed`: refuses requests while the rest of the pipeline is not ready, instead of letting them wait.
//!
//! ```yaml
//! load_shed: { retry_after: 1s }
//! ```
//!
//! Shape: requests and answers pass untouched. Serves both paths. It is ready by design.
//!
//! Errors: while the rest is not ready, a request fails as unavailable, to be repeated after `retry_after`. (Not as
//! overloaded: that is for a tenant's own limit, and senders drop what it refuses.)
//!
//! Order: right above what is not ready when it is busy: `concurrency_limit`, `buffer`, or the sink.
//!
//! Source: `tower::load_shed`.

use serde::Deserialize;
use tower::util::MapErr;
use weir_pipeline::units::Span;
use weir_pipeline::{Context, Error, Kind, Next, Path, Result, Stage};

use crate::adapt::unbox;

/// Refuses requests while the rest of the pipeline is not ready.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadShed {
    /// How long the sender of a refused request is asked to wait. Default `1s`.
    #[serde(default = "one_second")]
    retry_after: Span,
}

fn one_second() -> Span {
    Span::from_secs(1)
}

// === impl LoadShed ===

impl<P: Path> Stage<P> for LoadShed {
    const NAME: &'static str = "load_shed";

    fn wrap(self, _: &Context, next: Next<P>) -> Result<Next<P>> {
        let kind = Kind::Unavailable { retry_after: Some(self.retry_after.get()) };
        let refused = move || Error::new(kind, "the pipeline is busy");
        let shed = tower::load_shed::LoadShed::new(next);
        Ok(Next::new(MapErr::new(shed, move |error| unbox(error, refused))))
    }
}

#[cfg(test)]
mod tests;
