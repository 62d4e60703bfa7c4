//! Checkpoints, and what they make unneeded.

use delta_kernel::SnapshotRef;
use weir_pipeline::Result;

use super::Version;
use super::log::{self, LAST_CHECKPOINT};
use super::row::Row;
use super::table::Table;

// === impl Table ===

impl<R: Row> Table<R> {
    /// Writes a checkpoint after each so many commits, and then cleans the log. What fails is done after the next commit.
    pub(super) async fn keep(&self, committing: &mut Option<SnapshotRef>, version: Version) {
        let every = self.settings.checkpoint_every;
        if version / every <= self.state.lock().await.checkpoint / every {
            return;
        }
        let kept = async {
            // Taken, so that the next one starts anew if this fails: the commits below may have been cleaned away.
            let snapshot = self.kernel.at(committing.take(), version).await?;
            *committing = Some(self.kernel.checkpoint(snapshot).await?);
            self.state.lock().await.checkpoint = version;
            self.clean().await
        };
        match kept.await {
            Ok(0) => {}
            Ok(files) => tracing::debug!(log = %self.log, files, "cleaned the catalog's log"),
            Err(error) => tracing::warn!(log = %self.log, error = error.report(), "the catalog's log grows"),
        }
    }

    /// Removes what a checkpoint that is old enough replaces; says how many files.
    pub(super) async fn clean(&self) -> Result<u64> {
        let Some(last) = self.objects.find(&self.log.clone().join(LAST_CHECKPOINT)).await? else { return Ok(0) };
        let Some(last) = log::last_checkpoint(&last) else { return Ok(0) };
        let mut files = Vec::new();
        for object in self.objects.list(Some(&self.log)).await? {
            if let Some((version, kind)) = log::version_of(&object.location) {
                files.push((version, kind, object));
            }
        }
        // By the clock of the bucket, which has dated the newest file just now: this machine's may be wrong.
        let newest =
            files.iter().map(|(_, _, object)| object.last_modified.timestamp_millis()).max().unwrap_or_default();
        let old = newest - self.settings.log_retention.get().as_millis() as i64;
        let is_checkpoint = |kind: &str| kind == log::CHECKPOINT;
        let base = files.iter().filter(|(version, kind, object)| {
            is_checkpoint(kind) && *version <= last && object.last_modified.timestamp_millis() <= old
        });
        let Some(base) = base.map(|(version, ..)| *version).max() else { return Ok(0) };
        files.retain(|(version, kind, _)| *version < base && (is_checkpoint(kind) || kind == "json" || kind == "crc"));
        files.sort_by_key(|(version, ..)| *version);
        let mut removed = 0;
        for (_, _, object) in files {
            self.objects.delete(&object.location).await?;
            removed += 1;
        }
        Ok(removed)
    }
}
