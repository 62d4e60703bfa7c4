//! How a ring is laid out: which partition a series belongs to, and which members keep a partition.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use weir_pipeline::{SeriesId, Tenant};
use xxhash_rust::xxh3::Xxh3;

use super::{Member, ReplicaSet, Shard, Shards, cells, rendezvous};

/// The most partitions.
const MAX_PARTITIONS: u32 = 4096;

/// How partitions get their members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Members form fixed cells; a partition belongs to a cell.
    #[default]
    Cells,
    /// Each partition picks its own members.
    Rendezvous,
}

/// What stays when members change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    factor: usize,
    partitions: u32,
    algorithm: Algorithm,
}

/// An earlier membership.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// Its number.
    pub epoch: u64,
    /// Who was in it.
    pub members: Vec<Member>,
    /// How many members kept the series of a tenant then, as beside `members`. Default 0.
    #[serde(default)]
    pub shuffle_shard_size: usize,
    /// How many those of some tenants, as beside `members`.
    #[serde(default)]
    pub shuffle_shard_sizes: BTreeMap<Tenant, usize>,
}

/// A ring in one epoch. All of it follows from its shape and the list of members: nodes that know the same agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Shape,
    epoch: u64,
    members: Vec<Member>,
    sets: Vec<Arc<ReplicaSet>>,
    /// The set of each partition.
    of_partition: Vec<usize>,
    spare: Vec<Member>,
    shards: Shards,
    /// Earlier epochs whose members may still have what is nowhere else, the newest first.
    previous: Vec<Arc<Layout>>,
}

/// What an algorithm makes of members, which it names by their places in the list.
pub(super) struct Sets {
    /// Name and members of each set.
    pub(super) sets: Vec<(String, Vec<usize>)>,
    /// The set of each partition.
    pub(super) of_partition: Vec<usize>,
}

// === impl Shape ===

impl Shape {
    /// `factor` members for each of `partitions`.
    ///
    /// # Errors
    /// A sentence about a number that can't be.
    pub fn new(factor: usize, partitions: u32, algorithm: Algorithm) -> Result<Self, String> {
        if factor == 0 {
            return Err("expected `factor` of at least 1, got `0`".into());
        }
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            return Err(format!("expected `partitions` of 1 to {MAX_PARTITIONS}, got `{partitions}`"));
        }
        Ok(Self { factor, partitions, algorithm })
    }

    /// How many members keep each partition.
    pub(super) fn factor(self) -> usize {
        self.factor
    }
}

// === impl Layout ===

impl Layout {
    /// The layout of these members in this epoch.
    ///
    /// # Errors
    /// A sentence about members that make no ring.
    pub fn new(shape: Shape, epoch: u64, members: Vec<Member>) -> Result<Self, String> {
        let Shape { factor, partitions, algorithm } = shape;
        if epoch == 0 {
            return Err("expected `epoch` of at least 1, got `0`".into());
        }
        if members.len() < factor {
            let n = members.len();
            return Err(format!("expected at least `{factor}` members, which is `factor`, got `{n}`"));
        }
        let (mut names, mut addresses, mut read) = (HashSet::new(), HashSet::new(), HashSet::new());
        for member in &members {
            if !names.insert(member.name.as_str()) {
                return Err(format!("expected members of different names, got `{}` twice", member.name));
            }
            if !addresses.insert(member.address.as_str()) {
                return Err(format!("expected members of different addresses, got `{}` twice", member.address));
            }
            // One node that answers for two would be heard as two replicas.
            if !member.read_address.is_empty() && !read.insert(member.read_address.as_str()) {
                return Err(format!(
                    "expected members of different read addresses, got `{}` twice",
                    member.read_address
                ));
            }
        }
        let Sets { sets, of_partition } = match algorithm {
            Algorithm::Cells => cells::arrange(&members, factor, partitions),
            Algorithm::Rendezvous => rendezvous::arrange(&members, factor, partitions),
        };
        let used: HashSet<usize> = sets.iter().flat_map(|(_, set)| set.iter().copied()).collect();
        let spare = members.iter().enumerate().filter(|(i, _)| !used.contains(i)).map(|(_, m)| m.clone()).collect();
        let set = |(name, set): (String, Vec<usize>)| {
            let members = set.iter().filter_map(|&i| members.get(i).cloned()).collect();
            Arc::new(ReplicaSet { name, members })
        };
        let sets = sets.into_iter().map(set).collect();
        let (shards, previous) = (Shards::default(), Vec::new());
        Ok(Self { shape, epoch, sets, of_partition, spare, shards, members, previous })
    }

