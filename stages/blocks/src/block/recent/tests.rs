#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::*;

/// With room for so many of ten bytes each in each generation.
fn recent(each: u64) -> Recent<u64, u64> {
    Recent::new(2 * each * 10)
}

fn get(recent: &Recent<u64, u64>, key: u64) -> Option<u64> {
    recent.get([key], |_| true)[0]
}

#[test]
fn what_was_put_is_had_again_as_far_as_it_is_good() {
    let recent = recent(4);
    recent.put(1, 10, 10);
    recent.put(2, 20, 10);
    assert_eq!(recent.get([3, 2, 1], |value| *value < 20), [None, None, Some(10)]);
    assert_eq!((recent.hits.get(), recent.misses.get()), (1, 2));
}

#[test]
fn what_is_asked_for_outlives_what_is_not() {
    let recent = recent(2);
    for key in 0..20 {
        recent.put(key, key, 10);
        assert_eq!(get(&recent, 0), Some(0), "after {key}");
    }
    assert_eq!(get(&recent, 10), None);
}

#[test]
fn what_is_larger_than_a_generation_is_not_kept() {
    let recent = recent(2);
    recent.put(1, 1, 10);
    recent.put(2, 2, 10_000);
    assert_eq!(recent.get([1, 2], |_| true), [Some(1), None]);
}

#[test]
fn what_takes_the_place_of_another_is_counted_alone() {
    let recent = recent(2);
    for value in 0..10 {
        recent.put(1, value, if value % 2 == 0 { 10 } else { 5 });
        assert_eq!(get(&recent, 1), Some(value));
    }
    recent.put(2, 2, 10);
    assert_eq!(recent.get([1, 2], |_| true), [Some(9), Some(2)]);
    assert_eq!(recent.generations.lock().unwrap().bytes, 15);
}

proptest! {
    #[test]
    fn it_never_takes_more_than_its_budget_and_never_gives_another_value(
        asked in prop::collection::vec((0..40u64, 1..20u64), 1..400),
    ) {
        let recent = recent(8);
        for (key, bytes) in asked {
            match get(&recent, key) {
                Some(found) if bytes > 10 => prop_assert_eq!(found % 40, key),
                _ => recent.put(key, bytes * 40 + key, bytes),
            }
            let generations = recent.generations.lock().unwrap();
            let sum = |some: &HashMap<u64, (u64, u64)>| some.values().map(|(_, bytes)| bytes).sum::<u64>();
            prop_assert!(sum(&generations.young) <= 80 && sum(&generations.old) <= 80);
            prop_assert_eq!(generations.bytes, sum(&generations.young));
        }
    }
}
