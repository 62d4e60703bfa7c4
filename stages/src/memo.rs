//! A bounded memory of what was decided about each series, so that the steady state costs one lookup.
//!
//! Entries are found by a keyed hash of the label set and hold the series id beside it: who can forge ids still cannot
//! make two series share an entry, and no label set needs to be kept. Two generations bound it: when the young one has
//! taken half of the bytes it becomes the old one, and what the old one held and nobody asked for is forgotten.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::{PoisonError, RwLock};

use weir_pipeline::{Batch, Labels, SeriesId};

/// What was decided about each series.
#[derive(Debug)]
pub(crate) struct Memo<V> {
    keys: RandomState,
    /// What one generation may take, in bytes.
    half: usize,
    generations: RwLock<Generations<V>>,
}

/// What an entry takes beside what its value keeps on the heap, in bytes.
const ENTRY_BYTES: usize = 80;

/// A value that is worth remembering.
pub(crate) trait Remember: Clone {
    /// What it keeps on the heap, in bytes.
    fn heap_bytes(&self) -> usize;
}

#[derive(Debug)]
struct Generations<V> {
    young: Entries<V>,
    young_bytes: usize,
    old: Entries<V>,
}

type Entries<V> = HashMap<u64, Entry<V>, BuildHasherDefault<Keyed>>;

#[derive(Clone, Debug)]
struct Entry<V> {
    id: SeriesId,
    value: V,
}

/// The key is a keyed hash already.
#[derive(Default)]
struct Keyed(u64);

// === impl Memo ===

impl<V: Remember> Memo<V> {
    /// A memory of at most `bytes`; of nothing where that is 0.
    pub(crate) fn new(bytes: u64) -> Self {
        let half = usize::try_from(bytes / 2).unwrap_or(usize::MAX);
        let generations = Generations { young: HashMap::default(), young_bytes: 0, old: HashMap::default() };
        Self { keys: RandomState::new(), half, generations: RwLock::new(generations) }
    }

    /// What is decided about each series of `batch`, in order; `decide` is asked about those that are not remembered.
    pub(crate) fn recall(&self, batch: &Batch, decide: impl Fn(Labels<'_>) -> V) -> Vec<V> {
        if self.half == 0 {
            return batch.iter().map(|series| decide(series.labels)).collect();
        }
        let keys: Vec<u64> = batch.iter().map(|series| self.keys.hash_one(series.labels.encoded())).collect();
        let mut known: Vec<Option<V>> = Vec::with_capacity(keys.len());
        let mut stale = Vec::new();
        {
            let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
            for (i, (&key, series)) in keys.iter().zip(batch.iter()).enumerate() {
                let young = generations.young.get(&key).filter(|e| e.id == series.id);
                let found = young.or_else(|| generations.old.get(&key).filter(|e| e.id == series.id));
                if young.is_none() {
                    stale.push(i);
                }
                known.push(found.map(|e| e.value.clone()));
            }
        }
        // The rules run outside of the lock.
        let values: Vec<V> =
            known.into_iter().zip(batch.iter()).map(|(v, s)| v.unwrap_or_else(|| decide(s.labels))).collect();
        if !stale.is_empty() {
            let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
            for i in stale {
                let entry = Entry { id: batch.series(i).id, value: values[i].clone() };
                generations.insert(keys[i], entry, self.half);
            }
        }
        values
    }

    /// What the entries take, in bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        let of = |entries: &Entries<V>| entries.values().map(Entry::bytes).sum::<usize>();
        of(&generations.young) + of(&generations.old)
    }
}

impl<V: Remember> Entry<V> {
    fn bytes(&self) -> usize {
        ENTRY_BYTES + self.value.heap_bytes()
    }
}

impl<V: Remember> Generations<V> {
    fn insert(&mut self, key: u64, entry: Entry<V>, half: usize) {
        let bytes = entry.bytes();
        if bytes > half {
            return;
        }
        if self.young_bytes + bytes > half {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.old.remove(&key);
        self.young_bytes += bytes;
        if let Some(before) = self.young.insert(key, entry) {
            self.young_bytes -= before.bytes();
        }
    }
}

// === impl Keyed ===

impl Hasher for Keyed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only whole keys are hashed; the fallback keeps the contract.
        bytes.iter().for_each(|&b| self.0 = self.0.rotate_left(8) ^ u64::from(b));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests;
