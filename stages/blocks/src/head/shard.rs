//! A part of a tenant's series, behind one lock.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use hashbrown::HashTable;
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

/// The same in half as many bytes, for lists of many: of the number only the low half, which is enough to tell series apart
/// that have a handle one soon after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    handle: u32,
    number: u32,
}

/// A part of a tenant's series.
#[derive(Default)]
pub(super) struct Shard {
    /// Slots, by the ids of the series in them.
    by_id: HashTable<u32>,
    key: Key,
    slots: Vec<Option<Box<Series>>>,
    free: Vec<u32>,
}

/// With what ids are hashed, which are hashes already: XXH3 can be forged.
#[derive(Clone, Copy)]
struct Key(u64, u64);

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
    pub(super) fn slot(self) -> Slot {
        Slot { handle: self.handle, number: self.number as u32 }
    }
}

// === impl Slot ===

impl Slot {
    /// No series has it.
    pub(super) const GONE: Self = Self { handle: u32::MAX, number: u32::MAX };

    pub(super) fn shard(self) -> usize {
        self.handle as usize % SHARDS
    }

    fn index(self) -> usize {
        self.handle as usize / SHARDS
    }
}

// === impl Shard ===

impl Shard {
    pub(super) fn find(&self, id: SeriesId) -> Option<&Series> {
        let has = |slot: &u32| self.series(*slot).is_some_and(|series| series.id == id);
        self.series(*self.by_id.find(self.key.hash(id), has)?)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Series> {
        self.slots.get(slot.index())?.as_deref().filter(|series| series.place().slot() == slot)
    }

    pub(super) fn get_mut(&mut self, place: Found) -> Option<&mut Series> {
        self.slots.get_mut(place.slot().index())?.as_deref_mut().filter(|series| series.place() == place)
    }

    fn series(&self, slot: u32) -> Option<&Series> {
        self.slots.get(slot as usize)?.as_deref()
    }

    /// The handle that the next series of the shard with this number gets.
    pub(super) fn next_handle(&self, shard: usize) -> u32 {
        let slot = self.free.last().copied().unwrap_or(self.slots.len() as u32);
        slot * SHARDS as u32 + shard as u32
    }

    /// Adds a series, whose handle is the one that `next_handle` told.
    pub(super) fn insert(&mut self, series: Box<Series>) {
        let (slot, hash) = (series.place().slot().index(), self.key.hash(series.id));
        if self.free.pop().is_none() {
            self.slots.push(None);
        }
        if let Some(empty) = self.slots.get_mut(slot) {
            *empty = Some(series);
        }
        let (slots, key) = (&self.slots, self.key);
        self.by_id.insert_unique(hash, slot as u32, |slot| hash_of(slots, key, *slot));
    }

    /// How many slots there are, free ones among them.
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The series of some slots.
    pub(super) fn some_mut(&mut self, slots: Range<usize>) -> impl Iterator<Item = &mut Series> {
        let end = slots.end.min(self.slots.len());
        let slots = self.slots.get_mut(slots.start.min(end)..end).unwrap_or_default();
        slots.iter_mut().filter_map(|slot| slot.as_deref_mut())
    }

    /// Removes the series for which `idle` holds, and returns them.
    pub(super) fn remove(&mut self, idle: impl Fn(&Series) -> bool) -> Vec<Series> {
        let mut removed = Vec::new();
        for (i, slot) in self.slots.iter_mut().enumerate() {
            if let Some(series) = slot.take_if(|series| idle(series)) {
                if let Ok(entry) = self.by_id.find_entry(self.key.hash(series.id), |slot| *slot as usize == i) {
                    entry.remove();
                }
                self.free.push(i as u32);
                removed.push(*series);
            }
        }
        if !removed.is_empty() && self.by_id.len() * 4 < self.by_id.capacity() {
            let (slots, key) = (&self.slots, self.key);
            self.by_id.shrink_to_fit(|slot| hash_of(slots, key, *slot));
        }
        removed
    }
}

/// The hash of the series in a slot.
fn hash_of(slots: &[Option<Box<Series>>], key: Key, slot: u32) -> u64 {
    slots.get(slot as usize).and_then(Option::as_ref).map_or(0, |series| key.hash(series.id))
}

// === impl Key ===

impl Key {
    fn hash(self, id: SeriesId) -> u64 {
        let (high, low) = ((id.as_u128() >> 64) as u64, id.as_u128() as u64);
        let product = u128::from(high ^ self.0) * u128::from(low ^ self.1);
        product as u64 ^ (product >> 64) as u64
    }
}

impl Default for Key {
    fn default() -> Self {
        let random = RandomState::new();
        Self(random.hash_one(0), random.hash_one(1))
    }
}
