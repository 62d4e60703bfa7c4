#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;

use super::*;

fn run_of(times: &[i64], starts: bool) -> Run {
    let values = times.iter().map(|t| *t as f64 / 7.0).collect();
    let starts = if starts { times.iter().map(|t| t - 1).collect() } else { Vec::new() };
    Run { timestamps: times.to_vec(), values, starts, ..Run::default() }
}

fn check(steps: Steps, times: &[i64], wanted: &[i64]) {
    let mut run = run_of(times, true);
    keep(&steps, &mut run);
    assert_eq!(run, run_of(wanted, true));
}

#[test]
fn the_last_sample_at_or_before_each_step_stays() {
    let steps = Steps { start: 100, step: 100, count: 3 };
    check(steps, &[], &[]);
    check(steps, &[70, 80, 90, 100, 110], &[100, 110]);
    check(steps, &[70, 80, 90, 101, 110, 199, 200, 201, 290, 291], &[90, 200, 291]);
    check(steps, &[10, 20, 30, 40], &[40]);
    check(steps, &[301, 302, 303, 304], &[]);
    check(Steps { start: 0, step: 0, count: 1 }, &[-2, -1, 0, 1, 2], &[0]);
}

#[test]
fn runs_with_few_samples_to_a_step_stay_as_they_are() {
    check(Steps { start: 0, step: 10, count: 100 }, &[1, 11, 21, 31, 41], &[1, 11, 21, 31, 41]);
}

proptest! {
    #[test]
    fn what_is_last_before_a_step_is_the_same_afterwards(
        (start, step, count) in (-500i64..500, 1i64..200, 1usize..40),
        gaps in prop::collection::vec(prop_oneof![8 => Just(5i64), 2 => 1i64..40, 1 => 1i64..2000], 0..300),
        begin in -1000i64..1000,
        starts: bool,
    ) {
        let steps = Steps { start, step, count };
        let times: Vec<i64> = gaps.iter().scan(begin, |t, gap| { *t += gap; Some(*t) }).collect();
        let whole = run_of(&times, starts);
        let mut few = whole.clone();
        keep(&steps, &mut few);
        let last = |run: &Run, time: i64| {
            let n = run.timestamps.partition_point(|t| *t <= time).checked_sub(1)?;
            Some((run.timestamps[n], run.values[n], run.starts.get(n).copied()))
        };
        for n in 0..count {
            prop_assert_eq!(last(&whole, steps.time(n)), last(&few, steps.time(n)));
        }
        prop_assert!(few.timestamps.is_sorted_by(|a, b| a < b));
        if few.timestamps.len() < whole.timestamps.len() {
            prop_assert!(few.timestamps.len() <= count);
        }
    }
}
