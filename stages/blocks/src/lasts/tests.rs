//! Tests of `lasts`.
#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;

use super::*;

/// Timestamps, values and starts.
type Lists = (Vec<i64>, Vec<f64>, Vec<i64>);

fn lists_of(times: &[i64], starts: bool) -> Lists {
    let values = times.iter().map(|t| *t as f64 / 7.0).collect();
    let starts = if starts { times.iter().map(|t| t - 1).collect() } else { Vec::new() };
    (times.to_vec(), values, starts)
}

fn kept(lasts: Lasts, times: &[i64], starts: bool) -> Lists {
    let mut lists = lists_of(times, starts);
    lasts.keep(&mut lists.0, &mut lists.1, &mut lists.2);
    lists
}

fn check(lasts: Lasts, times: &[i64], wanted: &[i64]) {
    for starts in [true, false] {
        assert_eq!(kept(lasts, times, starts), lists_of(wanted, starts));
    }
}

#[test]
fn the_last_sample_at_or_before_each_step_stays() {
    let lasts = Lasts { start: 100, step: 100, count: 3 };
    check(lasts, &[], &[]);
    check(lasts, &[70, 80, 90, 100, 110], &[100, 110]);
    check(lasts, &[70, 80, 90, 101, 110, 199, 200, 201, 290, 291], &[90, 200, 291]);
    check(lasts, &[10, 20, 30, 40], &[40]);
    check(lasts, &[301, 302, 303, 304], &[]);
    check(Lasts { start: 0, step: 0, count: 1 }, &[-2, -1, 0, 1, 2], &[0]);
}

#[test]
fn lists_with_few_samples_to_a_step_stay_as_they_are() {
    check(Lasts { start: 0, step: 10, count: 100 }, &[1, 11, 21, 31, 41], &[1, 11, 21, 31, 41]);
}

proptest! {
    #[test]
    fn what_is_last_before_a_step_is_the_same_afterwards(
        (start, step, count) in (-500i64..500, 1i64..200, 1usize..40),
        gaps in prop::collection::vec(prop_oneof![8 => Just(5i64), 2 => 1i64..40, 1 => 1i64..2000], 0..300),
        begin in -1000i64..1000,
        starts: bool,
    ) {
        let lasts = Lasts { start, step, count };
        let times: Vec<i64> = gaps.iter().scan(begin, |t, gap| { *t += gap; Some(*t) }).collect();
        let (whole, few) = (lists_of(&times, starts), kept(lasts, &times, starts));
        let last = |lists: &Lists, time: i64| {
            let n = lists.0.partition_point(|t| *t <= time).checked_sub(1)?;
            Some((lists.0[n], lists.1[n], lists.2.get(n).copied()))
        };
        for n in 0..count as i64 {
            prop_assert_eq!(last(&whole, start + n * step), last(&few, start + n * step));
        }
        prop_assert!(few.0.is_sorted_by(|a, b| a < b));
        prop_assert!(few.0.len() <= lasts.at_most(times.len()));
        if few.0.len() < whole.0.len() {
            prop_assert!(few.0.len() <= count);
        }
    }
}
