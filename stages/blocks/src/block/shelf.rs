//! Blocks of a bucket: written, listed, removed.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use object_store::path::Path;
use prometheus_client::metrics::counter::Counter;
use ulid::Ulid;
use weir_pipeline::{Clock, Error, Kind, Metrics, Result, Tenant};

use super::decoded::Decoded;
use super::index::Index;
use super::opened::{Opened, Removal, Shared};
use super::pages::Pages;
use super::{RAW, SAMPLES_FILE, SERIES_FILE, block_of, directory_name, write};
use crate::bucket::objects::Objects;
use crate::catalog::Entry;
use crate::store::shelf::{Block, Rows, Shelf};

/// How old a directory without a samples file must be before it is removed, in milliseconds.
const ORPHAN_AGE: i64 = 3_600_000;

/// Where the number of a life stands in the random part of a block's name.
const LIFE_SHIFT: u32 = 48;

/// Where it stands how old a block was when it was made.
const AGE_SHIFT: u32 = 32;

/// What stays random of it.
const CHANCE: u128 = (1 << AGE_SHIFT) - 1;

/// The unit of ages, in milliseconds.
const MINUTE: u64 = 60_000;

/// Which life of its store a block was made in, as its name says.
pub(crate) fn life(id: Ulid) -> u32 {
    (id.random() >> LIFE_SHIFT) as u32
}

/// When the oldest of the blocks was made that one was made of, in milliseconds since the Unix epoch, as its name says: up
/// to a minute earlier for each time that it was merged. An age of more than 45 days is not kept, and a block of before
/// ages were kept says one at random, which brings it into the bucket early.
pub(crate) fn began(id: Ulid) -> u64 {
    let minutes = match life(id) {
        0 => 0,
        _ => (id.random() >> AGE_SHIFT) as u16,
    };
    id.timestamp_ms().saturating_sub(u64::from(minutes) * MINUTE)
}

/// The blocks of a bucket.
pub struct BlockShelf {
    objects: Arc<Objects>,
    clock: Clock,
    memory: Memory,
    shared: Shared,
    damaged: Counter,
    /// The number of the life of the store that this shelf is of; 0 where it is of none.
    life: AtomicU32,
    /// When the last block was made, in milliseconds since the Unix epoch.
    last: Mutex<u64>,
    /// The blocks that are open, by directory.
    blocks: Mutex<HashMap<Path, (Tenant, Arc<Opened>)>>,
}

/// Of the memory for samples, one part in so many is for series that were read among few.
const SERIES_SHARE: u64 = 8;

/// What blocks that are read may keep in memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// For their label indexes.
    pub indexes: u64,
    /// For samples: pages as they are in files, and an eighth for series that were read among few.
    pub pages: u64,
}

/// A block that was written.
pub(crate) struct Put {
    /// What a catalog knows of it, but for what it covers.
    pub(crate) entry: Entry,
    /// The labels that have columns of their own in its series file.
    pub(crate) labels: Vec<String>,
    /// Whether its samples file has places for starts.
    pub(crate) starts: bool,
    pub(crate) block: Arc<dyn Block>,
}

/// The indexes of blocks, the least recently used of which go first.
pub(super) struct Cache {
    budget: u64,
    inner: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    bytes: u64,
    uses: u64,
    indexes: HashMap<Path, (Arc<Index>, u64)>,
}

// === impl BlockShelf ===

impl BlockShelf {
    /// The blocks of a bucket, with so much memory for them.
    pub fn new(objects: Arc<Objects>, clock: Clock, memory: Memory) -> Self {
        let cache = Arc::new(Cache { budget: memory.indexes, inner: Mutex::default() });
        let (pages, decoded) = memory.for_samples();
        let shared = Shared { cache, pages: Arc::new(pages), decoded: Arc::new(decoded), said: Arc::default() };
        Self {
            objects,
            clock,
            memory,
            shared,
            damaged: Counter::default(),
            life: AtomicU32::default(),
            last: Mutex::default(),
            blocks: Mutex::default(),
        }
    }

    /// The same, with its metrics registered.
    #[must_use]
    pub fn measured(mut self, metrics: &Metrics) -> Self {
        let help = "Blocks that were left out because their files are damaged";
        self.damaged = metrics.register("weir_bucket_damaged_blocks", help, self.damaged);
        let (pages, decoded) = self.memory.for_samples();
        self.shared.pages = Arc::new(pages.measured(metrics));
        self.shared.decoded = Arc::new(decoded.measured(metrics));
        self
    }

    /// How many blocks were left out because their files are damaged.
    pub fn damaged(&self) -> u64 {
        self.damaged.get()
    }

    fn keep(&self, tenant: &Tenant, block: Opened) -> Arc<dyn Block> {
        let block = Arc::new(block);
        lock(&self.blocks).insert(block.directory.clone(), (tenant.clone(), block.clone()));
        block
    }

