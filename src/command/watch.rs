//! Whether pipeline files changed.

use std::path::PathBuf;
use std::time::Duration;

use weir_pipeline::plan::Contents;

use super::Pipelines;

/// How often the files are looked at.
const PACE: Duration = Duration::from_secs(1);

/// The pipeline files, looked at from time to time.
pub(super) struct Watch {
    paths: Vec<PathBuf>,
    /// What they were when they were read last.
    read: Contents,
    /// What they were when they were looked at last.
    seen: Contents,
}

// === impl Watch ===

impl Watch {
    /// The files as they are now.
    pub(super) fn new(pipelines: &Pipelines) -> Self {
        let paths = pipelines.files();
        let read = Contents::of(&paths);
        Self { paths, seen: read.clone(), read }
    }

    /// Waits until the files are others than those that were read, and stay so for a while: whoever writes a file may not do
    /// it at once. Cancel safe.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(PACE).await;
            let now = Contents::of(&self.paths);
            let stays = now == self.seen;
            self.seen = now;
            if stays && self.seen != self.read {
                return;
            }
        }
    }

    /// Notes that the files are read now.
    pub(super) fn note(&mut self) {
        self.read = Contents::of(&self.paths);
        self.seen = self.read.clone();
    }
}

#[cfg(test)]
mod tests;
