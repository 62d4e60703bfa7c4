//! From blocks on this machine's disk to the bucket.
//!
//! Cuts leave blocks on disk, which queries see at once. Those of one tenant and one UTC day become one block of the
//! bucket when they are large enough, or old enough. Then they go from the disk. What the bucket does meanwhile costs disk
//! only: a bucket that can't be reached is asked again, with growing pauses.
//!
//! An upload happens once. The catalog's entry says which blocks of which life of this store are in it; a store that died
//! after the commit and before the removal finds that out, and removes.
//!
//! Of replicas the one whose turn comes first uploads. Those after it compare what they have with what is in the bucket
//! ([`compare`](super::compare)): a block of which that has every sample goes from the disk; of what is left they upload
//! what the bucket lacks, when that is due by its own age. So nobody has to know of the others, who is late or dead is
//! replaced by whose turn comes next, and what one has missed comes from another. Who meets another that is uploading the
//! same tenant's blocks ([`turns`](super::turns)) comes back a little later.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use ulid::Ulid;
use weir_pipeline::{Result, Tenant};

use super::compare::Compared;
use super::cut::DAY;
use super::shelf::{Block, Rows};
use super::tidy::Joined;
use super::turns::Turn;
use super::{Selection, Store, lock};
use crate::block;
use crate::catalog::Covered;
use crate::depot::{Depot, Upload};

/// How often it is looked whether something is to be uploaded, at most and at least.
const LOOKS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(60));

/// The first and the longest pause after an upload that failed.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How soon who has met another at it looks again, at most.
const AGAIN: Duration = Duration::from_secs(5);

/// Blocks that become one in the bucket.
struct Group {
    tenant: Tenant,
    day: i64,
    blocks: Vec<Arc<dyn Block>>,
}

/// An upload whose files are in the bucket, and which may be committed already.
pub(super) struct Unfinished {
    tenant: Tenant,
    upload: Upload,
    blocks: Vec<Arc<dyn Block>>,
    /// The blocks of others that have what is not in the upload.
    beside: HashSet<Ulid>,
}

/// What uploads did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Blocks that came into the bucket.
    pub blocks: u64,
    /// Samples in them.
    pub samples: u64,
    /// What they take there, in bytes.
    pub bytes: u64,
    /// Blocks that went from the disk because those of others in the bucket have all of their samples.
    pub covered: u64,
    /// Uploads that wait for another store's of the same tenant.
    pub waiting: u64,
}

// === impl Store ===

impl Store {
    /// Uploads what is due; all of it where `all`. Says what that was.
    ///
    /// Cancel safety: what is not committed stays on disk, and what is in doubt is cleared up by the next call.
    ///
    /// # Errors
    /// The bucket or the disk fails. What was not uploaded stays on disk.
    pub async fn upload(&self, all: bool) -> Result<Uploaded> {
        let Some(depot) = &self.0.depot else { return Ok(Uploaded::default()) };
        let mut uploaded = Uploaded::default();
        let mut moving = self.0.moving.lock().await;
        self.finish(depot, &mut moving, &mut uploaded).await?;
        let groups = self.groups(all);
        lock(&self.0.waiting).retain(|tenant, _| groups.iter().any(|group| group.tenant == *tenant));
        for group in groups {
            let Some(group) = self.clear(depot, group).await? else { continue };
            let tenant = group.tenant.clone();
            let turn = self.take_turn(depot, &tenant).await?;
            if turn == Turn::Others && !all {
                uploaded.waiting += 1;
                continue;
            }
            let result = self.upload_group(depot, group, all, &mut moving, &mut uploaded).await;
            self.end_turn(depot, &tenant, turn).await;
            result?;
        }
        Ok(uploaded)
    }

    async fn upload_group(
        &self,
        depot: &Depot,
        group: Group,
        all: bool,
        moving: &mut Option<Unfinished>,
        uploaded: &mut Uploaded,
    ) -> Result<()> {
        let begin = Instant::now();
        let times = (group.day * DAY, group.day * DAY + DAY - 1);
        let others = self.others(depot, &group).await?;
        let beside = others.iter().map(|block| block.id()).collect();
        let reach = group.reach();
        let own = Selection::new(Vec::new(), &group.blocks, &[], reach.0, reach.1).await?;
        let rows: Arc<dyn Rows> = if others.is_empty() {
            Arc::new(Joined::new(own).await?)
        } else {
            let compared = Compared::new(own, &others).await?;
            let (covered, rest): (Vec<_>, Vec<_>) = group.blocks.iter().cloned().partition(|block| compared.has(block));
            // What is left and not due may be in the bucket before it is.
            let is_due = all || covered.is_empty() || self.is_due(&group.tenant, &rest);
            if rest.is_empty() || !is_due {
                if depot.has(&group.tenant, &beside).await? {
                    self.drop_covered(&group.tenant, &covered, uploaded).await?;
                }
                return Ok(());
            }
            compared.rest()
        };
        let covers = self.covers(&group);
        let Some(upload) = depot.put(&group.tenant, times, rows, covers).await? else {
            // The bucket has every sample.
            if !beside.is_empty() && depot.has(&group.tenant, &beside).await? {
                self.drop_covered(&group.tenant, &group.blocks, uploaded).await?;
            }
            return Ok(());
        };
        *moving = Some(Unfinished { tenant: group.tenant, upload, blocks: group.blocks, beside });
        self.finish(depot, moving, uploaded).await?;
        self.0.measures.uploaded(begin.elapsed());
        Ok(())
    }