    /// The same, where tenants have so many members.
    ///
    /// # Errors
    /// A sentence: there are no cells to choose from.
    pub fn sharded(self, shards: Shards) -> Result<Self, String> {
        if self.shape.algorithm != Algorithm::Cells && !shards.is_off() {
            return Err("expected `algorithm: cells` with shuffle sharding".into());
        }
        Ok(Self { shards, ..self })
    }

    /// The cells of a tenant.
    pub fn shard_of(&self, tenant: &Tenant) -> Shard<'_> {
        Shard::new(self, &self.shards, tenant)
    }

    /// The same as another epoch.
    pub(super) fn as_epoch(&self, epoch: u64) -> Self {
        Self { epoch, ..self.clone() }
    }

    /// The same after earlier epochs, of which each has a lower number than this.
    ///
    /// # Errors
    /// A sentence about an epoch that makes no ring, or is not earlier.
    pub fn after(mut self, previous: Vec<Earlier>) -> Result<Self, String> {
        for Earlier { epoch, members, shuffle_shard_size: size, shuffle_shard_sizes: tenants } in previous {
            if epoch >= self.epoch {
                let now = self.epoch;
                return Err(format!("expected an epoch before `{now}` in `previous`, got `{epoch}`"));
            }
            let layout = Self::new(self.shape, epoch, members);
            let layout = layout.and_then(|layout| layout.sharded(Shards { size, tenants }));
            let layout = layout.map_err(|e| format!("epoch `{epoch}`: {e}"))?;
            self.previous.push(Arc::new(layout));
        }
        self.previous.sort_by_key(|layout| std::cmp::Reverse(layout.epoch));
        if let Some(twice) = self.previous.windows(2).find(|two| two[0].epoch == two[1].epoch) {
            return Err(format!("expected each epoch once in `previous`, got `{}` twice", twice[0].epoch));
        }
        Ok(self)
    }

    /// Earlier epochs whose members may still have what is nowhere else, the newest first.
    pub fn previous(&self) -> &[Arc<Self>] {
        &self.previous
    }

    /// The number of this membership; it grows with each change.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How many members keep each partition.
    pub fn factor(&self) -> usize {
        self.shape.factor
    }

    /// How many partitions there are.
    pub fn partitions(&self) -> u32 {
        self.shape.partitions
    }

    /// All members, also those that keep nothing.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The members that keep nothing, because they complete no set.
    pub fn spare(&self) -> &[Member] {
        &self.spare
    }

    /// The sets of members; every partition belongs to one.
    pub fn sets(&self) -> &[Arc<ReplicaSet>] {
        &self.sets
    }

    /// The place in [`sets`](Self::sets) of a partition's set.
    pub fn set_of(&self, partition: u32) -> usize {
        self.of_partition.get(partition as usize).copied().unwrap_or(0)
    }

    /// The partition of a series. This never changes for a number of partitions.
    pub fn partition_of(&self, tenant: &Tenant, id: SeriesId) -> u32 {
        let mut hash = Xxh3::new();
        hash.update(tenant.as_str().as_bytes());
        // No tenant's name has this byte.
        hash.update(&[0xff]);
        hash.update(&id.0);
        (hash.digest() % u64::from(self.shape.partitions)) as u32
    }
}

#[cfg(test)]
mod tests;
