//! One tenant's series: shards, and the index over their labels.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use weir_pipeline::{Batch, Cardinality, Labels, Matcher, SeriesId};

use super::index::Index;
use super::series::{Change, Series};
use super::shard::{Found, SHARDS, Shard, shard_of};
use super::{Shared, Snapshot};

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

/// Another series has the id.
pub(super) struct Collision;

// === impl TenantHead ===

impl TenantHead {
    /// Calls `f` with each series of the batch and its locked shard, in `order`, which goes shard by shard.
    pub(super) fn each_shard(&self, order: &[u32], batch: &Batch, mut f: impl FnMut(&mut Shard, usize, usize)) {
        let of = |i: &u32| shard_of(batch.series(*i as usize).id);
        for group in order.chunk_by(|a, b| of(a) == of(b)) {
            let Some(number) = group.first().map(of) else { continue };
            let mut shard = self.shard(number);
            for &i in group {
                f(&mut shard, number, i as usize);
            }
        }
    }

    /// The series with this id, which must have these labels; created where there is none.
    pub(super) fn find_or_create(
        &self,
        shard: &mut Shard,
        number: usize,
        id: SeriesId,
        labels: Labels<'_>,
        shared: &Shared,
    ) -> Result<Found, Collision> {
        if let Some(series) = shard.find(id) {
            return if *series.labels == *labels.encoded() { Ok(series.place) } else { Err(Collision) };
        }
        let place = Found { handle: shard.next_handle(number), number: shared.numbers.fetch_add(1, Relaxed) + 1 };
        let series = Box::new(Series::new(place, id, labels, shared.epoch.load(SeqCst)));
        let index_bytes = self.index.write().unwrap_or_else(PoisonError::into_inner).insert(labels, place);
        shared.series_bytes.fetch_add(series.byte_size() + index_bytes, Relaxed);
        self.series_bytes.fetch_add(series.byte_size() + index_bytes, Relaxed);
        shared.series.fetch_add(1, Relaxed);
        shared.created.fetch_add(1, Relaxed);
        shard.insert(series);
        Ok(place)
    }

    pub(super) fn share(&self, labels: &[u8]) -> Option<Arc<[u8]>> {
        let id = SeriesId::of(labels);
        let shard = self.shard(shard_of(id));
        shard.find(id).map(|series| series.labels.clone()).filter(|known| **known == *labels)
    }

    pub(super) fn is_quick(&self, matchers: &[Matcher]) -> bool {
        self.index.read().unwrap_or_else(PoisonError::into_inner).is_quick(matchers)
    }

    pub(super) fn select(&self, matchers: &[Matcher], start: i64, end: i64) -> Vec<Snapshot> {
        let mut places = self.index.read().unwrap_or_else(PoisonError::into_inner).select(matchers);
        places.sort_unstable_by_key(|place| place.shard());
        let visible = self.visible.load(SeqCst);
        let mut found = Vec::with_capacity(places.len());
        for group in places.chunk_by(|a, b| a.shard() == b.shard()) {
            let Some(shard) = group.first().map(|place| self.shard(place.shard())) else { continue };
            for series in group.iter().filter_map(|place| shard.get(*place)) {
                let pieces = series.pieces(visible, start, end);
                if !pieces.is_empty() {
                    found.push(series.snapshot(pieces));
                }
            }
        }
        found
    }

    pub(super) fn frozen(&self, epoch: u32, shared: &Shared) -> Vec<Snapshot> {
        let visible = self.visible.load(SeqCst);
        let (mut found, mut change) = (Vec::new(), Change::default());
        for number in 0..SHARDS {
            for series in self.shard(number).series_mut() {
                let pieces = series.frozen(visible, epoch, &mut change);
                if !pieces.is_empty() {
                    found.push(series.snapshot(pieces));
                }
            }
        }
        self.apply(&change, shared);
        found
    }

    pub(super) fn hide(&self, epoch: u32) {
        self.visible.fetch_max(epoch + 1, SeqCst);
    }

    pub(super) fn release(&self, shared: &Shared) {
        let (visible, epoch) = (self.visible.load(SeqCst), shared.epoch.load(SeqCst));
        for number in 0..SHARDS {
            let mut shard = self.shard(number);
            let mut change = Change::default();
            let samples: u64 = shard.series_mut().map(|series| series.release(visible, &mut change)).sum();
            change.samples = change.samples.wrapping_sub(samples);
            self.apply(&change, shared);
            let removed = shard.remove(|series| series.is_empty() && series.touched.saturating_add(1) < epoch);
            if !removed.is_empty() {
                let index = &mut *self.index.write().unwrap_or_else(PoisonError::into_inner);
                let bytes: u64 = removed.iter().map(|series| series.byte_size()).sum();
                let bytes = bytes + index.remove(removed.iter().map(|series| series.place));
                shared.series_bytes.fetch_sub(bytes, Relaxed);
                self.series_bytes.fetch_sub(bytes, Relaxed);
                shared.series.fetch_sub(removed.len() as u64, Relaxed);
                shared.removed.fetch_add(removed.len() as u64, Relaxed);
            }
        }
    }

    /// What the series are made of.
    pub(super) fn cardinality(&self, limit: usize) -> Cardinality {
        let mut found = self.index.read().unwrap_or_else(PoisonError::into_inner).cardinality(limit);
        let visible = self.visible.load(SeqCst);
        for number in 0..SHARDS {
            for series in self.shard(number).series_mut() {
                let (chunks, times) = series.extent(visible);
                found.chunks += chunks;
                let both = found.times.zip(times).map(|(a, b)| (a.0.min(b.0), a.1.max(b.1)));
                found.times = both.or(found.times).or(times);
            }
        }
        found
    }

    /// How many series there are, and how many samples they have.
    pub(super) fn usage(&self) -> (u64, u64) {
        let visible = self.visible.load(SeqCst);
        let (mut series, mut samples) = (0, 0);
        for number in 0..SHARDS {
            for one in self.shard(number).series_mut() {
                series += 1;
                samples += one.samples(visible);
            }
        }
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
        self.index.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn shard(&self, number: usize) -> MutexGuard<'_, Shard> {
        self.shards[number % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
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