    /// What others have put into the bucket in the time of these blocks.
    async fn others(&self, depot: &Depot, group: &Group) -> Result<Vec<Arc<dyn Block>>> {
        match self.0.settings.upload.one_copy {
            true => depot.others(&group.tenant, &self.0.identity.writer, group.reach()).await,
            false => Ok(Vec::new()),
        }
    }

    /// Commits what is unfinished, and takes the blocks off the disk. Until that is done it stays known what is to be done.
    pub(super) async fn finish(
        &self,
        depot: &Depot,
        moving: &mut Option<Unfinished>,
        uploaded: &mut Uploaded,
    ) -> Result<()> {
        let Some(unfinished) = moving.as_ref() else { return Ok(()) };
        // What others have may be gone since: then it is compared anew.
        if !depot.has(&unfinished.tenant, &unfinished.beside).await? {
            *moving = None;
            return Ok(());
        }
        let exists = depot.commit(&unfinished.tenant, &unfinished.upload).await?;
        let Some(unfinished) = moving.take() else { return Ok(()) };
        if !exists {
            // Its blocks are still on disk, and become another one.
            tracing::warn!(tenant = %unfinished.tenant, "an upload took too long and is made anew");
            return Ok(());
        }
        let (bytes, samples) = unfinished.upload.size();
        *uploaded = Uploaded {
            blocks: uploaded.blocks + 1,
            samples: uploaded.samples + samples,
            bytes: uploaded.bytes + bytes,
            ..*uploaded
        };
        self.0.measures.committed(samples, bytes);
        if !unfinished.beside.is_empty() {
            let all: u64 = unfinished.blocks.iter().map(|block| block.samples()).sum();
            self.0.measures.left_out(all.saturating_sub(samples));
        }
        self.drop_local(&unfinished.tenant, &unfinished.blocks).await
    }

    /// The blocks on disk that become one, and are due.
    fn groups(&self, all: bool) -> Vec<Group> {
        let view = self.0.view.read().unwrap_or_else(PoisonError::into_inner);
        let mut groups = Vec::new();
        for tenant in view.tenants() {
            let mut days = BTreeMap::<i64, Vec<Arc<dyn Block>>>::new();
            for block in view.of(&tenant).iter() {
                days.entry(block.min_ts().div_euclid(DAY)).or_default().push(block.clone());
            }
            for (day, blocks) in days {
                if all || self.is_due(&tenant, &blocks) {
                    let together = together(blocks, self.0.settings.upload.size.get());
                    groups.extend(together.map(|blocks| Group { tenant: tenant.clone(), day, blocks }));
                }
            }
        }
        groups
    }

    /// Whether blocks of a tenant and a day are large enough together, or the oldest is old enough.
    fn is_due(&self, tenant: &Tenant, blocks: &[Arc<dyn Block>]) -> bool {
        let bytes: u64 = blocks.iter().map(|block| block.bytes()).sum();
        let oldest = blocks.iter().map(|block| block::began(block.id())).min().unwrap_or(0);
        let age = self.0.clock.now().saturating_sub_unsigned(oldest).max(0).unsigned_abs();
        bytes >= self.0.settings.upload.size.get() || u128::from(age) >= self.stagger(tenant).as_millis()
    }

    /// How old a tenant's blocks become on this store: between a half and the whole of what the settings say, so that
    /// replicas and tenants come one after the other.
    pub(super) fn stagger(&self, tenant: &Tenant) -> Duration {
        let after = self.0.settings.upload.after.get();
        let name = format!("{}/{tenant}", self.0.identity.writer);
        let share = xxhash_rust::xxh3::xxh3_64(name.as_bytes()) % 1024;
        after / 2 + after.mul_f64(share as f64 / 2048.0)
    }

    /// How often it is looked whether something is to be uploaded.
    fn looks(&self) -> Duration {
        (self.0.settings.upload.after.get() / 8).clamp(LOOKS.0, LOOKS.1)
    }

