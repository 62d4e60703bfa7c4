//! The blocks of a bucket that several share, and the catalog that says which there are.
//!
//! What is committed to the catalog is there, for every process that reads the bucket; files that no commit names are not.
//! A snapshot of the catalog costs one request, and never a listing; blocks are opened once, and then kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout};
use weir_pipeline::{Clock, Error, Kind, Metrics, Result, Tenant};

use crate::block::{BlockShelf, Put};
use crate::bucket::objects::Objects;
use crate::catalog::{Catalog, Change, Covered, DeltaCatalog, Entry, Resolution, Settings};
use crate::store::shelf::{Block, Rows};

/// How long a query waits for the catalog and the blocks that it names.
const PATIENCE: Duration = Duration::from_secs(10);

/// For so long a bucket that did not answer is not asked again by queries.
const AWAY: Duration = Duration::from_secs(5);

/// So many blocks are opened at once.
const OPENED_AT_ONCE: usize = 16;

/// The blocks of a bucket that several share.
pub struct Depot {
    shelf: BlockShelf,
    catalog: DeltaCatalog,
    /// Since when the bucket does not answer, and why.
    broken: Mutex<Option<(Instant, Error)>>,
}

/// Blocks, and what can't be had of them.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The blocks that reach into the time that was asked for.
    pub blocks: Vec<Arc<dyn Block>>,
    /// Blocks that are damaged or gone, in sentences.
    pub missing: Vec<String>,
}

/// A block whose files are in the bucket, to be committed.
pub(crate) struct Upload {
    put: Put,
    covered: Vec<Covered>,
}

// === impl Depot ===

impl Depot {
    /// The blocks of a bucket, with `index_cache` bytes for their indexes. Nothing is asked yet.
    pub fn new(objects: Arc<Objects>, clock: Clock, index_cache: u64, metrics: &Metrics) -> Self {
        let catalog = DeltaCatalog::new(objects.clone(), clock.clone(), Settings::default());
        Self {
            shelf: BlockShelf::new(objects, clock, index_cache).measured(metrics),
            catalog,
            broken: Mutex::default(),
        }
    }

    /// A tenant's blocks at this moment that reach into `start..=end`.
    ///
    /// # Errors
    /// The bucket fails.
    pub async fn blocks(&self, tenant: &Tenant, start: i64, end: i64) -> Result<Found> {
        let snapshot = self.catalog.snapshot(tenant, Resolution::Raw).await?;
        self.shelf.forget(tenant, |id| snapshot.get(id).is_some());
        let reaches = |entry: &&Arc<Entry>| entry.min_ts <= end && entry.max_ts >= start;
        let entries: Vec<Arc<Entry>> = snapshot.entries().filter(reaches).cloned().collect();
        let open = |entry: Arc<Entry>| async move { (self.shelf.find(tenant, &entry).await, entry) };
        let mut opened = stream::iter(entries.into_iter().map(open)).buffered(OPENED_AT_ONCE);
        let mut found = Found::default();
        while let Some((block, entry)) = opened.next().await {
            match block {
                Ok(block) => found.blocks.push(block),
                Err(error) if error.kind() == Kind::Internal => {
                    tracing::error!(error = error.report(), "a block is left out of answers");
                    let (id, samples) = (entry.block, entry.samples);
                    found.missing.push(format!("block `{id}` of {samples} samples can't be read: {}", error.report()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// As [`blocks`](Self::blocks), for who goes on without them: a bucket that does not answer in time is missing as a
    /// whole, and is not waited for again for a while.
    pub async fn look(&self, tenant: &Tenant, start: i64, end: i64) -> Found {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, error)) = broken.filter(|(since, _)| since.elapsed() < AWAY) {
            return Found { blocks: Vec::new(), missing: vec![unread(&error)] };
        }
        let late = |_| Err(Error::new(Kind::TimedOut, format!("no answer within {PATIENCE:?}")));
        let found = timeout(PATIENCE, self.blocks(tenant, start, end)).await.unwrap_or_else(late);
        let (found, broken) = match found {
            Ok(found) => (found, None),
            Err(error) => {
                tracing::warn!(error = error.report(), "answers lack what is in the bucket");
                let missing = vec![unread(&error)];
                (Found { blocks: Vec::new(), missing }, Some((Instant::now(), error)))
            }
        };
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = broken;
        found
    }

    /// Which records of a writer a tenant's blocks cover.
    ///
    /// # Errors
    /// The bucket fails.
    pub(crate) async fn covered(&self, tenant: &Tenant, writer: &str) -> Result<Vec<Covered>> {
        let snapshot = self.catalog.snapshot(tenant, Resolution::Raw).await?;
        let ranges = snapshot.entries().flat_map(|entry| &entry.ranges);
        Ok(ranges.filter(|range| range.writer == writer).cloned().collect())
    }

    /// Writes the files of a block. It does not exist before it is committed.
    ///
    /// # Errors
    /// The bucket fails, or what the rows are read from.
    pub(crate) async fn put(
        &self,
        tenant: &Tenant,
        (start, end): (i64, i64),
        rows: Arc<dyn Rows>,
        covered: Vec<Covered>,
    ) -> Result<Option<Upload>> {
        Ok(self.shelf.put(tenant, start, end, rows).await?.map(|put| Upload { put, covered }))
    }

    /// Makes a block exist. Where an answer is lost this may be called again, until it says whether that is done.
    ///
    /// # Errors
    /// The bucket fails; whether the block exists is not known then.
    pub(crate) async fn commit(&self, tenant: &Tenant, upload: &Upload) -> Result<()> {
        let entry = Entry { ranges: upload.covered.clone(), ..upload.put.entry.clone() };
        let labels = upload.put.labels.clone();
        let change = Change { add: vec![entry], remove: Vec::new(), transaction: None, data_change: true, labels };
        self.catalog.commit(tenant, Resolution::Raw, change).await.map(drop)
    }
}

impl std::fmt::Debug for Depot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Depot")
    }
}

// === impl Upload ===

impl Upload {
    /// The block's size in the bucket, and its samples.
    pub(crate) fn size(&self) -> (u64, u64) {
        (self.put.block.bytes(), self.put.block.samples())
    }
}

/// An error of the bucket as a sentence of a partial answer.
fn unread(error: &Error) -> String {
    format!("the bucket can't be read: {}", error.report())
}
