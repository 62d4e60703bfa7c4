//! One tenant's series: shards, and the index over their labels.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use weir_pipeline::{Batch, Cardinality, Labels, Matcher, SeriesId};

use super::index::Index;
use super::series::{Change, Series};
use super::shard::{Found, SHARDS, Shard, Slot, shard_of};
use super::{Shared, Snapshot};

/// So many series are read without a pause for those who write.
const AT_ONCE: usize = 512;

/// So many series of a shard are sealed, freed or counted in one turn: some 0.1 ms at most.
const TURN: usize = 32;

/// One tenant's series.
#[derive(Default)]
pub(super) struct TenantHead {
    shards: [Mutex<Shard>; SHARDS],
    /// Locked after a shard, never before one.
    index: RwLock<Index>,
    /// Samples of earlier epochs are in blocks, and hidden.
    visible: AtomicU32,
    /// What series and chunks take, in bytes: the tenant's part of what all have.
    series_bytes: AtomicU64,
    chunk_bytes: AtomicU64,
}

/// A shard that is locked, and the index once it was needed.
pub(super) struct Locked<'a> {
    tenant: &'a TenantHead,
    number: usize,
    pub(super) shard: MutexGuard<'a, Shard>,
    index: Option<RwLockReadGuard<'a, Index>>,
}

/// Another series has the id.
pub(super) struct Collision;

// === impl TenantHead ===