    /// Takes off the disk what the bucket has already, from before this store died; the rest is left.
    async fn clear(&self, depot: &Depot, group: Group) -> Result<Option<Group>> {
        let Group { tenant, day, blocks } = group;
        // What this life made is in the bucket only by its own doing, of which it knows.
        let is_old = |block: &&Arc<dyn Block>| block::life(block.id()) != self.0.identity.life;
        if !blocks.iter().any(|block| is_old(&block)) {
            return Ok(Some(Group { tenant, day, blocks }));
        }
        let covered = depot.covered(&tenant, &self.0.identity.writer).await?;
        let has = |block: &Arc<dyn Block>| {
            let (life, made) = (u64::from(block::life(block.id())), block.id().timestamp_ms());
            let of = |range: &Covered| range.epoch == life && range.stream == stream(day);
            is_old(&block)
                && stream(day) != u32::MAX
                && covered.iter().any(|r| of(r) && (r.first..=r.last).contains(&made))
        };
        let (gone, blocks): (Vec<_>, Vec<_>) = blocks.into_iter().partition(has);
        if !gone.is_empty() {
            tracing::info!(%tenant, blocks = gone.len(), "the bucket has blocks already that are still on disk");
            self.drop_local(&tenant, &gone).await?;
        }
        Ok(if blocks.is_empty() { None } else { Some(Group { tenant, day, blocks }) })
    }

    /// What a block of the bucket covers that is made of these: for each life of this store all blocks of the day from
    /// the first to the last.
    fn covers(&self, group: &Group) -> Vec<Covered> {
        let mut lives = BTreeMap::<u32, (u64, u64)>::new();
        for block in &group.blocks {
            let made = block.id().timestamp_ms();
            let (first, last) = lives.entry(block::life(block.id())).or_insert((made, made));
            (*first, *last) = ((*first).min(made), (*last).max(made));
        }
        let writer = &self.0.identity.writer;
        let covered = |(life, (first, last)): (u32, (u64, u64))| Covered {
            writer: writer.clone(),
            epoch: life.into(),
            stream: stream(group.day),
            first,
            last,
        };
        lives.into_iter().map(covered).collect()
    }

    /// Takes off the disk what others have put into the bucket.
    async fn drop_covered(&self, tenant: &Tenant, blocks: &[Arc<dyn Block>], uploaded: &mut Uploaded) -> Result<()> {
        for block in blocks {
            self.0.measures.covered(block.samples(), block.bytes());
        }
        uploaded.covered += blocks.len() as u64;
        self.drop_local(tenant, blocks).await
    }

    /// Takes blocks off the disk once no reader has them any more. From here on they are the bucket's.
    pub(super) async fn drop_local(&self, tenant: &Tenant, blocks: &[Arc<dyn Block>]) -> Result<()> {
        {
            let mut view = self.0.view.write().unwrap_or_else(PoisonError::into_inner);
            view.replace(tenant, blocks, &[]);
            self.0.measures.blocks(&view);
        }
        for block in blocks {
            self.0.shelf.remove(tenant, block.clone()).await?;
        }
        Ok(())
    }

    /// One turn of [`run`]: returns the pause before the next one where that is not the usual one.
    async fn upload_turn(&self, pause: Option<Duration>) -> Option<Duration> {
        match self.upload(false).await {
            Ok(Uploaded { blocks, samples, bytes, covered, waiting }) => {
                if blocks + covered > 0 {
                    tracing::info!(blocks, samples, bytes, covered, "uploaded");
                }
                (waiting > 0).then(|| AGAIN.min(self.looks()))
            }
            Err(error) => {
                self.0.measures.upload_failed();
                let next = pause.map_or(PAUSES.0, |pause| pause * 2).min(PAUSES.1);
                tracing::error!(error = %error.report(), retry_in = ?next, "blocks can't be uploaded; they stay on disk");
                Some(next)
            }
        }
    }
}

// === impl Group ===

impl Group {
    /// The first and the last timestamp.
    fn reach(&self) -> (i64, i64) {
        let first = self.blocks.iter().map(|block| block.min_ts()).min();
        let last = self.blocks.iter().map(|block| block.max_ts()).max();
        first.zip(last).unwrap_or((0, -1))
    }
}

/// Blocks in the order in which they were made, so many at a time as have `size` bytes: one of the bucket is made in memory,
/// and after days without the bucket there may be many.
fn together(mut blocks: Vec<Arc<dyn Block>>, size: u64) -> impl Iterator<Item = Vec<Arc<dyn Block>>> {
    blocks.sort_by_key(|block| block.id());
    let mut all: Vec<Vec<Arc<dyn Block>>> = Vec::new();
    let mut bytes = u64::MAX;
    for block in blocks {
        if bytes.saturating_add(block.bytes()) > size {
            all.push(Vec::new());
            bytes = 0;
        }
        bytes += block.bytes();
        if let Some(last) = all.last_mut() {
            last.push(block);
        }
    }
    all.into_iter()
}

/// The stream of records that a day's blocks are.
fn stream(day: i64) -> u32 {
    // Days since the Unix epoch. Those before it share one, of which nothing is taken as covered.
    u32::try_from(day).unwrap_or(u32::MAX)
}

/// Uploads when it is time, until the store is gone or closed.
pub(super) fn run(store: &Store) -> impl Future<Output = ()> + Send + use<> {
    let period = store.looks();
    let store = Arc::downgrade(&store.0);
    async move {
        let mut pause = None;
        loop {
            sleep(pause.unwrap_or(period)).await;
            match store.upgrade().map(Store) {
                Some(store) if !store.0.in_flight.is_closed() => pause = store.upload_turn(pause).await,
                _ => return,
            }
        }
    }
}
