//! Tests of what members told of changes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

fn told(all: &[(&str, u64, i64)]) -> BTreeMap<String, Changes> {
    all.iter()
        .map(|(member, number, lowest)| ((*member).to_owned(), Changes { number: *number, lowest: *lowest }))
        .collect()
}

#[tokio::test]
async fn what_any_member_tells_is_a_change_of_all() {
    let (changed, tenant) = (Changed::new(&Clock::starting_at(1)), Tenant::default());
    let of = |since, members: &[(&str, u64, i64)]| changed.of(&tenant, since, told(members), None);
    let first = of(None, &[("a", 5, i64::MIN), ("b", 6, i64::MIN)]);
    assert_eq!(first.lowest, i64::MIN);
    assert_eq!(changed.numbers(&tenant), BTreeMap::from([("a".to_owned(), 5), ("b".to_owned(), 6)]));
    let second = of(Some(first.number), &[("a", 5, i64::MAX), ("b", 6, i64::MAX)]);
    assert_eq!(second.lowest, i64::MAX);
    let third = of(Some(second.number), &[("a", 7, 70_000), ("b", 8, 60_000)]);
    assert_eq!(third.lowest, 60_000);
    // Who asks since before hears of all.
    assert_eq!(of(Some(first.number), &[("a", 9, 80_000)]).lowest, 60_000);
    assert_eq!(of(Some(third.number), &[]).lowest, 80_000);
    // One that is new, or came empty, may have anything.
    assert_eq!(of(Some(third.number), &[("c", 1, i64::MIN)]).lowest, i64::MIN);
}
