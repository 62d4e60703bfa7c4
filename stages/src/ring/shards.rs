//! Shuffle sharding: a tenant's series are kept by some cells of the ring, which few others have all of.
//!
//! A tenant picks the cells that score highest for it, so that a cell that is added takes the place of at most one, and a greater
//! shard has all cells of a smaller one. Within its cells a series goes where its partition scores highest, as in the whole ring.

use std::collections::BTreeMap;

use weir_pipeline::Tenant;
use xxhash_rust::xxh3::Xxh3;

use super::Layout;
use super::cells::winner_of;

/// How many members keep a tenant's series; 0 for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shards {
    /// Of tenants of whom nothing else is said.
    pub size: usize,
    /// Of some tenants.
    pub tenants: BTreeMap<Tenant, usize>,
}

/// The cells that keep a tenant's series.
#[derive(Debug)]
pub struct Shard<'a> {
    layout: &'a Layout,
    /// Their places, in order; `None` for all.
    cells: Option<Vec<usize>>,
}

// === impl Shards ===

impl Shards {
    /// Whether every tenant has all members.
    pub(super) fn is_off(&self) -> bool {
        self.size == 0 && self.tenants.values().all(|size| *size == 0)
    }

    fn of(&self, tenant: &Tenant) -> usize {
        self.tenants.get(tenant).copied().unwrap_or(self.size)
    }
}

// === impl Shard ===

impl<'a> Shard<'a> {
    pub(super) fn new(layout: &'a Layout, shards: &Shards, tenant: &Tenant) -> Self {
        let (size, all) = (shards.of(tenant), layout.sets().len());
        let cells = size.div_ceil(layout.factor());
        if cells == 0 || cells >= all {
            return Self { layout, cells: None };
        }
        let score = |cell: usize| {
            let mut hash = Xxh3::new();
            hash.update(tenant.as_str().as_bytes());
            // No tenant's name has this byte.
            hash.update(&[0xff]);
            hash.update(&(cell as u32).to_le_bytes());
            hash.digest()
        };
        let mut scored: Vec<(u64, usize)> = (0..all).map(|cell| (score(cell), cell)).collect();
        scored.sort_unstable_by(|a, b| b.cmp(a));
        let mut picked: Vec<usize> = scored.into_iter().take(cells).map(|(_, cell)| cell).collect();
        picked.sort_unstable();
        Self { layout, cells: Some(picked) }
    }

    /// The places of its sets in [`Layout::sets`], in order.
    pub fn sets(&self) -> Vec<usize> {
        self.cells.clone().unwrap_or_else(|| (0..self.layout.sets().len()).collect())
    }

    /// The place of a partition's set.
    pub fn set_of(&self, partition: u32) -> usize {
        match &self.cells {
            Some(cells) => winner_of(partition, cells.iter().copied()),
            None => self.layout.set_of(partition),
        }
    }

    /// The place of another set for a partition whose own can't be had: of those for which `may` holds, if there are any.
    pub fn other_of(&self, partition: u32, may: impl Fn(usize) -> bool) -> Option<usize> {
        let mut sets = self.sets();
        sets.retain(|set| may(*set));
        (!sets.is_empty()).then(|| winner_of(partition, sets.into_iter()))
    }
}

#[cfg(test)]
mod tests;
