//! `cells`: members form fixed cells, of different zones where there are enough, and a partition belongs to a cell.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use super::Member;
use super::layout::Sets;

/// Forms cells and gives each partition one. The k-th cell takes the k-th member of each zone, in the order of the list:
/// members that are added at its end come into cells of their own, and one that takes the place of another takes its cell.
pub(super) fn arrange(members: &[Member], factor: usize, partitions: u32) -> Sets {
    let cells = form(members, factor);
    let of_partition = (0..partitions).map(|partition| winner(partition, cells.len())).collect();
    let named = cells.into_iter().enumerate().map(|(i, cell)| (format!("cell-{i}"), cell));
    Sets { sets: named.collect(), of_partition }
}

fn form(members: &[Member], factor: usize) -> Vec<Vec<usize>> {
    let mut rest = in_turn(members);
    let zones = members.iter().map(|member| member.zone.as_str()).collect::<HashSet<_>>().len();
    let mut cells = Vec::new();
    loop {
        let mut taken = HashSet::new();
        let mut cell = Vec::new();
        for &i in &rest {
            // With fewer zones than members of a cell some must share one.
            let fits = zones < factor || members.get(i).is_some_and(|member| taken.insert(member.zone.as_str()));
            if fits && cell.len() < factor {
                cell.push(i);
            }
        }
        if cell.len() < factor {
            return cells;
        }
        rest.retain(|i| !cell.contains(i));
        cells.push(cell);
    }
}

/// The first member of each zone, then the second of each, and so on; zones in the order of the list.
fn in_turn(members: &[Member]) -> Vec<usize> {
    let mut zones: Vec<(&str, Vec<usize>)> = Vec::new();
    for (i, member) in members.iter().enumerate() {
        match zones.iter_mut().find(|(zone, _)| *zone == member.zone) {
            Some((_, of_zone)) => of_zone.push(i),
            None => zones.push((&member.zone, vec![i])),
        }
    }
    let rounds = zones.iter().map(|(_, of_zone)| of_zone.len()).max().unwrap_or(0);
    (0..rounds).flat_map(|round| zones.iter().filter_map(move |(_, of_zone)| of_zone.get(round).copied())).collect()
}

/// The cell that scores highest for a partition: another cell takes its share from all alike, and nothing else moves.
fn winner(partition: u32, cells: usize) -> usize {
    let score = |cell: usize| {
        let mut key = [0; 8];
        key[..4].copy_from_slice(&partition.to_le_bytes());
        key[4..].copy_from_slice(&(cell as u32).to_le_bytes());
        xxh3_64(&key)
    };
    (0..cells).max_by_key(|&cell| score(cell)).unwrap_or(0)
}
