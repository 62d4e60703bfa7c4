//! The catalog in Delta Lake logs.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use object_store::path::Path;
use weir_pipeline::units::Span;
use weir_pipeline::{Clock, Kind, Result, Tenant};

use super::columns::{beside_floats, extras, label};
use super::commit::Wanted;
use super::entry::{BlockId, Entry, Resolution};
use super::row::{Row, SeriesRow};
use super::table::{Snapshot, Table};
use super::{Catalog, Change, Version};
use crate::block::{Beside, FLOATS_FORMAT};
use crate::bucket::objects::Objects;
use crate::extras::Summary;

/// A block whose series are in their table, and not its samples, is given up after so long, in milliseconds.
const ORPHAN_AGE: u64 = 3_600_000;

/// How the logs are kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long what a checkpoint replaces stays, for those who read it. At least `10m`; default `1h`.
    pub log_retention: Span,
    /// So many commits make a checkpoint. At least 1; default 64.
    pub checkpoint_every: u64,
    /// So many tables are kept in memory. Default 4096.
    pub tables: usize,
}

/// The catalog in Delta Lake logs.
pub struct DeltaCatalog {
    objects: Arc<Objects>,
    clock: Clock,
    settings: Settings,
    samples: Mutex<Tables<(Tenant, Resolution), Entry>>,
    series: Mutex<Tables<Tenant, SeriesRow>>,
}

/// Tables with the time of their last use.
struct Tables<K, R> {
    uses: u64,
    tables: HashMap<K, (Arc<Table<R>>, u64)>,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self { log_retention: Span::from_secs(3600), checkpoint_every: 64, tables: 4096 }
    }
}

// === impl DeltaCatalog ===

impl DeltaCatalog {
    /// The catalog of a bucket. Nothing is asked yet. Settings out of their range are taken as the nearest within.
    pub fn new(objects: Arc<Objects>, clock: Clock, settings: Settings) -> Self {
        let settings = Settings {
            log_retention: settings.log_retention.max(Span::from_secs(600)),
            checkpoint_every: settings.checkpoint_every.max(1),
            tables: settings.tables.max(1),
        };
        Self { objects, clock, settings, samples: Mutex::default(), series: Mutex::default() }
    }

    pub(super) fn samples(&self, tenant: &Tenant, resolution: Resolution) -> Arc<Table<Entry>> {
        let directory = Path::from_iter([tenant.as_str(), resolution.as_str()]);
        self.table(&self.samples, (tenant.clone(), resolution), &directory)
    }

    pub(super) fn series(&self, tenant: &Tenant) -> Arc<Table<SeriesRow>> {
        self.table(&self.series, tenant.clone(), &Path::from_iter([tenant.as_str()]))
    }

    fn table<K: Hash + Eq + Clone, R: Row>(
        &self,
        tables: &Mutex<Tables<K, R>>,
        key: K,
        directory: &Path,
    ) -> Arc<Table<R>> {
        let make = || Table::new(self.objects.clone(), directory, self.clock.clone(), self.settings.clone());
        tables.lock().unwrap_or_else(PoisonError::into_inner).get(key, self.settings.tables, make)
    }

    /// Removes what failed commits left behind in the table of series, and cleans the logs; says how many files and rows.
    ///
    /// # Errors
    /// The bucket fails.
    pub async fn tidy(&self, tenant: &Tenant, resolution: Resolution) -> Result<u64> {
        let (samples, series) = (self.samples(tenant, resolution), self.series(tenant));
        let (_, rows) = series.read().await?;
        let old = self.clock.now().max(0).unsigned_abs().saturating_sub(ORPHAN_AGE);
        // Read after the series: what has both was complete before.
        let (_, live) = samples.read().await?;
        let is_orphan = |row: &SeriesRow| {
            row.resolution == resolution && row.block.timestamp_ms() < old && !live.contains_key(&row.block)
        };
        let remove: Vec<BlockId> = rows.values().filter(|row| is_orphan(row)).map(|row| row.block).collect();
        let orphans = remove.len() as u64;
        if orphans > 0 {
            series
                .commit(&Wanted {
                    add: Vec::new(),
                    remove,
                    transaction: None,
                    data_change: true,
                    columns: Vec::new(),
                    loose: true,
                })
                .await?;
        }
        Ok(orphans + samples.clean().await? + series.clean().await?)
    }

