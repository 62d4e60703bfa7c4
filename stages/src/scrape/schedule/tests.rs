//! Times of scrapes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::*;

/// Every 15 s, 4 s after the quarters of a minute.
fn schedule() -> Schedule {
    Schedule::new(Duration::from_secs(15), 4_000)
}

#[test]
fn the_first_scrape_is_at_the_next_time_of_the_target() {
    let check = |now, expect| assert_eq!(schedule().first(now), expect, "{now}");
    check(60_000, 64_000);
    check(63_999, 64_000);
    check(64_000, 64_000);
    check(64_001, 79_000);
    check(-1, 4_000);
}

#[test]
fn the_hash_places_the_target_within_the_interval() {
    let offset = |hash| Schedule::new(Duration::from_secs(15), hash).first(0);
    assert_eq!(
        [offset(0), offset(14_999), offset(15_000), offset(u64::MAX)],
        [0, 14_999, 0, (u64::MAX % 15_000) as i64]
    );
    assert_eq!(Schedule::new(Duration::from_millis(1), 5).first(7), 7);
}

#[test]
fn of_the_times_that_have_passed_only_the_latest_is_made_up_for() {
    let check = |due, now, expect| assert_eq!(schedule().next(due, now), expect, "{due} {now}");
    check(64_000, 64_000, 79_000);
    check(64_000, 78_999, 79_000);
    check(64_000, 79_000, 79_000);
    check(64_000, 79_500, 79_000);
    check(64_000, 110_000, 109_000);
    // A timer that fires early does not make two scrapes of one.
    check(64_000, 63_998, 79_000);
}

#[test]
fn a_clock_that_was_set_makes_nothing_wait() {
    assert_eq!(schedule().next(1_000_000_000_004_000, 64_500), 79_000);
    let far = schedule().next(64_000, 1_000_000_000_005_000);
    assert!(far > 999_999_999_990_000 && far <= 1_000_000_000_005_000, "{far}");
}

#[test]
fn a_scrape_that_begins_nearly_in_time_has_the_time_at_which_it_was_due() {
    let check = |now, expect| assert_eq!(schedule().timestamp(64_000, now), expect, "{now}");
    check(64_000, 64_000);
    check(64_002, 64_000);
    check(63_998, 64_000);
    check(64_003, 64_003);
    check(63_997, 63_997);
    // Never more than a hundredth of the interval.
    let fast = Schedule::new(Duration::from_millis(100), 0);
    assert_eq!([fast.timestamp(300, 301), fast.timestamp(300, 302)], [300, 302]);
}

proptest! {
    #[test]
    fn the_next_scrape_is_within_an_interval_and_in_its_place(
        interval in 1..100_000i64, hash: u64, due in -1_000_000..1_000_000_000_000i64, late in -200_000..200_000i64,
    ) {
        let schedule = Schedule::new(Duration::from_millis(interval as u64), hash);
        let (due, now) = (schedule.first(due), schedule.first(due) + late);
        let next = schedule.next(due, now);
        prop_assert!(next > now - interval && next <= now.max(due) + interval, "{next}");
        prop_assert!(next > due || due - now >= interval, "{next}");
        prop_assert_eq!(next.rem_euclid(interval) as u64, hash % interval as u64);
    }
}

#[test]
fn who_goes_on_makes_up_for_what_came_due_meanwhile_once() {
    let schedule = Schedule::new(Duration::from_secs(15), 4_000);
    let check = |due: i64, now: i64, expect: i64| assert_eq!(schedule.resume(due, now), expect, "{due} at {now}");
    check(19_000, 10_000, 19_000);
    check(19_000, 19_000, 19_000);
    check(19_000, 19_001, 19_000);
    check(19_000, 33_999, 19_000);
    // Two came due: the later one.
    check(19_000, 34_001, 34_000);
    // A clock that was set back.
    check(64_000, 10_000, 19_000);
}
