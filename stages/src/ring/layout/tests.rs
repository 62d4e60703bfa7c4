//! Tests of `ring::layout`, `ring::cells` and `ring::rendezvous`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use weir_pipeline::LabelSet;

use super::*;

/// Members `a1 a2 b1 …`, whose zone is the letter.
fn members(names: &[&str]) -> Vec<Member> {
    let member = |(i, name): (usize, &&str)| Member {
        name: (*name).to_owned(),
        address: format!("10.0.0.1:{}", 1000 + i),
        read_address: String::new(),
        zone: name[..1].to_owned(),
    };
    names.iter().enumerate().map(member).collect()
}

/// A member of each of these zones, all of different names.
fn of_zones(zones: &[u8]) -> Vec<Member> {
    let names: Vec<String> =
        zones.iter().enumerate().map(|(i, zone)| format!("{}{i}", char::from(b'a' + zone))).collect();
    members(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn layout(factor: usize, partitions: u32, algorithm: Algorithm, members: Vec<Member>) -> Layout {
    Layout::new(Shape::new(factor, partitions, algorithm).unwrap(), 1, members).unwrap()
}

fn names(set: &ReplicaSet) -> Vec<&str> {
    set.members.iter().map(|member| member.name.as_str()).collect()
}

/// Members of a partition, by name.
fn keepers(layout: &Layout, partition: u32) -> Vec<&str> {
    names(&layout.sets()[layout.set_of(partition)])
}

#[test]
fn cells_take_one_member_of_each_zone_in_the_order_of_the_list() {
    let check = |factor: usize, listed: &[&str], cells: &[&str], spare: &[&str]| {
        let layout = layout(factor, 64, Algorithm::Cells, members(listed));
        let got: Vec<String> = layout.sets().iter().map(|set| names(set).join(" ")).collect();
        assert_eq!(got, cells, "{listed:?}");
        assert_eq!(layout.spare().iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), spare, "{listed:?}");
    };
    check(3, &["a1", "b1", "c1"], &["a1 b1 c1"], &[]);
    check(3, &["a1", "a2", "b1", "b2", "c1", "c2"], &["a1 b1 c1", "a2 b2 c2"], &[]);
    check(3, &["c1", "a1", "b1", "b2", "a2", "c2"], &["c1 a1 b1", "b2 a2 c2"], &[]);
    check(3, &["a1", "b1", "c1", "a2", "b2"], &["a1 b1 c1"], &["a2", "b2"]);
    check(3, &["a1", "b1", "c1", "a2", "a3", "b2"], &["a1 b1 c1"], &["a2", "a3", "b2"]);
    check(2, &["a1", "b1", "c1", "a2"], &["a1 b1", "c1 a2"], &[]);
    // More zones than a cell has members: still all different.
    check(3, &["a1", "b1", "c1", "d1", "a2", "b2"], &["a1 b1 c1", "d1 a2 b2"], &[]);
    check(3, &["a1", "b1", "c1", "d1", "a2", "a3"], &["a1 b1 c1"], &["d1", "a2", "a3"]);
    // Fewer: spread as evenly as can be.
    check(3, &["a1", "a2", "b1", "b2", "a3", "b3"], &["a1 b1 a2", "b2 a3 b3"], &[]);
    check(3, &["a1", "a2", "a3", "a4"], &["a1 a2 a3"], &["a4"]);
    check(1, &["a1", "a2"], &["a1", "a2"], &[]);
}

#[test]
fn a_cell_that_is_added_takes_its_share_and_nothing_else_moves() {
    for cells in 1..12usize {
        let listed: Vec<String> = (0..=cells).flat_map(|i| ["a", "b", "c"].map(|zone| format!("{zone}{i}"))).collect();
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        let before = layout(3, 1024, Algorithm::Cells, members(&listed[..3 * cells]));
        let after = layout(3, 1024, Algorithm::Cells, members(&listed));
        let moved: Vec<u32> = (0..1024).filter(|&p| keepers(&before, p) != keepers(&after, p)).collect();
        assert!(moved.iter().all(|&p| after.set_of(p) == cells), "{cells}");
        let fair = 1024 / (cells + 1);
        assert!(moved.len() * 2 <= fair * 3 && moved.len() * 2 >= fair, "{} of {fair}", moved.len());
    }
}

#[test]
fn members_of_more_zones_come_into_cells_of_their_own() {
    let check = |factor: usize, listed: &[&str], more: &[&str], cells: &[&str]| {
        let both = layout(factor, 64, Algorithm::Cells, members(&[listed, more].concat()));
        let got: Vec<String> = both.sets().iter().map(|set| names(set).join(" ")).collect();
        assert_eq!(got, cells, "{listed:?} and {more:?}");
    };
    check(3, &["a1", "b1", "c1", "a2", "b2", "c2"], &["d1"], &["a1 b1 c1", "a2 b2 c2"]);
    check(3, &["a1", "b1", "c1", "a2", "b2", "c2"], &["d1", "e1", "f1"], &["a1 b1 c1", "a2 b2 c2", "d1 e1 f1"]);
    check(2, &["a1", "b1", "a2", "b2"], &["c1", "d1"], &["a1 b1", "a2 b2", "c1 d1"]);
    let listed = ["a1", "b1", "c1", "d1", "a2", "b2", "c2", "a3", "b3"];
    check(3, &listed, &["d2", "c3"], &["a1 b1 c1", "d1 a2 b2", "c2 a3 b3"]);
}

#[test]
fn a_member_that_takes_the_place_of_another_moves_no_partition() {
    let before = layout(3, 64, Algorithm::Cells, members(&["a1", "b1", "c1", "a2", "b2", "c2"]));
    let after = layout(3, 64, Algorithm::Cells, members(&["a1", "b9", "c1", "a2", "b2", "c2"]));
    assert!((0..64).all(|p| before.set_of(p) == after.set_of(p)));
}

#[test]
fn partitions_are_spread_over_cells() {
    for cells in 2..=8usize {
        let listed: Vec<String> = (0..cells).flat_map(|i| ["a", "b", "c"].map(|zone| format!("{zone}{i}"))).collect();
        let layout = layout(3, 64, Algorithm::Cells, members(&listed.iter().map(String::as_str).collect::<Vec<_>>()));
        let mut counts = vec![0usize; cells];
        (0..64).for_each(|p| counts[layout.set_of(p)] += 1);
        assert!(counts.iter().all(|&n| n * cells <= 2 * 64 && n > 0), "{counts:?}");
    }
}

#[test]
fn partitions_are_spread_over_members_that_they_pick() {
    for of_zone in 2..=6usize {
        let listed: Vec<String> = (0..of_zone).flat_map(|i| ["a", "b", "c"].map(|zone| format!("{zone}{i}"))).collect();
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        let layout = layout(3, 64, Algorithm::Rendezvous, members(&listed));
        let mut counts: BTreeMap<&str, usize> = listed.iter().map(|name| (*name, 0)).collect();
        (0..64).for_each(|p| keepers(&layout, p).iter().for_each(|name| *counts.get_mut(name).unwrap() += 1));
        assert!(counts.values().all(|&n| n * of_zone <= 2 * 64 && n > 0), "{counts:?}");
    }
}

#[test]
fn a_member_that_comes_or_goes_moves_only_partitions_that_pick_it() {
    let all = ["a1", "b1", "c1", "d1", "e1", "f1", "g1"];
    let whole = layout(3, 512, Algorithm::Rendezvous, members(&all));
    for gone in all {
        let rest: Vec<&str> = all.into_iter().filter(|name| *name != gone).collect();
        let less = layout(3, 512, Algorithm::Rendezvous, members(&rest));
        for partition in 0..512 {
            let (before, after) = (keepers(&whole, partition), keepers(&less, partition));
            let kept: Vec<&str> = before.iter().copied().filter(|name| *name != gone).collect();
            assert!(kept.iter().all(|name| after.contains(name)), "{partition} without {gone}: {before:?} {after:?}");
        }
    }
}

#[test]
fn what_belongs_to_a_partition_never_changes() {
    let id = |i: usize| {
        let labels: LabelSet = [("__name__", "up".to_owned()), ("i", i.to_string())].into_iter().collect();
        SeriesId::of(labels.as_labels().encoded())
    };
    let of = |partitions, tenant: &str, i| {
        let layout = layout(1, partitions, Algorithm::Cells, members(&["a1"]));
        layout.partition_of(&tenant.parse().unwrap(), id(i))
    };
    let got = [(64, "default-tenant"), (64, "team-a"), (4096, "team-a")];
    assert_eq!(got.map(|(partitions, tenant)| [0, 1, 2, 3].map(|i| of(partitions, tenant, i))), GOLDEN);
    let layout = layout(2, 8, Algorithm::Cells, members(&["a1", "b1", "a2", "b2", "a3", "b3"]));
    assert_eq!((0..8).map(|p| layout.set_of(p)).collect::<Vec<_>>(), CELLS);
    let layout = self::layout(2, 4, Algorithm::Rendezvous, members(&["a1", "b1", "a2", "b2", "c1"]));
    assert_eq!((0..4).map(|p| keepers(&layout, p).join(" ")).collect::<Vec<_>>(), PICKED);
}

const GOLDEN: [[u32; 4]; 3] = [[0, 1, 7, 45], [25, 5, 51, 35], [25, 581, 1523, 2979]];
const CELLS: [usize; 8] = [1, 1, 2, 1, 0, 1, 2, 0];
const PICKED: [&str; 4] = ["a1 c1", "b1 a2", "b1 c1", "a1 b1"];

#[test]
fn members_that_make_no_ring_are_told() {
    let check = |factor: usize, epoch: u64, members: Vec<Member>, expect: &str| {
        let shape = Shape::new(factor, 64, Algorithm::Cells).unwrap();
        assert_eq!(Layout::new(shape, epoch, members).unwrap_err(), expect);
    };
    check(3, 1, members(&["a1", "b1"]), "expected at least `3` members, which is `factor`, got `2`");
    check(1, 0, members(&["a1"]), "expected `epoch` of at least 1, got `0`");
    check(1, 1, members(&["a1", "b1", "a1"]), "expected members of different names, got `a1` twice");
    let mut twice = members(&["a1", "b1"]);
    twice[1].address = twice[0].address.clone();
    check(1, 1, twice, "expected members of different addresses, got `10.0.0.1:1000` twice");
    let mut twice = members(&["a1", "b1"]);
    twice.iter_mut().for_each(|member| member.read_address = "10.0.0.1:9".to_owned());
    check(1, 1, twice, "expected members of different read addresses, got `10.0.0.1:9` twice");
}

proptest! {
    #[test]
    fn every_partition_has_different_members_of_different_zones_where_there_are_enough(
        zones in prop::collection::vec(0..5u8, 1..20),
        factor in 1..5usize,
        partitions in 1..100u32,
        cells: bool,
    ) {
        let listed = of_zones(&zones);
        let algorithm = if cells { Algorithm::Cells } else { Algorithm::Rendezvous };
        let shape = Shape::new(factor, partitions, algorithm).unwrap();
        let made = Layout::new(shape, 1, listed.clone());
        prop_assert_eq!(made.is_ok(), listed.len() >= factor);
        let Ok(layout) = made else { return Ok(()) };
        let zones: BTreeMap<&str, usize> = listed.iter().map(|member| (member.zone.as_str(), 0)).collect();
        for partition in 0..partitions {
            let set = &layout.sets()[layout.set_of(partition)];
            let (mut names, mut different) = (names(set), set.members.iter().map(|m| &m.zone).collect::<Vec<_>>());
            names.sort_unstable();
            names.dedup();
            different.sort_unstable();
            different.dedup();
            prop_assert_eq!(names.len(), factor);
            if zones.len() >= factor || !cells {
                prop_assert_eq!(different.len(), factor.min(zones.len()));
            }
        }
        let different: std::collections::HashSet<Vec<&str>> = layout.sets().iter().map(|set| names(set)).collect();
        prop_assert_eq!(different.len(), layout.sets().len());
        // Who is spare is in no set.
        let used = layout.sets().iter().flat_map(|set| &set.members).collect::<Vec<_>>();
        prop_assert!(listed.iter().all(|member| used.contains(&member) != layout.spare().contains(member)));
        prop_assert_eq!(&Layout::new(shape, 1, listed).unwrap(), &layout);
    }

    #[test]
    fn members_that_are_added_change_no_cell(
        zones in prop::collection::vec(0..5u8, 1..20),
        more in prop::collection::vec(0..7u8, 1..10),
        factor in 1..5usize,
    ) {
        let different: std::collections::BTreeSet<_> = zones.iter().collect();
        prop_assume!(different.len() >= factor);
        let listed = of_zones(&[&zones[..], &more].concat());
        let before = layout(factor, 256, Algorithm::Cells, listed[..zones.len()].to_vec());
        let after = layout(factor, 256, Algorithm::Cells, listed);
        let cells = before.sets().len();
        prop_assert_eq!(before.sets(), &after.sets()[..cells]);
        for partition in 0..256 {
            let (old, new) = (before.set_of(partition), after.set_of(partition));
            prop_assert!(old == new || new >= cells, "{}: {} {}", partition, old, new);
        }
    }

    #[test]
    fn a_member_of_any_zone_that_goes_moves_only_partitions_that_picked_it(
        zones in prop::collection::vec(0..4u8, 2..16),
        gone: prop::sample::Index,
        factor in 1..4usize,
    ) {
        prop_assume!(zones.len() > factor);
        let all = of_zones(&zones);
        let mut rest = all.clone();
        let gone = rest.remove(gone.index(all.len()));
        let whole = layout(factor, 64, Algorithm::Rendezvous, all);
        let less = layout(factor, 64, Algorithm::Rendezvous, rest);
        for partition in 0..64 {
            let (before, after) = (keepers(&whole, partition), keepers(&less, partition));
            let mut kept = before.iter().filter(|name| **name != gone.name);
            prop_assert!(kept.all(|name| after.contains(name)), "{}: {:?} {:?}", partition, before, after);
        }
    }

    #[test]
    fn what_partitions_pick_does_not_hang_on_the_order_of_the_list(
        (zones, order) in prop::collection::vec(0..4u8, 3..16)
            .prop_flat_map(|zones| (Just(zones.clone()), Just((0..zones.len()).collect::<Vec<_>>()).prop_shuffle())),
        factor in 1..4usize,
    ) {
        let listed = of_zones(&zones);
        let other = order.iter().map(|&i| listed[i].clone()).collect();
        let one = layout(factor, 64, Algorithm::Rendezvous, listed);
        let other = layout(factor, 64, Algorithm::Rendezvous, other);
        for partition in 0..64 {
            let (mut one, mut other) = (keepers(&one, partition), keepers(&other, partition));
            one.sort_unstable();
            other.sort_unstable();
            prop_assert_eq!(one, other);
        }
    }
}
