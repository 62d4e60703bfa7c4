//! Tests of shuffle sharding.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeSet, HashMap};

use super::super::layout::Algorithm;
use super::super::{Member, Shape};
use super::*;

fn layout(cells: usize, size: usize) -> Layout {
    let member = |i: usize| Member::new(format!("s-{i}"), format!("h:{}", i + 1), None, String::new()).unwrap();
    let shape = Shape::new(3, 64, Algorithm::Cells).unwrap();
    let shards = Shards { size, tenants: [(tenant(1000), 0), (tenant(1001), 9)].into() };
    Layout::new(shape, 1, (0..3 * cells).map(member).collect()).unwrap().sharded(shards).unwrap()
}

fn tenant(i: usize) -> Tenant {
    format!("team-{i}").parse().unwrap()
}

#[test]
fn a_tenant_has_as_many_cells_as_its_members_make() {
    let check = |size: usize, i: usize, expect: usize| {
        assert_eq!(layout(6, size).shard_of(&tenant(i)).sets().len(), expect, "{size} {i}");
    };
    check(0, 1, 6);
    check(1, 1, 1);
    check(3, 1, 1);
    check(4, 1, 2);
    check(6, 1, 2);
    check(18, 1, 6);
    check(100, 1, 6);
    check(3, 1000, 6);
    check(3, 1001, 3);
}

#[test]
fn every_partition_is_with_a_cell_of_the_shard_and_all_cells_have_some() {
    let layout = layout(6, 6);
    for i in 0..50 {
        let shard = layout.shard_of(&tenant(i));
        let used: BTreeSet<usize> = (0..64).map(|partition| shard.set_of(partition)).collect();
        assert_eq!(used.into_iter().collect::<Vec<_>>(), shard.sets());
    }
}

#[test]
fn a_tenant_that_has_all_cells_has_them_as_without_shards() {
    let layout = layout(5, 0);
    let shard = layout.shard_of(&tenant(1));
    assert!((0..64).all(|partition| shard.set_of(partition) == layout.set_of(partition)));
    // And what is in a shard that the whole ring would choose stays there.
    let some = self::layout(5, 6);
    let shard = some.shard_of(&tenant(1));
    let kept = (0..64).filter(|partition| shard.sets().contains(&some.set_of(*partition)));
    assert!(
        kept.clone().count() > 0 && kept.clone().all(|partition| shard.set_of(partition) == some.set_of(partition))
    );
}

#[test]
fn a_greater_shard_has_all_of_a_smaller_one() {
    for i in 0..50 {
        let sets = |size| layout(6, size).shard_of(&tenant(i)).sets().into_iter().collect::<BTreeSet<_>>();
        assert!((1..6).all(|cells| sets(3 * cells).is_subset(&sets(3 * (cells + 1)))));
    }
}

#[test]
fn a_cell_that_is_added_takes_the_place_of_at_most_one() {
    let mut changed = 0;
    for i in 0..200 {
        let sets = |cells| layout(cells, 6).shard_of(&tenant(i)).sets().into_iter().collect::<BTreeSet<_>>();
        let (before, after) = (sets(6), sets(7));
        assert!(before == after || after.contains(&6) && before.intersection(&after).count() == 1);
        changed += usize::from(before != after);
    }
    assert!((20..110).contains(&changed), "{changed} of 200 have the seventh cell");
}

#[test]
fn tenants_are_spread_over_cells() {
    let mut counts: HashMap<Vec<usize>, usize> = HashMap::new();
    (0..600).for_each(|i| *counts.entry(layout(6, 6).shard_of(&tenant(i)).sets()).or_default() += 1);
    // There are 15 pairs of 6 cells.
    assert!(counts.len() == 15 && counts.values().all(|n| (15..80).contains(n)), "{counts:?}");
}

#[test]
fn another_set_of_a_partition_is_of_the_shard() {
    let layout = layout(6, 9);
    let shard = layout.shard_of(&tenant(1));
    for partition in 0..64 {
        let own = shard.set_of(partition);
        let other = shard.other_of(partition, |set| set != own).unwrap();
        assert!(other != own && shard.sets().contains(&other));
        assert_eq!(shard.other_of(partition, |_| false), None);
        assert_eq!(shard.other_of(partition, |_| true), Some(own));
    }
}

#[test]
fn what_a_tenant_picks_never_changes() {
    let layout = layout(6, 6);
    let got = [1, 2, 3, 4].map(|i| layout.shard_of(&tenant(i)).sets());
    assert_eq!(got, GOLDEN);
}

const GOLDEN: [[usize; 2]; 4] = [[1, 5], [3, 5], [0, 2], [2, 4]];

#[test]
fn members_that_partitions_pick_make_no_shards() {
    let member = |i: usize| Member::new(format!("s-{i}"), format!("h:{}", i + 1), None, String::new()).unwrap();
    let layout = |algorithm| {
        let shape = Shape::new(1, 8, algorithm).unwrap();
        Layout::new(shape, 1, (0..3).map(member).collect()).unwrap()
    };
    let shards = Shards { size: 1, ..Shards::default() };
    let error = layout(Algorithm::Rendezvous).sharded(shards.clone()).unwrap_err();
    assert_eq!(error, "expected `algorithm: cells` with shuffle sharding");
    assert!(layout(Algorithm::Rendezvous).sharded(Shards::default()).is_ok());
    assert!(layout(Algorithm::Cells).sharded(shards).is_ok());
}
