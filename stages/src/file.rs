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
//! Errors: a file that can't be written to is unavailable. Written means that the system has it, with `sync` the disk.
//!
//! Order: ends a pipeline. Ready at all times; batches wait for each other.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use serde::Deserialize;
use tower::service_fn;
use weir_pipeline::units::some_path;
use weir_pipeline::{Ack, Batch, Context, Error, Next, Result, Sink, Write};

pub use crate::lines::Format;

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
        let Self { path, format, sync } = self;
        let shown: Arc<str> = path.display().to_string().into();
        let opened = std::fs::File::options().create(true).append(true).open(&path);
        let wrong = |e| Error::unavailable(format!("expected a file to write to at `{shown}`")).with_source(e);
        let file = Arc::new(Mutex::new(opened.map_err(wrong)?));
        Ok(Next::new(service_fn(move |batch: Batch| {
            let (file, shown) = (file.clone(), shown.clone());
            async move {
                let samples = batch.sample_count() as u64;
                let write = move || {
                    let lines = format.lines(&batch);
                    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                    file.write_all(lines.as_bytes())?;
                    if sync { file.sync_data() } else { Ok(()) }
                };
                let wrote = tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other).flatten();
                wrote.map_err(|e| Error::unavailable(format!("expected to write to `{shown}`")).with_source(e))?;
                Ok(Ack::written(samples))
            }
            .boxed()
        })))
    }
}

#[cfg(test)]
mod tests;
