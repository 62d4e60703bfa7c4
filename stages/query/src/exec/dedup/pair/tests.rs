#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;

use super::*;
use crate::annotations::Notes;
use crate::functions::range::{self, Window};

type Samples = Vec<(i64, f64)>;

fn merged(replicas: &[Samples], is_counter: bool) -> Samples {
    let columns: Vec<(Vec<i64>, Vec<f64>)> = replicas.iter().map(|r| r.iter().copied().unzip()).collect();
    let replicas: Vec<_> =
        columns.iter().map(|(timestamps, values)| Replica { timestamps, values, starts: &[] }).collect();
    let Merged { timestamps, values, starts } = merge(&replicas, is_counter);
    assert!(starts.is_empty());
    timestamps.into_iter().zip(values).collect()
}

fn every(step: i64, from: i64, to: i64) -> Samples {
    (from..to).map(|i| (i * step, i as f64)).collect()
}

#[test]
fn as_long_as_one_has_samples_it_leads() {
    let (a, b) = (every(10, 0, 20), every(10, 0, 20).iter().map(|(t, v)| (t + 3, *v)).collect());
    assert_eq!(merged(&[a.clone(), b], false), a);
}

#[test]
fn a_gap_is_filled_from_the_other_at_once() {
    let a: Samples = every(10, 0, 20).into_iter().filter(|(t, _)| !(50..120).contains(t)).collect();
    let b: Samples = every(10, 0, 20).iter().map(|(t, v)| (t + 3, *v)).collect();
    let wanted: Vec<i64> = (0..5).map(|i| i * 10).chain((5..20).map(|i| i * 10 + 3)).collect();
    assert_eq!(merged(&[a, b], true).iter().map(|(t, _)| *t).collect::<Vec<_>>(), wanted);
}

#[test]
fn the_end_of_one_is_not_the_end() {
    let (a, b) = (every(10, 0, 5), every(10, 3, 9));
    assert_eq!(merged(&[a, b], true), every(10, 0, 9));
}

#[test]
fn a_counter_that_the_other_saw_later_is_no_reset_and_a_real_one_stays() {
    let a = vec![(0, 10.0), (10, 20.0), (20, 30.0)];
    let b = vec![(6, 8.0), (16, 18.0), (26, 28.0), (36, 38.0), (46, 1.0), (56, 2.0)];
    let wanted = vec![(0, 10.0), (10, 20.0), (20, 30.0), (36, 38.0), (46, 1.0), (56, 2.0)];
    assert_eq!(merged(&[a.clone(), b.clone()], true), wanted);
    // What is no counter may fall.
    assert!(merged(&[a, b], false).contains(&(26, 28.0)));
}

#[test]
fn since_when_a_value_counts_goes_with_it() {
    // The second has no starts, the third others.
    let (times, values) = ([0, 10, 20, 30], [1.0, 2.0, 1.0, 2.0]);
    let of = |range: std::ops::Range<usize>, starts: &'static [i64]| Replica {
        timestamps: &times[range.clone()],
        values: &values[range],
        starts,
    };
    let all = [of(0..1, &[-1]), of(1..2, &[]), of(2..4, &[15, 16])];
    assert_eq!(merge(&all, false).starts, [-1, 0, 15, 16]);
    assert!(merge(&all[1..2], false).starts.is_empty());
}

#[test]
fn nothing_is_nothing() {
    assert_eq!(merged(&[], true), []);
    assert_eq!(merged(&[Vec::new(), every(10, 0, 2)], true), every(10, 0, 2));
}

fn rate(samples: &Samples, end: i64, range: i64) -> Option<f64> {
    let within: Samples = samples.iter().copied().filter(|(t, _)| *t > end - range && *t <= end).collect();
    let (timestamps, values): (Vec<i64>, Vec<f64>) = within.into_iter().unzip();
    let window = Window { timestamps: &timestamps, values: &values, start: end - range, end, ..Window::default() };
    (range::find("increase").unwrap().eval)(&window, &mut Notes::default())?.float()
}

proptest! {
    /// A counter with resets, scraped by two: each with a phase, a clock that is off, and gaps of its own. Within a gap one
    /// replica extrapolates what the other saw, so that the bounds are those of whoever saw the whole window.
    #[test]
    fn the_rate_of_a_pair_stays_within_the_bounds_of_those_who_saw_it_all(
        steps in prop::collection::vec((0.0..50.0f64, prop::bool::weighted(0.03)), 200),
        phases in (0i64..15_000, 0i64..15_000),
        lag in 0usize..2,
        gap in (20usize..120, 0usize..30),
    ) {
        let mut counter = 0.0;
        let truth: Vec<f64> = steps.iter().map(|(by, resets)| {
            counter = if *resets { *by } else { counter + by };
            counter
        }).collect();
        let scrape = |phase: i64, lag: usize, gap: std::ops::Range<usize>| -> Samples {
            let seen = (lag..truth.len()).filter(|i| !gap.contains(i));
            seen.map(|i| (i as i64 * 15_000 + phase, truth[i - lag])).collect()
        };
        let a = scrape(phases.0, 0, gap.0..gap.0 + gap.1);
        let b = scrape(phases.1, lag, 0..0);
        let pair = merged(&[a.clone(), b.clone()], true);
        prop_assert!(pair.is_sorted_by(|x, y| x.0 < y.0));
        for end in (40..200).step_by(7).map(|i| i * 15_000 + 7_000) {
            let range = 600_000;
            let whole = |samples: &Samples| {
                let within = samples.iter().filter(|(t, _)| *t > end - range && *t <= end);
                within.map(|(t, _)| *t).collect::<Vec<_>>().windows(2).all(|pair| pair[1] - pair[0] < 20_000)
            };
            let Some(found) = rate(&pair, end, range) else { continue };
            let bounds: Vec<f64> = [&a, &b].into_iter().filter(|r| whole(r)).filter_map(|r| rate(r, end, range)).collect();
            let (low, high) = bounds.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            // Where the leader changes within the window, two scrapes are of the one or the other.
            let window = |samples: &Samples| -> Samples {
                samples.iter().copied().filter(|(t, _)| *t > end - range && *t <= end).collect()
            };
            let alone = [&a, &b].into_iter().any(|replica| whole(replica) && window(&pair) == window(replica));
            let slack = if alone { 1e-6 } else { 150.0 };
            prop_assert!(found >= low - slack && found <= high + slack, "{found} not in {low}..{high}");
        }
    }
}
