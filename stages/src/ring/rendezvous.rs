//! `rendezvous`: each partition picks the members that score highest for it, of different zones as far as there are any.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Member;
use super::layout::Sets;

/// Lets each partition pick its members. A member that comes or goes moves only partitions that pick it.
pub(super) fn arrange(members: &[Member], factor: usize, partitions: u32) -> Sets {
    let mut sets: Vec<(String, Vec<usize>)> = Vec::new();
    let mut of_partition = Vec::new();
    for partition in 0..partitions {
        let picked = pick(members, factor, partition);
        let set = sets.iter().position(|(_, set)| *set == picked).unwrap_or_else(|| {
            let names: Vec<&str> = picked.iter().filter_map(|&i| members.get(i)).map(|m| m.name.as_str()).collect();
            sets.push((names.join("+"), picked));
            sets.len() - 1
        });
        of_partition.push(set);
    }
    Sets { sets, of_partition }
}

/// The members of a partition, in the order of the list.
fn pick(members: &[Member], factor: usize, partition: u32) -> Vec<usize> {
    let mut scored: Vec<(u64, usize)> = members
        .iter()
        .enumerate()
        .map(|(i, member)| (xxh3_64_with_seed(member.name.as_bytes(), u64::from(partition)), i))
        .collect();
    scored.sort_unstable_by(|a, b| b.cmp(a));
    let mut zones = HashSet::new();
    let (first, others): (Vec<usize>, Vec<usize>) = scored
        .into_iter()
        .map(|(_, i)| i)
        .partition(|&i| members.get(i).is_some_and(|m| zones.insert(m.zone.as_str())));
    let mut picked: Vec<usize> = first.into_iter().chain(others).take(factor).collect();
    picked.sort_unstable();
    picked
}