impl TenantHead {
    /// Calls `f` with each series of the batch and its locked shard, in `order`, which goes shard by shard.
    pub(super) fn each_shard(&self, order: &[u32], batch: &Batch, mut f: impl FnMut(&mut Locked<'_>, usize)) {
        let of = |i: &u32| shard_of(batch.series(*i as usize).id);
        for group in order.chunk_by(|a, b| of(a) == of(b)) {
            let Some(number) = group.first().map(of) else { continue };
            let mut locked = Locked { tenant: self, number, shard: self.shard(number), index: None };
            for &i in group {
                f(&mut locked, i as usize);
            }
        }
    }

    pub(super) fn is_quick(&self, matchers: &[Matcher]) -> bool {
        self.index().is_quick(matchers)
    }

    pub(super) fn select(&self, matchers: &[Matcher], start: i64, end: i64) -> Vec<Snapshot> {
        let mut slots = self.index().select(matchers);
        slots.sort_unstable_by_key(|slot| slot.shard());
        let visible = self.visible.load(SeqCst);
        let (mut found, mut scratch) = (Vec::with_capacity(slots.len()), Vec::new());
        let of_a_shard = slots.chunk_by(|a: &Slot, b| a.shard() == b.shard());
        for group in of_a_shard.flat_map(|group| group.chunks(AT_ONCE)) {
            let Some(shard) = group.first().map(|slot| self.shard(slot.shard())) else { continue };
            let index = self.index();
            for series in group.iter().filter_map(|slot| shard.get(*slot)) {
                let pieces = series.pieces(visible, start, end);
                if !pieces.is_empty() {
                    found.push(series.snapshot(index.spell(&series.labels, &mut scratch), pieces));
                }
            }
        }
        found
    }

    pub(super) fn frozen(&self, epoch: u32, shared: &Shared) -> Vec<Snapshot> {
        let visible = self.visible.load(SeqCst);
        // Not while a shard is locked.
        let series = (0..SHARDS).map(|number| self.shard(number).slots()).sum();
        let (mut found, mut change, mut scratch) = (Vec::with_capacity(series), Change::default(), Vec::new());
        self.in_turns(|series| {
            let pieces = series.frozen(visible, epoch, &mut change);
            if !pieces.is_empty() {
                // Not locked for long: who creates series waits for it, and others behind them.
                found.push(series.snapshot(self.index().spell(&series.labels, &mut scratch), pieces));
            }
        });
        self.apply(&change, shared);
        found
    }

    pub(super) fn hide(&self, epoch: u32) {
        self.visible.fetch_max(epoch + 1, SeqCst);
    }

    pub(super) fn release(&self, shared: &Shared) {
        let (visible, epoch) = (self.visible.load(SeqCst), shared.epoch.load(SeqCst));
        let (mut change, mut samples) = (Change::default(), 0_u64);
        self.in_turns(|series| samples += series.release(visible, &mut change));
        change.samples = change.samples.wrapping_sub(samples);
        self.apply(&change, shared);
        for number in 0..SHARDS {
            let mut shard = self.shard(number);
            let removed = shard.remove(|series| series.is_empty() && series.touched.saturating_add(1) < epoch);
            if !removed.is_empty() {
                let index = &mut *self.index.write().unwrap_or_else(PoisonError::into_inner);
                let bytes: u64 = removed.iter().map(|series| series.byte_size()).sum();
                let bytes = bytes + index.remove(removed.iter().map(|series| series.place().slot()));
                shared.series_bytes.fetch_sub(bytes, Relaxed);
                self.series_bytes.fetch_sub(bytes, Relaxed);
                shared.series.fetch_sub(removed.len() as u64, Relaxed);
                shared.removed.fetch_add(removed.len() as u64, Relaxed);
            }
        }
    }

    /// Calls `f` with each series, of which shards take turns, some at a time: a request has series of all shards, and would wait at
    /// each that is locked for as long as all of its series take.
    fn in_turns(&self, mut f: impl FnMut(&mut Series)) {
        let (mut begin, mut more) = (0, true);
        while more {
            more = false;
            for number in 0..SHARDS {
                let mut shard = self.shard(number);
                shard.some_mut(begin..begin + TURN).for_each(&mut f);
                more |= shard.slots() > begin + TURN;
            }
            begin += TURN;
        }
    }

    /// What the series are made of.
    pub(super) fn cardinality(&self, limit: usize) -> Cardinality {
        let mut found = self.index().cardinality(limit);
        let visible = self.visible.load(SeqCst);
        self.in_turns(|series| {
            let (chunks, times) = series.extent(visible);
            found.chunks += chunks;
            let both = found.times.zip(times).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1)));
            found.times = both.or(found.times).or(times);
        });
        found
    }

    /// How many series there are, and how many samples they have.
    pub(super) fn usage(&self) -> (u64, u64) {
        let visible = self.visible.load(SeqCst);
        let (mut series, mut samples) = (0, 0);
        self.in_turns(|one| {
            series += 1;
            samples += one.samples(visible);
        });
        (series, samples)
    }

    /// What series and their samples take, in bytes.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.series_bytes.load(Relaxed), self.chunk_bytes.load(Relaxed))
    }

    /// Counts what pushing changed.
    pub(super) fn apply(&self, change: &Change, shared: &Shared) {
        self.chunk_bytes.fetch_add(change.bytes as u64, Relaxed);
        shared.apply(change);
    }

    /// Whether there is no series.
    pub(super) fn is_empty(&self) -> bool {
        self.index().is_empty()
    }

    fn shard(&self, number: usize) -> MutexGuard<'_, Shard> {
        self.shards[number % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Locked ===

impl Locked<'_> {
    /// The series with this id, which must have these labels; created where there is none.
    pub(super) fn find_or_create(
        &mut self,
        id: SeriesId,
        labels: Labels<'_>,
        shared: &Shared,
    ) -> Result<Found, Collision> {
        if let Some(series) = self.shard.find(id) {
            let index = self.index.get_or_insert_with(|| self.tenant.index());
            return if index.are(&series.labels, labels) { Ok(series.place()) } else { Err(Collision) };
        }
        // It can't be changed while it is read.
        self.index = None;
        let number = shared.numbers.fetch_add(1, Relaxed) + 1;
        let place = Found { handle: self.shard.next_handle(self.number), number };
        let (ids, index_bytes) = {
            let mut index = self.tenant.index.write().unwrap_or_else(PoisonError::into_inner);
            index.insert(labels, place.slot())
        };
        let series = Box::new(Series::new(place, id, ids, shared.epoch.load(SeqCst)));
        shared.series_bytes.fetch_add(series.byte_size() + index_bytes, Relaxed);
        self.tenant.series_bytes.fetch_add(series.byte_size() + index_bytes, Relaxed);
        shared.series.fetch_add(1, Relaxed);
        shared.created.fetch_add(1, Relaxed);
        self.shard.insert(series);
        Ok(place)
    }
}

// === impl Shared ===

impl Shared {
    fn apply(&self, change: &Change) {
        self.samples.fetch_add(change.samples, Relaxed);
        self.conflicts.fetch_add(change.conflicts, Relaxed);
        self.chunk_bytes.fetch_add(change.bytes as u64, Relaxed);
    }
}
