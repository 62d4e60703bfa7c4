//! The blocks of a bucket that several share, and the catalog that says which there are.
//!
//! What is committed to the catalog is there, for every process that reads the bucket; files that no commit names are not.
//! A snapshot of the catalog costs one request, and never a listing; blocks are opened once, and then kept.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use object_store::path::Path;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};
use ulid::Ulid;
use weir_pipeline::{Clock, Error, Kind, Metrics, Result, Tenant};

use crate::block::{BlockShelf, Memory, Put};
use crate::bucket::objects::Objects;
use crate::catalog::{Catalog, Change, Covered, DeltaCatalog, Entry, Resolution, Settings, Snapshot};
use crate::store::shelf::{Block, Rows};

mod extras;
mod others;
mod sweep;
mod tenants;

pub use sweep::{Sweep, Swept};

use sweep::Measures;

/// The directory of what is no tenant's.
const OWN: &str = Tenant::RESERVED;

/// The object that has a bucket's identity.
const IDENTITY: &str = "_weir/bucket";

/// How long a query waits for the catalog, and then for the next of the blocks that it names. A bucket that goes on answering
/// is waited for as long as the query may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// For so long a bucket that did not answer is not asked again by queries.
const AWAY: Duration = Duration::from_secs(5);

/// So many blocks are opened at once: as many requests as S3 is sent at a time by default.
const OPENED_AT_ONCE: usize = 64;

/// The blocks of a bucket that several share.
pub struct Depot {
    objects: Arc<Objects>,
    shelf: BlockShelf,
    catalog: DeltaCatalog,
    identity: OnceLock<Arc<str>>,
    sweep: Sweep,
    measures: Measures,
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
    /// When its files began to be put.
    begun: Instant,
}

// === impl Depot ===

impl Depot {
    /// The blocks of a bucket, with so much memory for them. Nothing is asked yet.
    pub fn new(objects: Arc<Objects>, clock: Clock, memory: Memory, metrics: &Metrics) -> Self {
        let catalog = DeltaCatalog::new(objects.clone(), clock.clone(), Settings::default());
        let shelf = BlockShelf::new(objects.clone(), clock, memory).measured(metrics);
        Self {
            objects,
            shelf,
            catalog,
            identity: OnceLock::new(),
            sweep: Sweep::default(),
            measures: Measures::new(metrics),
            broken: Mutex::default(),
        }
    }

    /// The same, swept like this.
    #[must_use]
    pub fn swept(mut self, sweep: Sweep) -> Self {
        self.sweep = sweep;
        self
    }

    /// What tells this bucket from any other, whatever it is called: a text that is put into it once. `None` while it can't
    /// be read.
    pub async fn identity(&self) -> Option<Arc<str>> {
        if let Some(identity) = self.identity.get() {
            return Some(identity.clone());
        }
        if self.is_away() {
            return None;
        }
        match timeout(PATIENCE, self.find_identity()).await.unwrap_or_else(late) {
            Ok(identity) => Some(self.identity.get_or_init(|| identity).clone()),
            Err(error) => {
                tracing::warn!(error = error.report(), "it is not known which bucket this is");
                self.set_broken(Some(error));
                None
            }
        }
    }

    async fn find_identity(&self) -> Result<Arc<str>> {
        let path = Path::from(IDENTITY);
        if !self.objects.exists(&path).await? {
            let new = Ulid::generate().to_string();
            // One of all who come at once makes it; the others read what that one put.
            self.objects.put_if_absent(&path, new.into()).await?;
        }
        let bytes = self.objects.get(&path).await?;
        let text = std::str::from_utf8(&bytes).ok().and_then(|text| Ulid::from_string(text).ok());
        let damaged = || Error::internal(format!("the bucket's `{IDENTITY}` is damaged"));
        text.map(|identity| identity.to_string().into()).ok_or_else(damaged)
    }

    /// Notes that it does not answer, or that it does again.
    fn set_broken(&self, error: Option<Error>) {
        let broken = error.map(|error| (Instant::now(), error));
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = broken;
    }

    /// Whether it did not answer a moment ago.
    fn is_away(&self) -> bool {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.as_ref().is_some_and(|(since, _)| since.elapsed() < AWAY)
    }

