//! `cells`: members form fixed cells, of different zones where there are enough, and a partition belongs to a cell.

use std::collections::{HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_64;

use super::Member;
use super::layout::Sets;

/// Forms cells and gives each partition one.
pub(super) fn arrange(members: &[Member], factor: usize, partitions: u32) -> Sets {
    let cells = form(members, factor);
    let of_partition = (0..partitions).map(|partition| winner(partition, cells.len())).collect();
    let named = cells.into_iter().enumerate().map(|(i, cell)| (format!("cell-{i}"), cell));
    Sets { sets: named.collect(), of_partition }
}

/// The members of each cell. A member goes into the first cell that has a place and no member of its zone. So the k-th cell
/// takes the k-th member of each zone, in the order of the list; members that are added at its end change no cell that is
/// complete, whatever their zones; and one that takes the place of another of its zone takes its cell.
///
/// With fewer zones than a cell has members some must share one: then zones take turns, and only additions that leave the
/// turns before them as they are change no cell.
fn form(members: &[Member], factor: usize) -> Vec<Vec<usize>> {
    let zones = members.iter().map(|member| member.zone.as_str()).collect::<HashSet<_>>().len();
    if zones < factor {
        return in_turn(members).chunks_exact(factor).map(<[usize]>::to_vec).collect();
    }
    let mut cells: Vec<Vec<usize>> = Vec::new();
    // All cells before this one are complete or have a member of the zone.
    let mut next: HashMap<&str, usize> = HashMap::new();
    for (i, member) in members.iter().enumerate() {
        let next = next.entry(&member.zone).or_default();
        while cells.get(*next).is_some_and(|cell| cell.len() == factor) {
            *next += 1;
        }
        match cells.get_mut(*next) {
            Some(cell) => cell.push(i),
            None => cells.push(vec![i]),
        }
        *next += 1;
    }
    // Cells become complete in their order, as a later one only gets members of zones that those before it have.
    cells.retain(|cell| cell.len() == factor);
    cells
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
    winner_of(partition, 0..cells)
}

/// The same of some cells.
pub(super) fn winner_of(partition: u32, cells: impl Iterator<Item = usize>) -> usize {
    let score = |cell: usize| {
        let mut key = [0; 8];
        key[..4].copy_from_slice(&partition.to_le_bytes());
        key[4..].copy_from_slice(&(cell as u32).to_le_bytes());
        xxh3_64(&key)
    };
    cells.max_by_key(|&cell| score(cell)).unwrap_or(0)
}
