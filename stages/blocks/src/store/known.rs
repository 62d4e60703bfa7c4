//! What a store knows beside samples, on disk: exemplars, and what senders said of metrics.
//!
//! The log holds exemplars, and of what is said of metrics what is new, until its segments go. Before they do, all that is
//! known is written anew, as one segment of the log's format in a directory of its own, `known`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use weir_pipeline::{Batch, Error, Result};

use super::{State, Store, cut, lock};
use crate::log::{Hold, Replay, file_name, told};
use crate::seam::Fs;

/// The directory, and the number of the file that is there.
pub(super) struct Notes {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    number: Mutex<u64>,
}

// === impl Notes ===

impl Notes {
    /// Reads what a store in `dir` knew, and gives it to `take`.
    ///
    /// # Errors
    /// The disk is broken, or a newer program wrote it.
    pub(super) fn open(fs: Arc<dyn Fs>, dir: &Path, mut take: impl FnMut(&Batch)) -> Result<Self> {
        let dir = dir.join("known");
        let failed =
            |error| Error::internal(format!("the directory `{}` can't be made", dir.display())).with_source(error);
        fs.create_dir_all(&dir).map_err(failed)?;
        let read = || Replay::new(fs.clone(), dir.clone());
        let numbers: Vec<u64> = read()?.segments().iter().map(Hold::number).collect();
        let number = numbers.iter().copied().max().unwrap_or(0);
        for old in numbers.into_iter().filter(|old| *old < number) {
            // A crash left it behind: it may know of what was deleted since.
            let path = dir.join(file_name(old));
            let left = |e| Error::internal(format!("`{}` can't be removed", path.display())).with_source(e);
            fs.remove(&path).map_err(left)?;
        }
        let mut replay = read()?;
        while let Some((batch, _)) = replay.read()? {
            take(&batch);
        }
        if !replay.damage().is_none() {
            // No sample is among it.
            tracing::warn!(damage = ?replay.damage(), "exemplars or metadata are lost: their file is damaged");
        }
        Ok(Self { fs, dir, number: Mutex::new(number) })
    }

    /// Writes all of it anew: durable when this returns, and whole or not at all.
    fn write(&self, batches: &[Batch]) -> io::Result<()> {
        let mut number = lock(&self.number);
        let next = *number + 1;
        let (new, path) = (self.dir.join("new"), self.dir.join(file_name(next)));
        match self.fs.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = self.fs.create(&new)?;
        file.write_all(&told::segment(next, next, batches))?;
        file.sync()?;
        self.fs.rename(&new, &path)?;
        self.fs.sync_dir(&self.dir)?;
        let old = std::mem::replace(&mut *number, next);
        if old > 0 {
            // Where it stays, the next start removes it.
            let _ = self.fs.remove(&self.dir.join(file_name(old))).and_then(|()| self.fs.sync_dir(&self.dir));
        }
        Ok(())
    }
}

// === impl Store ===

impl Store {
    /// Writes down what is known beside samples, where any of it is new.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) async fn write_known(&self) -> Result<()> {
        let store = self.clone();
        let write = move || {
            let State { exemplars, metrics, notes, .. } = &*store.0;
            let (new_exemplars, new_metrics) = (exemplars.news(), metrics.news());
            if new_exemplars.is_none() && new_metrics.is_none() {
                return Ok(());
            }
            let mut batches = new_exemplars.unwrap_or_else(|| exemplars.all());
            batches.extend(new_metrics.unwrap_or_else(|| metrics.all()));
            notes.write(&batches).inspect_err(|_| {
                exemplars.again();
                metrics.again();
            })
        };
        let written = tokio::task::spawn_blocking(write).await.map_err(cut::lost)?;
        written.map_err(|error| Error::unavailable("exemplars and metadata can't be written").with_source(error))
    }
}
