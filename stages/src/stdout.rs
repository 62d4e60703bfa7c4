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

use std::io::Write as _;

use futures_util::FutureExt;
use serde::Deserialize;
use tower::service_fn;
use weir_pipeline::{Ack, Batch, Context, Error, Next, Result, Sink, Write};

use crate::lines::Format;

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
        let format = self.format;
        Ok(Next::new(service_fn(move |batch: Batch| {
            async move {
                let samples = batch.sample_count() as u64;
                let write = move || {
                    let lines = format.lines(&batch);
                    let mut out = std::io::stdout().lock();
                    out.write_all(lines.as_bytes())?;
                    out.flush()
                };
                let wrote = tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other).flatten();
                wrote.map_err(|e| Error::unavailable("expected to write to standard output").with_source(e))?;
                Ok(Ack::written(samples))
            }
            .boxed()
        })))
    }
}

#[cfg(test)]
mod tests;
