//! Tests of `store::changes`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::catalog::Entry;

fn of(log: &ChangeLog, tenant: &Tenant, since: Option<u64>) -> Changes {
    log.of(tenant, since, None, "me")
}

#[test]
fn the_first_change_since_a_look_is_told_to_the_second() {
    let (log, tenant) = (ChangeLog::new(5), Tenant::default());
    log.note(&tenant, 1);
    let first = of(&log, &tenant, None);
    assert_eq!(first.lowest, i64::MIN);
    assert_eq!(of(&log, &tenant, Some(first.number)).lowest, i64::MAX);
    log.note(&tenant, 70_999);
    log.note(&tenant, 90_001);
    let second = of(&log, &tenant, Some(first.number));
    assert_eq!(second.lowest, 70_000);
    assert_eq!(of(&log, &tenant, Some(second.number)).lowest, i64::MAX);
    log.note(&tenant, -1);
    assert_eq!(of(&log, &tenant, Some(second.number)).lowest, -1_000);
}

#[test]
fn of_a_number_from_before_a_tenant_was_looked_at_nothing_is_known() {
    let (log, tenant) = (ChangeLog::new(0), Tenant::default());
    let first = of(&log, &tenant, None);
    let other = Tenant::new("other").unwrap();
    assert_eq!(of(&log, &other, Some(first.number)).lowest, i64::MIN);
    log.note(&other, 7_000);
    assert_eq!(of(&log, &tenant, Some(first.number)).lowest, i64::MAX);
}

#[test]
fn tenants_that_are_asked_for_do_not_add_up() {
    let (log, tenant) = (ChangeLog::new(0), Tenant::default());
    let first = of(&log, &tenant, None);
    for n in 0..TENANTS {
        of(&log, &Tenant::new(&format!("t{n}")).unwrap(), None);
    }
    assert!(log.0.lock().unwrap().tenants.len() <= TENANTS);
    assert_eq!(of(&log, &tenant, Some(first.number)).lowest, i64::MIN);
}

fn entry(min_ts: i64, made: u64, writer: &str) -> Entry {
    let range = crate::catalog::Covered { writer: writer.into(), epoch: 1, stream: 1, first: 1, last: 1 };
    Entry {
        block: ulid::Ulid::from_parts(made, 0),
        min_ts,
        max_ts: min_ts + 10,
        samples: 1,
        series: 1,
        samples_bytes: 1,
        series_bytes: 1,
        format: 1,
        extras: Default::default(),
        ranges: vec![range],
    }
}

#[test]
fn blocks_of_others_and_blocks_that_go_are_changes_and_ones_own_are_not() {
    let (log, tenant) = (ChangeLog::new(0), Tenant::default());
    let all = [entry(50_000, 1, "me"), entry(20_000, 2, "other"), entry(30_000, 3, "other")];
    let snapshot = |next: u64, which: &[usize]| {
        let entries =
            which.iter().map(|i| (all[*i].block, std::sync::Arc::new(all[*i].clone()))).collect::<BTreeMap<_, _>>();
        Some(Snapshot::new(next, std::sync::Arc::new(entries)))
    };
    let look = |since: u64, next, which: &[usize]| log.of(&tenant, Some(since), snapshot(next, which), "me");
    let first = log.of(&tenant, None, snapshot(1, &[2]), "me");
    let second = look(first.number, 2, &[0, 2]);
    assert_eq!(second.lowest, i64::MAX);
    let third = look(second.number, 3, &[0, 1, 2]);
    assert_eq!(third.lowest, 20_000);
    assert_eq!(look(third.number, 3, &[0, 1, 2]).lowest, i64::MAX);
    let fourth = look(third.number, 4, &[0, 1]);
    assert_eq!(fourth.lowest, 30_000);
    assert_eq!(look(fourth.number, 5, &[1]).lowest, 50_000);
}

proptest! {
    #[test]
    fn no_change_is_told_as_later_than_it_was_and_none_as_earlier_while_few_are_kept(
        times in prop::collection::vec(0i64..5_000_000, 1..3_000),
        looks in prop::collection::btree_set(0usize..3_000, 0..20),
    ) {
        let (log, tenant) = (ChangeLog::new(0), Tenant::default());
        let mut looked: Vec<(u64, usize)> = vec![(of(&log, &tenant, None).number, 0)];
        let looks: BTreeSet<usize> = looks;
        for (i, time) in times.iter().enumerate() {
            log.note(&tenant, *time);
            if looks.contains(&i) {
                looked.push((of(&log, &tenant, None).number, i + 1));
            }
        }
        for (number, from) in looked {
            let told = of(&log, &tenant, Some(number)).lowest;
            match times[from..].iter().min() {
                Some(least) => prop_assert!(told <= *least),
                None => prop_assert_eq!(told, i64::MAX),
            }
            if times.len() <= MARKS && let Some(least) = times[from..].iter().min() {
                prop_assert_eq!(told, least.div_euclid(ROUND) * ROUND);
            }
        }
    }
}
