//! `file`: appends what flows to a file.
//!
//! ```yaml
//! sink: { file: { path: ./data/samples.txt } }
//! ```
//!
//! All settings: `file: { path: ./data/samples.txt, format: text, sync: false, max_bytes: 100MiB, max_files: 5 }`.
//!
//! Shape: one batch after the other, as Prometheus text, or with `format: json` a line for each series. The file is made where
//! there is none, and its directory is not. With `max_bytes` a batch that would make it larger begins a new one: the one so far
//! becomes `samples.txt.1`, that of before `samples.txt.2`, and so on, of which `max_files` are kept. A batch is in one file. A
//! file that was moved away or removed, as logrotate does, is made anew with the next batch.
//!
//! Errors: native histograms, for which Prometheus text has no notation, are dropped, reason `histogram_unsupported`; JSON has
//! them. A file that can't be written to, or moved, is unavailable. Written means that the system has it, with `sync` the disk.
//!
//! Order: ends a pipeline. Ready at all times; batches wait for each other.

mod rotated;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Deserialize;
use weir_pipeline::units::{Bytes, some_path};
use weir_pipeline::{Context, Error, Next, Result, Sink, Write};

pub use crate::lines::Format;
use crate::lines::sink;
use rotated::Rotated;

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
    /// How large the file may become. Default: no limit.
    #[serde(default)]
    pub max_bytes: Option<Bytes>,
    /// How many files are kept beside it, once `max_bytes` has others begin. Default 5.
    #[serde(default = "default_files")]
    pub max_files: NonZeroUsize,
}

fn default_files() -> NonZeroUsize {
    const { NonZeroUsize::new(5).unwrap() }
}

// === impl File ===

impl Sink<Write> for File {
    const NAME: &'static str = "file";

    fn open(self, _: &Context) -> Result<Next<Write>> {
        let name = format!("`{}`", self.path.display());
        let wrong = |e| Error::unavailable(format!("expected a file to write to at {name}")).with_source(e);
        let end = if self.sync { Rotated::sync } else { |_: &mut Rotated| Ok(()) };
        let format = self.format;
        Ok(sink(format, Rotated::open(self).map_err(wrong)?, &name, end))
    }
}

#[cfg(test)]
mod tests;