    /// A tenant's blocks at this moment that reach into `start..=end`.
    ///
    /// # Errors
    /// The bucket fails; `TimedOut` where it did not answer for a while.
    pub async fn blocks(&self, tenant: &Tenant, start: i64, end: i64) -> Result<Found> {
        self.those(tenant, |all| those_of(all, |entry| entry.min_ts <= end && entry.max_ts >= start)).await
    }

    /// The blocks that `choose` takes of those that a tenant has at this moment.
    async fn those(&self, tenant: &Tenant, choose: impl FnOnce(&Snapshot) -> Vec<Arc<Entry>> + Send) -> Result<Found> {
        let snapshot = timeout(PATIENCE, self.catalog.snapshot(tenant, Resolution::Raw)).await.unwrap_or_else(late)?;
        self.shelf.forget(tenant, |id| snapshot.get(id).is_some());
        let entries = choose(&snapshot);
        if entries.is_empty() {
            return Ok(Found::default());
        }
        let open = |entry: Arc<Entry>| async move { (self.shelf.find(tenant, &entry).await, entry) };
        let mut opened = stream::iter(entries.into_iter().map(open)).buffered(OPENED_AT_ONCE);
        let mut found = Found::default();
        while let Some((block, entry)) = next_in_time(&mut opened).await? {
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
        self.look_for(self.blocks(tenant, start, end)).await
    }

    async fn look_for(&self, blocks: impl Future<Output = Result<Found>>) -> Found {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, error)) = broken.filter(|(since, _)| since.elapsed() < AWAY) {
            return Found { blocks: Vec::new(), missing: vec![unread(&error)] };
        }
        let (found, broken) = match blocks.await {
            Ok(found) => (found, None),
            Err(error) => {
                tracing::warn!(error = error.report(), "answers lack what is in the bucket");
                let missing = vec![unread(&error)];
                (Found { blocks: Vec::new(), missing }, Some(error))
            }
        };
        self.set_broken(broken);
        found
    }

    /// Which blocks a tenant has at this moment; `None` where the bucket does not say in time.
    pub async fn snapshot(&self, tenant: &Tenant) -> Option<Snapshot> {
        if self.is_away() {
            return None;
        }
        timeout(PATIENCE, self.catalog.snapshot(tenant, Resolution::Raw)).await.ok()?.ok()
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
        let begun = Instant::now();
        Ok(self.shelf.put(tenant, start, end, rows).await?.map(|put| Upload { put, covered, begun }))
    }

    /// Makes a block exist, and says whether it does. Where an answer is lost this may be called again, until it says whether
    /// that is done. Where it took so long that somebody may be about to sweep the files away, the block does not come to
    /// exist, if it does not already.
    ///
    /// # Errors
    /// The bucket fails; whether the block exists is not known then.
    pub(crate) async fn commit(&self, tenant: &Tenant, upload: &Upload) -> Result<bool> {
        let after = self.sweep.after.get();
        if upload.begun.elapsed() >= after / 2 {
            let snapshot = self.catalog.snapshot(tenant, Resolution::Raw).await?;
            return Ok(snapshot.get(&upload.put.entry.block).is_some());
        }
        let entry = Entry { ranges: upload.covered.clone(), ..upload.put.entry.clone() };
        let (labels, starts) = (upload.put.labels.clone(), upload.put.starts);
        let change = Change { add: vec![entry], data_change: true, labels, starts, ..Change::default() };
        // So that it ends before the files are old enough to be swept.
        let commit = timeout(after / 4, self.catalog.commit(tenant, Resolution::Raw, change)).await;
        commit.unwrap_or_else(|_| Err(Error::new(Kind::TimedOut, "the commit to the catalog takes too long")))?;
        Ok(true)
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

/// The blocks of which `wanted` holds.
fn those_of(all: &Snapshot, wanted: impl Fn(&Entry) -> bool) -> Vec<Arc<Entry>> {
    all.entries().filter(|entry| wanted(entry)).cloned().collect()
}

/// The next of what is under way, which may take its time as long as something comes.
async fn next_in_time<T>(under_way: &mut (impl Stream<Item = T> + Unpin)) -> Result<Option<T>> {
    timeout(PATIENCE, under_way.next()).await.map_or_else(late, Ok)
}

fn late<T>(_: Elapsed) -> Result<T> {
    Err(Error::new(Kind::TimedOut, format!("no answer within {PATIENCE:?}")))
}

/// An error of the bucket as a sentence of a partial answer.
fn unread(error: &Error) -> String {
    format!("the bucket can't be read: {}", error.report())
}

#[cfg(test)]
mod tests;