    async fn open(&self, directory: Path, sizes: (u64, u64)) -> Result<Opened> {
        Opened::open(self.objects.clone(), directory, sizes, self.shared.clone()).await
    }
}

#[async_trait]
impl Shelf for BlockShelf {
    fn begin(&self, life: u32) {
        self.life.store(life, Relaxed);
    }

    async fn write(
        &self,
        tenant: &Tenant,
        start: i64,
        end: i64,
        rows: Arc<dyn Rows>,
    ) -> Result<Option<Arc<dyn Block>>> {
        Ok(self.put(tenant, start, end, rows).await?.map(|put| put.block))
    }

    async fn list(&self) -> Result<Vec<(Tenant, Arc<dyn Block>)>> {
        let mut found: BTreeMap<Path, [Option<u64>; 2]> = BTreeMap::new();
        for object in self.objects.list(None).await? {
            let parts: Vec<_> = object.location.parts().collect();
            let [tenant, raw, name, file] = parts.as_slice() else { continue };
            let nth = [SERIES_FILE, SAMPLES_FILE].iter().position(|f| *f == file.as_ref());
            if let (RAW, Some(nth), Some(_)) = (raw.as_ref(), nth, block_of(name.as_ref())) {
                let directory = Path::from_iter([tenant.as_ref(), raw.as_ref(), name.as_ref()]);
                found.entry(directory).or_default()[nth] = Some(object.size);
            }
        }
        let mut blocks: Vec<(Tenant, Arc<dyn Block>)> = Vec::new();
        for (directory, sizes) in found {
            let name = directory.parts().next().map(|p| p.as_ref().to_owned()).unwrap_or_default();
            let Ok(tenant) = Tenant::new(&name) else { continue };
            match sizes {
                [Some(series), Some(samples)] => {
                    let known = lock(&self.blocks).get(&directory).map(|(_, block)| block.clone() as Arc<dyn Block>);
                    let block = match known {
                        Some(block) => block,
                        None => match self.open(directory.clone(), (series, samples)).await {
                            Ok(block) => self.keep(&tenant, block),
                            Err(error) if error.kind() == Kind::Internal => {
                                // A file that the bucket does not give, or has no more, is not damaged.
                                if !self.objects.exists(&directory.join(SAMPLES_FILE)).await? {
                                    tracing::warn!(error = error.report(), "a block is gone since it was listed");
                                    continue;
                                }
                                // The others must go on; that its samples are missing is said and counted.
                                self.damaged.inc();
                                tracing::error!(error = error.report(), "a block is left out");
                                continue;
                            }
                            Err(error) => return Err(error),
                        },
                    };
                    blocks.push((tenant, block));
                }
                [Some(_), None] => self.remove_orphan(&directory).await,
                // Samples without their series: what a removal that was cut short leaves behind is the other way round.
                _ => tracing::warn!(block = %directory, "a block without its series file is left out"),
            }
        }
        Ok(blocks)
    }

    async fn remove(&self, _: &Tenant, block: Arc<dyn Block>) -> Result<()> {
        let gone = Arc::as_ptr(&block).cast::<()>();
        let mut blocks = lock(&self.blocks);
        let directory = blocks.iter().find(|(_, (_, b))| Arc::as_ptr(b).cast::<()>() == gone).map(|(d, _)| d.clone());
        if let Some((_, opened)) = directory.and_then(|directory| blocks.remove(&directory)) {
            self.shared.cache.forget(&opened.directory);
            *lock(&opened.removal) = Some(Removal(tokio::runtime::Handle::current()));
        }
        Ok(())
    }
}

impl BlockShelf {
    /// Writes a block, and says what a catalog knows of it.
    pub(crate) async fn put(&self, tenant: &Tenant, start: i64, end: i64, rows: Arc<dyn Rows>) -> Result<Option<Put>> {
        let Some(files) = write::write(rows.clone(), start, end).await? else { return Ok(None) };
        let id = self.next_id(rows.began());
        let directory = directory(tenant, id);
        let (series_bytes, samples_bytes) = (files.series.len() as u64, files.samples.len() as u64);
        self.objects.put(&directory.clone().join(SERIES_FILE), files.series).await?;
        self.objects.put(&directory.clone().join(SAMPLES_FILE), files.samples).await?;
        let block = self.open(directory, (series_bytes, samples_bytes)).await?;
        if (block.min_ts(), block.max_ts(), block.samples()) != (files.min_ts, files.max_ts, files.count) {
            return Err(Error::internal(format!("{block:?} does not read back as it was written")));
        }
        let entry = Entry {
            block: id,
            min_ts: files.min_ts,
            max_ts: files.max_ts,
            samples: files.count,
            series: files.rows,
            samples_bytes,
            series_bytes,
            format: files.format,
            extras: files.extras,
            ranges: Vec::new(),
        };
        Ok(Some(Put { entry, labels: files.labels, starts: files.starts, block: self.keep(tenant, block) }))
    }

