//! What was made of files, and is made again where they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use weir_pipeline::Result;

/// What was made of files.
#[derive(Debug)]
pub(crate) struct Renewed<C> {
    /// What the files have, for logs.
    what: &'static str,
    files: Vec<PathBuf>,
    current: Mutex<Current<C>>,
}

#[derive(Debug)]
struct Current<C> {
    /// What the files were like when they were looked at last.
    stamps: Vec<Stamp>,
    config: Arc<C>,
}

/// When a file was changed, and its size.
type Stamp = Option<(SystemTime, u64)>;

// === impl Renewed ===

impl<C> Renewed<C> {
    /// What `load` makes of the files, which have `what`.
    ///
    /// # Errors
    /// Those of `load`.
    pub(crate) fn new(what: &'static str, files: Vec<PathBuf>, load: impl FnOnce() -> Result<C>) -> Result<Self> {
        let current = Current { stamps: stamps(&files), config: Arc::new(load()?) };
        Ok(Self { what, files, current: Mutex::new(current) })
    }

    /// What goes on: what the files have now, where that can be used.
    pub(crate) fn config(&self, load: impl FnOnce() -> Result<C>) -> Arc<C> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.files);
        if now != current.stamps {
            current.stamps = now;
            let files: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
            let what = self.what;
            match load() {
                Ok(config) => {
                    tracing::info!(?files, "goes on with changed {what}");
                    current.config = Arc::new(config);
                }
                Err(error) => {
                    tracing::error!(?files, error = error.report(), "stays with the {what} of before");
                }
            }
        }
        current.config.clone()
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|file| stamp(file)).collect()
}

fn stamp(file: &Path) -> Stamp {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
