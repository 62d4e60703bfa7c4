//! A part of a tenant's series, behind one lock.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use weir_pipeline::SeriesId;

use super::series::Series;

/// How many shards a tenant has.
pub(super) const SHARDS: usize = 16;

/// Where a series is: it is gone where the number is not the same any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) handle: u32,
    pub(super) number: u64,
}

/// A part of a tenant's series.
#[derive(Default)]
pub(super) struct Shard {
    by_id: HashMap<SeriesId, u32, Keyed>,
    slots: Vec<Option<Box<Series>>>,
    free: Vec<u32>,
}

/// Hashes ids, which are hashes already, with a key: XXH3 can be forged.
#[derive(Clone)]
pub(super) struct Keyed(u64, u64);

pub(super) struct IdHasher(Keyed, u64);

/// The shard of a series.
pub(super) fn shard_of(id: SeriesId) -> usize {
    usize::from(id.0[15]) % SHARDS
}

/// Indices of series, shard by shard, in order within a shard.
pub(super) fn order(ids: impl Iterator<Item = SeriesId>) -> Vec<u32> {
    let shards: Vec<u8> = ids.map(|id| shard_of(id) as u8).collect();
    let mut next = [0u32; SHARDS];
    for &shard in &shards {
        next[usize::from(shard)] += 1;
    }
    let mut sum = 0;
    for start in &mut next {
        (*start, sum) = (sum, sum + *start);
    }
    let mut order = vec![0; shards.len()];
    for (i, &shard) in shards.iter().enumerate() {
        let at = &mut next[usize::from(shard)];
        order[*at as usize] = i as u32;
        *at += 1;
    }
    order
}

// === impl Found ===

impl Found {
    pub(super) fn shard(self) -> usize {
        self.handle as usize % SHARDS
    }

    fn slot(self) -> usize {
        self.handle as usize / SHARDS
    }
}

// === impl Shard ===

impl Shard {
    pub(super) fn find(&self, id: SeriesId) -> Option<&Series> {
        let slot = *self.by_id.get(&id)?;
        self.slots.get(slot as usize)?.as_deref()
    }

    pub(super) fn get(&self, place: Found) -> Option<&Series> {
        self.slots.get(place.slot())?.as_deref().filter(|series| series.place.number == place.number)
    }

    pub(super) fn get_mut(&mut self, place: Found) -> Option<&mut Series> {
        self.slots.get_mut(place.slot())?.as_deref_mut().filter(|series| series.place.number == place.number)
    }

    /// The handle that the next series of the shard with this number gets.
    pub(super) fn next_handle(&self, shard: usize) -> u32 {
        let slot = self.free.last().copied().unwrap_or(self.slots.len() as u32);
        slot * SHARDS as u32 + shard as u32
    }

    /// Adds a series, whose handle is the one that `next_handle` told.
    pub(super) fn insert(&mut self, series: Box<Series>) {
        let slot = series.place.slot();
        self.by_id.insert(series.id, slot as u32);
        if self.free.pop().is_none() {
            self.slots.push(None);
        }
        if let Some(empty) = self.slots.get_mut(slot) {
            *empty = Some(series);
        }
    }

    pub(super) fn series_mut(&mut self) -> impl Iterator<Item = &mut Series> {
        self.slots.iter_mut().filter_map(|slot| slot.as_deref_mut())
    }

    /// Removes the series for which `idle` holds, and returns them.
    pub(super) fn remove(&mut self, idle: impl Fn(&Series) -> bool) -> Vec<Series> {
        let mut removed = Vec::new();
        for (i, slot) in self.slots.iter_mut().enumerate() {
            if let Some(series) = slot.take_if(|series| idle(series)) {
                self.by_id.remove(&series.id);
                self.free.push(i as u32);
                removed.push(*series);
            }
        }
        removed
    }
}

// === impl Keyed ===

impl Default for Keyed {
    fn default() -> Self {
        let random = RandomState::new();
        Self(random.hash_one(0), random.hash_one(1))
    }
}

impl BuildHasher for Keyed {
    type Hasher = IdHasher;
    fn build_hasher(&self) -> IdHasher {
        IdHasher(self.clone(), 0)
    }
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let ([high, low], _) = bytes.as_chunks::<8>() {
            let Keyed(a, b) = self.0;
            let product = u128::from(u64::from_le_bytes(*high) ^ a) * u128::from(u64::from_le_bytes(*low) ^ b);
            self.1 = product as u64 ^ (product >> 64) as u64;
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.1
    }
}
