//! `stdout`: writes what flows to standard output.
//!
//! ```yaml
//! sink: { stdout: { format: json } }
//! ```
//!
//! Shape: one batch after the other, as Prometheus text, or with `format: json` a line for each series. The log goes to
//! standard error, what `weir run` says at its start to standard output, too.
//!
//! Errors: an output that can't be written to is unavailable.
//!
//! Order: ends a pipeline. Ready at all times; batches wait for each other.

use std::io::{self, Write as _};

use serde::Deserialize;
use weir_pipeline::{Context, Next, Result, Sink, Write};

use crate::lines::{Format, sink};

/// Writes what flows to standard output.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stdout {
    /// How batches are written: `text` or `json`. Default `text`.
    #[serde(default)]
    pub format: Format,
}

// === impl Stdout ===

impl Sink<Write> for Stdout {
    const NAME: &'static str = "stdout";

    fn open(self, _: &Context) -> Result<Next<Write>> {
        Ok(sink(self.format, io::stdout(), "standard output", |out| out.flush()))
    }
}

#[cfg(test)]
mod tests;
