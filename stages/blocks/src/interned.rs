//! Labels of many series, each pair of name and value kept once: series of one target differ in few of them.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use weir_pipeline::Labels;

/// Pairs of name and value, each with a number. Who numbers a series' labels keeps four bytes for each of them.
#[derive(Default)]
pub(crate) struct Interned {
    /// With a key: senders choose what is hashed.
    hasher: RandomState,
    table: HashTable<u32>,
    /// The pairs in the canonical encoding, by number. Empty where the number is free.
    pairs: Vec<Box<[u8]>>,
    free: Vec<u32>,
}

// === impl Interned ===

impl Interned {
    /// The number of a pair in the canonical encoding.
    pub(crate) fn find(&self, pair: &[u8]) -> Option<u32> {
        self.table.find(self.hasher.hash_one(pair), |id| self.pair(*id) == pair).copied()
    }

    /// The number of a pair in the canonical encoding, and whether it is new.
    pub(crate) fn add(&mut self, pair: &[u8]) -> (u32, bool) {
        if let Some(id) = self.find(pair) {
            return (id, false);
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.pairs.push(Box::default());
            self.pairs.len() as u32 - 1
        });
        if let Some(empty) = self.pairs.get_mut(id as usize) {
            *empty = pair.into();
        }
        let (hasher, pairs) = (&self.hasher, &self.pairs);
        let rehash = |id: &u32| hasher.hash_one(pairs.get(*id as usize).map(|pair| &**pair).unwrap_or_default());
        self.table.insert_unique(self.hasher.hash_one(pair), id, rehash);
        (id, true)
    }

    /// Gives up a pair that no series has any more: another one may get its number.
    pub(crate) fn remove(&mut self, id: u32) {
        let hash = self.hasher.hash_one(self.pair(id));
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == id) {
            entry.remove();
            self.free.push(id);
            if let Some(pair) = self.pairs.get_mut(id as usize) {
                *pair = Box::default();
            }
        }
    }

    /// Gives back memory that pairs took which are removed.
    pub(crate) fn shrink(&mut self) {
        let used = self.pairs.iter().rposition(|pair| !pair.is_empty()).map_or(0, |last| last + 1);
        self.pairs.truncate(used);
        self.pairs.shrink_to_fit();
        self.free.retain(|id| (*id as usize) < used);
        self.free.shrink_to_fit();
        let (hasher, pairs) = (&self.hasher, &self.pairs);
        let rehash = |id: &u32| hasher.hash_one(pairs.get(*id as usize).map(|pair| &**pair).unwrap_or_default());
        self.table.shrink_to_fit(rehash);
    }

    /// One more than the highest number.
    pub(crate) fn end(&self) -> usize {
        self.pairs.len()
    }

    /// A pair in the canonical encoding; empty where there is none.
    pub(crate) fn pair(&self, id: u32) -> &[u8] {
        self.pairs.get(id as usize).map(|pair| &**pair).unwrap_or_default()
    }

    /// The value of a pair; empty where there is none.
    pub(crate) fn value(&self, id: u32) -> &str {
        Labels::from_canonical(self.pair(id)).iter().next().map(|(_, value)| value).unwrap_or_default()
    }

    /// Whether these are the numbers of the labels with this canonical encoding.
    pub(crate) fn are(&self, ids: &[u32], encoded: &[u8]) -> bool {
        let rest = ids.iter().try_fold(encoded, |rest, id| rest.strip_prefix(self.pair(*id)));
        rest.is_some_and(<[u8]>::is_empty)
    }

    /// Appends the canonical encoding of the labels with these numbers.
    pub(crate) fn spell(&self, ids: &[u32], out: &mut Vec<u8>) {
        for id in ids {
            out.extend_from_slice(self.pair(*id));
        }
    }
}

#[cfg(test)]
mod tests;
