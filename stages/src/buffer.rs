//! `buffer`: lets so many requests wait while the rest of the pipeline is not ready.
//!
//! ```yaml
//! buffer: { requests: 128 }
//! ```
//!
//! Shape: requests and answers pass untouched, in the order of their arrival. Serves both paths. It is ready by design
//! while there is room. It is no queue that answers early: each caller still waits for the rest's own answer.
//!
//! Errors: none of its own. What waits is lost with its caller, who has had no answer.
//!
//! Order: above what is ready by fits and starts. It holds requests in memory, one more than `requests` at most; a batch
//! shares its buffers with its source, which is why the bound is a count.
//!
//! Source: `tower::buffer`.

use serde::Deserialize;
use weir_pipeline::{Context, Next, Path, Result, Stage};

use crate::adapt::{self, Forgiving};

/// Lets so many requests wait while the rest of the pipeline is not ready.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Buffer {
    requests: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// How many requests; 1 to 1,000,000.
    requests: usize,
}

// === impl Buffer ===

impl TryFrom<Fields> for Buffer {
    type Error = String;

    fn try_from(Fields { requests }: Fields) -> Result<Self, String> {
        adapt::requests(requests).map(|requests| Self { requests })
    }
}

impl<P: Path> Stage<P> for Buffer {
    const NAME: &'static str = "buffer";

    fn wrap(self, _: &Context, next: Next<P>) -> Result<Next<P>> {
        adapt::buffered(self.requests, || Forgiving::new(next))
    }
}

#[cfg(test)]
mod tests;