    /// A block that a catalog knows, opened.
    ///
    /// # Errors
    /// The bucket fails (of a kind that may be repeated), or the block is damaged (`Internal`).
    pub(crate) async fn find(&self, tenant: &Tenant, entry: &Entry) -> Result<Arc<dyn Block>> {
        let directory = directory(tenant, entry.block);
        if let Some((_, block)) = lock(&self.blocks).get(&directory) {
            return Ok(block.clone());
        }
        match self.open(directory, (entry.series_bytes, entry.samples_bytes)).await {
            Ok(block) => Ok(self.keep(tenant, block)),
            Err(error) => {
                if error.kind() == Kind::Internal {
                    self.damaged.inc();
                }
                Err(error)
            }
        }
    }

    /// Forgets the blocks of a tenant of which the catalog knows no more. Their files stay.
    pub(crate) fn forget(&self, tenant: &Tenant, known: impl Fn(&Ulid) -> bool) {
        lock(&self.blocks).retain(|directory, (of, _)| {
            let stays = of != tenant || ulid(directory).is_none_or(|id| known(&id));
            if !stays {
                self.shared.cache.forget(directory);
            }
            stays
        });
    }

    /// A name for a block: later than that of any other of this shelf. What the block is made of began then.
    fn next_id(&self, began: Option<u64>) -> Ulid {
        let mut last = lock(&self.last);
        *last = (*last + 1).max(self.clock.now().max(0).unsigned_abs());
        let random = Ulid::generate().random();
        let age = began.map_or(0, |began| last.saturating_sub(began).div_ceil(MINUTE).min(u16::MAX.into()));
        // 80 bits: the number of the life, minutes of age, and chance.
        Ulid::from_parts(
            *last,
            match self.life.load(Relaxed) {
                0 => random,
                life => u128::from(life) << LIFE_SHIFT | u128::from(age) << AGE_SHIFT | random & CHANCE,
            },
        )
    }

    /// Removes what a write left behind that ended before its samples file.
    async fn remove_orphan(&self, directory: &Path) {
        let age = self.clock.now() - ulid(directory).map_or(0, |ulid| ulid.timestamp_ms() as i64);
        if age < ORPHAN_AGE {
            return;
        }
        tracing::info!(block = %directory, "removing a block that was never complete");
        if let Err(error) = self.objects.delete(&directory.clone().join(SERIES_FILE)).await {
            tracing::warn!(block = %directory, error = error.report(), "it stays");
        }
    }
}

// === impl Memory ===

impl Memory {
    /// So many MiB for indexes, and so many for pages.
    pub const fn mib(indexes: u64, pages: u64) -> Self {
        Self { indexes: indexes << 20, pages: pages << 20 }
    }

    /// What keeps samples.
    fn for_samples(self) -> (Pages, Decoded) {
        let series = self.pages / SERIES_SHARE;
        (Pages::new(self.pages - series), Decoded::new(series))
    }
}

// === impl Cache ===

impl Cache {
    pub(super) fn get(&self, directory: &Path) -> Option<Arc<Index>> {
        let mut cached = lock(&self.inner);
        cached.uses += 1;
        let now = cached.uses;
        let (index, used) = cached.indexes.get_mut(directory)?;
        *used = now;
        Some(index.clone())
    }

    pub(super) fn put(&self, directory: &Path, index: Arc<Index>) {
        let mut cached = lock(&self.inner);
        cached.uses += 1;
        let now = cached.uses;
        cached.bytes += index.bytes();
        if let Some((old, _)) = cached.indexes.insert(directory.clone(), (index, now)) {
            cached.bytes -= old.bytes();
        }
        // The one that was put stays, whatever it takes: a query needs it.
        while cached.bytes > self.budget && cached.indexes.len() > 1 {
            let oldest = cached.indexes.iter().min_by_key(|(_, (_, used))| *used).map(|(d, _)| d.clone());
            let Some((index, _)) = oldest.and_then(|oldest| cached.indexes.remove(&oldest)) else { break };
            cached.bytes -= index.bytes();
        }
    }

    fn forget(&self, directory: &Path) {
        let mut cached = lock(&self.inner);
        if let Some((index, _)) = cached.indexes.remove(directory) {
            cached.bytes -= index.bytes();
        }
    }
}

/// The directory of a block.
fn directory(tenant: &Tenant, id: Ulid) -> Path {
    Path::from_iter([tenant.as_str(), RAW, &directory_name(id)])
}

/// The name of the block in a directory.
pub(super) fn ulid(directory: &Path) -> Option<Ulid> {
    directory.parts().nth(2).and_then(|part| block_of(part.as_ref()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
