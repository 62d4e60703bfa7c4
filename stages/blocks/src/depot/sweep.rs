//! Takes out of the bucket what nobody needs any more.
//!
//! Files of blocks stay behind where a store dies between their put and their commit, and where a commit removes their
//! block. They go after a while: what was put has had time to be committed by then, and who reads an older snapshot has
//! ended. The time is the bucket's, whatever the clocks of its readers say: an object that is put now tells it. From when a
//! commit removed a block is what its log says.
//!
//! Several may sweep at once. Of a block the samples go first: what is left behind by who dies then is found again.

use std::collections::HashMap;
use std::ops::AddAssign;
use std::time::Duration;

use object_store::ObjectMeta;
use object_store::path::Path;
use prometheus_client::metrics::counter::Counter;
use serde::Deserialize;
use ulid::Ulid;
use weir_pipeline::units::Span;
use weir_pipeline::{Error, Metrics, Result, Tenant};

use super::{Depot, OWN};
use crate::block::{RAW, SAMPLES_FILE, SERIES_FILE, block_of};
use crate::catalog::{BlockId, Catalog, Resolution};

/// The object that is put to learn the time of the bucket, below [`OWN`].
const NOW: &str = "now";

/// What the names of objects begin with that probes of the bucket leave behind, below [`OWN`].
const PROBE: &str = "probe-";

/// What is removed from a bucket, and when.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sweep {
    /// The age at which files go that belong to no block; `1h` to `7d`. All who upload into the bucket must agree on it: an
    /// upload that takes half of it is made anew. Default `24h`.
    pub after: Span,
    /// How often each store looks for them, more or less; at least `1m`. Default `1h`.
    pub every: Span,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Blocks whose files went.
    pub blocks: u64,
    /// The size of these files, in bytes.
    pub bytes: u64,
    /// What went of the catalog's logs: files, and rows of series without samples.
    pub log: u64,
    /// Tenants whose turn failed.
    pub failures: u64,
}

/// The metrics of sweeps.
pub(super) struct Measures {
    sweeps: Counter,
    failures: Counter,
    blocks: Counter,
    bytes: Counter,
    log: Counter,
}

// === impl Sweep ===

impl Sweep {
    /// The same, if it makes sense.
    ///
    /// # Errors
    /// What is expected of the first setting that makes none.
    pub(crate) fn checked(self) -> Result<Self, String> {
        let Self { after, every } = self;
        if !(Span::from_secs(3600)..=Span::from_secs(7 * 86_400)).contains(&after) {
            return Err(format!("expected `sweep.after` of 1h to 7d, got `{after}`"));
        }
        if every < Span::from_secs(60) {
            return Err(format!("expected `sweep.every` of at least 1m, got `{every}`"));
        }
        Ok(self)
    }
}

impl Default for Sweep {
    fn default() -> Self {
        Self { after: Span::from_secs(86_400), every: Span::from_secs(3600) }
    }
}

// === impl Swept ===

impl AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.bytes += other.bytes;
        self.log += other.log;
        self.failures += other.failures;
    }
}

// === impl Depot ===

impl Depot {
    /// Sweeps all tenants of the bucket. What fails is logged and counted, and left to the next time.
    ///
    /// Cancel safety: what is not removed is found again.
    pub async fn sweep_all(&self) -> Swept {
        let mut swept = Swept::default();
        let round = async {
            let now = self.now().await?;
            self.sweep_probes(now).await?;
            Ok((now, self.objects.directories(None).await?))
        };
        let (now, names) = round.await.unwrap_or_else(|error: Error| {
            self.sweep_failed(&mut swept, "the bucket", &error);
            (i64::MIN, Vec::new())
        });
        for name in names.iter().filter(|name| *name != OWN) {
            // Somebody else's directory.
            let Ok(tenant) = Tenant::new(name) else { continue };
            match self.sweep_at(&tenant, now).await {
                Ok(more) => swept += more,
                Err(error) => self.sweep_failed(&mut swept, name, &error),
            }
        }
        self.measures.sweeps.inc();
        swept
    }

    /// Sweeps a tenant: first the catalog's logs, then the files of blocks that are in it no more, or never were.
    ///
    /// # Errors
    /// The bucket fails. What was not removed is found again.
    pub async fn sweep(&self, tenant: &Tenant) -> Result<Swept> {
        let now = self.now().await?;
        self.sweep_at(tenant, now).await
    }

    /// The pause before the next sweep: those who begin at one time do not go on together.
    pub(crate) fn sweep_pause(&self) -> Duration {
        let every = self.sweep.every.get();
        every / 2 + every.mul_f64((Ulid::generate().random() % 1024) as f64 / 1024.0)
    }

