#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn times(steps: Steps) -> BTreeSet<i64> {
    (0..steps.count()).map(|i| steps.first + i * steps.step).collect()
}

#[test]
fn a_range_without_steps_or_beyond_time_has_none() {
    assert_eq!(Steps::new(10, 9, 1), None);
    assert_eq!(Steps::new(10, 20, 0), None);
    assert_eq!(Steps::new(i64::MIN, i64::MAX, 1), None);
    assert_eq!(Steps::new(i64::MAX - 5, i64::MAX, 3), None);
    assert_eq!(Steps::new(i64::MIN, i64::MIN + 5, 3), None);
    assert_eq!(Steps::new(10, 20, 6), Some(Steps { first: 10, last: 16, step: 6 }));
}

proptest! {
    #[test]
    fn what_is_kept_and_what_is_left_are_all_steps_and_none_twice(
        step in 1i64..50, phase in 0i64..50, a in -20i64..20, b in 0i64..20, c in -20i64..20, d in 0i64..20, until in -2_000i64..2_000,
    ) {
        let steps = |first: i64, count: i64| Steps::new(phase + first * step, phase + (first + count) * step, step).unwrap();
        let (asked, kept) = (steps(a, b), steps(c, d));
        let cut = kept.until(until);
        let wanted: BTreeSet<i64> = times(kept).into_iter().filter(|time| *time <= until).collect();
        prop_assert_eq!(cut.map(times).unwrap_or_default(), wanted);
        if asked.meets(kept) {
            let both: BTreeSet<i64> = times(asked).union(&times(kept)).copied().collect();
            prop_assert_eq!(times(asked.and(kept)), both);
            let left: Vec<i64> = asked.without(kept).into_iter().flat_map(times).collect();
            let wanted: Vec<i64> = times(asked).difference(&times(kept)).copied().collect();
            prop_assert_eq!(left, wanted);
        } else {
            prop_assert!(times(asked).is_disjoint(&times(kept)));
        }
    }
}
