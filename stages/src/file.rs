//! `file`: appends what flows to a file.
//!
//! ```yaml
//! sink: { file: { path: ./data/samples.txt } }
//! ```
//!
//! All settings: `file: { path: ./data/samples.txt, format: text, sync: false }`.
//!
//! Shape: one batch after the other, as Prometheus text, or with `format: json` a line for each series. The file is made where
//! there is none, and its directory is not. It grows without a bound, and is not rotated.
//!
//! Errors: native histograms, for which Prometheus text has no notation, are dropped, reason `histogram_unsupported`; JSON has
//! them. A file that can't be written to is unavailable. Written means that the system has it, with `sync` the disk.
//!
//! Order: ends a pipeline. Ready at all times; batches wait for each other.

use std::path::PathBuf;

use serde::Deserialize;
use weir_pipeline::units::some_path;
use weir_pipeline::{Context, Error, Next, Result, Sink, Write};

pub use crate::lines::Format;
use crate::lines::sink;

/// Appends what flows to a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The file. No default.
    #[serde(deserialize_with = "some_path")]
    pub path: PathBuf,
    /// How batches are written: `text` or `json`. Default `text`.
    #[serde(default)]
    pub format: Format,
    /// Whether each batch is synced to the disk before it is acknowledged. Default false.
    #[serde(default)]
    pub sync: bool,
}

// === impl File ===

impl Sink<Write> for File {
    const NAME: &'static str = "file";

    fn open(self, _: &Context) -> Result<Next<Write>> {
        let shown = self.path.display();
        let opened = std::fs::File::options().create(true).append(true).open(&self.path);
        let wrong = |e| Error::unavailable(format!("expected a file to write to at `{shown}`")).with_source(e);
        let end = if self.sync { |file: &mut std::fs::File| file.sync_data() } else { |_: &mut _| Ok(()) };
        Ok(sink(self.format, opened.map_err(wrong)?, &format!("`{shown}`"), end))
    }
}

#[cfg(test)]
mod tests;