    async fn sweep_at(&self, tenant: &Tenant, now: i64) -> Result<Swept> {
        // Rows of series first: others who read the table would look for their files.
        let log = self.catalog.tidy(tenant, Resolution::Raw).await?;
        self.measures.log.inc_by(log);
        let mut swept = Swept { log, ..Swept::default() };
        for files in self.unneeded(tenant, now).await? {
            // The list goes from the samples to the series.
            for file in &files {
                self.objects.delete(&file.location).await?;
            }
            let bytes = files.iter().map(|file| file.size).sum();
            self.measures.blocks.inc();
            self.measures.bytes.inc_by(bytes);
            swept += Swept { blocks: 1, bytes, ..Swept::default() };
        }
        if swept.blocks > 0 {
            tracing::info!(%tenant, blocks = swept.blocks, bytes = swept.bytes, "removed files that no block has");
        }
        Ok(swept)
    }

    /// The files of each block that nobody needs, in the order in which they go.
    async fn unneeded(&self, tenant: &Tenant, now: i64) -> Result<Vec<Vec<ObjectMeta>>> {
        let raw = Path::from_iter([tenant.as_str(), RAW]);
        let found = self.objects.directories(Some(&raw)).await?;
        // Asked after the bucket was listed: what was committed by then is in it.
        let snapshot = self.catalog.snapshot(tenant, Resolution::Raw).await?;
        // Who has lost a whole log wants it back, and not that its blocks go too.
        if snapshot.version().is_none() {
            return Ok(Vec::new());
        }
        let mut old: Vec<(BlockId, Vec<ObjectMeta>)> = Vec::new();
        for name in found {
            let Some(block) = block_of(&name).filter(|block| snapshot.get(block).is_none()) else { continue };
            let mut files = self.objects.list(Some(&raw.clone().join(name))).await?;
            files.sort_by_key(|file| match file.location.filename() {
                Some(SAMPLES_FILE) => 0,
                Some(SERIES_FILE) => 2,
                _ => 1,
            });
            let newest = files.iter().map(|file| file.last_modified.timestamp_millis()).max();
            if newest.is_some_and(|newest| self.is_old(newest, now)) {
                old.push((block, files));
            }
        }
        let removed =
            if old.is_empty() { HashMap::new() } else { self.catalog.removed(tenant, Resolution::Raw).await? };
        old.retain(|(block, _)| removed.get(block).is_none_or(|at| self.is_old(*at, now)));
        Ok(old.into_iter().map(|(_, files)| files).collect())
    }

    /// Removes what probes left behind whose answer got lost.
    async fn sweep_probes(&self, now: i64) -> Result<()> {
        for object in self.objects.list(Some(&Path::from(OWN))).await? {
            let is_probe = object.location.filename().is_some_and(|name| name.starts_with(PROBE));
            if is_probe && self.is_old(object.last_modified.timestamp_millis(), now) {
                self.objects.delete(&object.location).await?;
            }
        }
        Ok(())
    }

    /// Whether what happened at a time of the bucket was long enough ago.
    fn is_old(&self, at: i64, now: i64) -> bool {
        now.saturating_sub(at) >= self.sweep.after.as_millis()
    }

    /// The time of the bucket, in milliseconds since the Unix epoch.
    async fn now(&self) -> Result<i64> {
        let path = Path::from_iter([OWN, NOW]);
        self.objects.put(&path, Ulid::generate().to_string().into()).await?;
        let put = self.objects.head(&path).await?;
        let gone = || Error::unavailable(format!("the bucket has lost `{path}`, which was put just now"));
        put.map(|put| put.last_modified.timestamp_millis()).ok_or_else(gone)
    }

    fn sweep_failed(&self, swept: &mut Swept, what: &str, error: &Error) {
        self.measures.failures.inc();
        swept.failures += 1;
        tracing::warn!(of = what, error = error.report(), "what nobody needs stays in the bucket for now");
    }
}

// === impl Measures ===

impl Measures {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let counter = |name: &str, help: &str| metrics.register(name, help, Counter::default());
        Self {
            sweeps: counter("weir_bucket_sweeps", "Sweeps of a bucket for what nobody needs"),
            failures: counter("weir_bucket_sweep_failures", "Sweeps of a tenant that failed, to be repeated"),
            blocks: counter("weir_bucket_swept_blocks", "Blocks whose files were removed because no commit names them"),
            bytes: counter("weir_bucket_swept_bytes", "Bytes of files of such blocks"),
            log: counter("weir_bucket_swept_log_files", "Files and rows removed from the logs of the catalog"),
        }
    }
}

#[cfg(test)]
mod tests;