    /// The blocks that were removed, and when that was by the clock of who did it, in milliseconds since the Unix epoch. Of
    /// those removed longer ago than a week nothing is known.
    ///
    /// # Errors
    /// The bucket fails.
    pub(crate) async fn removed(&self, tenant: &Tenant, resolution: Resolution) -> Result<HashMap<BlockId, i64>> {
        self.samples(tenant, resolution).removed().await
    }

    /// Removes rows of series whose samples are gone, or never came; what fails is for [`Self::tidy`].
    async fn forget(&self, tenant: &Tenant, remove: Vec<BlockId>, data_change: bool) {
        if remove.is_empty() {
            return;
        }
        let wanted =
            Wanted { add: Vec::new(), remove, transaction: None, data_change, columns: Vec::new(), loose: true };
        if let Err(error) = self.series(tenant).commit(&wanted).await {
            tracing::warn!(%tenant, error = error.report(), "the table of series keeps rows of blocks that are gone");
        }
    }
}

#[async_trait]
impl Catalog for DeltaCatalog {
    async fn snapshot(&self, tenant: &Tenant, resolution: Resolution) -> Result<Snapshot> {
        let (next, entries) = self.samples(tenant, resolution).read().await?;
        Ok(Snapshot::new(next, entries))
    }

    async fn commit(&self, tenant: &Tenant, resolution: Resolution, change: Change) -> Result<Version> {
        change.check()?;
        let samples = self.samples(tenant, resolution);
        let Change { add, remove, transaction, data_change, labels, starts } = change;
        let row = |e: &Entry| SeriesRow { resolution, block: e.block, bytes: e.series_bytes, series: e.series };
        let series: Vec<_> = add.iter().map(row).collect();
        let histograms = add.iter().any(|entry| entry.format > FLOATS_FORMAT);
        let summary = Summary {
            exemplars: add.iter().find_map(|entry| entry.extras.exemplars),
            metrics: add.iter().any(|entry| entry.extras.metrics),
        };
        let columns = beside_floats(Beside { starts, histograms })?;
        let wanted = Wanted { add, remove, transaction, data_change, columns, loose: false };
        if let Some(version) = samples.is_done(&wanted).await? {
            return Ok(version);
        }
        let new: Vec<BlockId> = series.iter().map(|row| row.block).collect();
        if !series.is_empty() {
            let mut columns: Vec<_> = labels.iter().filter(|name| !name.is_empty()).map(|name| label(name)).collect();
            columns.extend(extras(summary)?);
            let wanted =
                Wanted { add: series, remove: Vec::new(), transaction: None, data_change, columns, loose: true };
            self.series(tenant).commit(&wanted).await?;
        }
        match samples.commit(&wanted).await {
            Ok(version) => {
                self.forget(tenant, wanted.remove, data_change).await;
                Ok(version)
            }
            Err(error) => {
                if error.kind() == Kind::Unprocessable {
                    self.forget(tenant, new, data_change).await;
                }
                Err(error)
            }
        }
    }
}

// === impl Tables ===

impl<K, R> Default for Tables<K, R> {
    fn default() -> Self {
        Self { uses: 0, tables: HashMap::new() }
    }
}

impl<K: Hash + Eq + Clone, R> Tables<K, R> {
    fn get(&mut self, key: K, most: usize, make: impl FnOnce() -> Table<R>) -> Arc<Table<R>> {
        self.uses += 1;
        let now = self.uses;
        if let Some((table, used)) = self.tables.get_mut(&key) {
            *used = now;
            return table.clone();
        }
        if self.tables.len() >= most {
            // One that somebody holds goes on by itself, and is read anew by the next one who asks.
            let oldest = self.tables.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| self.tables.remove(&oldest));
        }
        let table = Arc::new(make());
        self.tables.insert(key, (table.clone(), now));
        table
    }
}
