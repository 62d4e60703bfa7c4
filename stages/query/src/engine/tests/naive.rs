//! Laws, against an evaluator that is too simple to be wrong: each window is cut out anew, each formula written down.

use proptest::prelude::*;
use weir_pipeline::{LabelSet, STALE, is_stale};

use super::{Memory, Series, ask, engine, floats, same_series};
use crate::memory::of_floats;

type Samples = Vec<(i64, f64)>;

/// The value of `function` over the samples in `(end - range, end]`.
fn reference(function: &str, samples: &[(i64, f64)], end: i64, range: i64) -> Option<f64> {
    let within: Samples = samples.iter().copied().filter(|(t, _)| *t > end - range && *t <= end).collect();
    if function == "instant" {
        return within.last().map(|(_, v)| *v).filter(|v| !is_stale(*v));
    }
    let within: Samples = within.into_iter().filter(|(_, v)| !is_stale(*v)).collect();
    let values: Vec<f64> = within.iter().map(|(_, v)| *v).collect();
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    match function {
        "count_over_time" => Some(n),
        "sum_over_time" => Some(values.iter().sum()),
        "avg_over_time" => Some(values.iter().sum::<f64>() / n),
        "min_over_time" => Some(values.iter().copied().fold(f64::INFINITY, f64::min)),
        "max_over_time" => Some(values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        "last_over_time" => values.last().copied(),
        "irate" => {
            let [.., (t0, v0), (t1, v1)] = within[..] else { return None };
            Some((if v1 < v0 { v1 } else { v1 - v0 }) / ((t1 - t0) as f64 / 1000.0))
        }
        _ => rate(function, &within, end, range),
    }
}

fn rate(function: &str, within: &[(i64, f64)], end: i64, range: i64) -> Option<f64> {
    let (&[(t0, v0), .., (t1, v1)], counter) = (within, function != "delta") else { return None };
    let mut change = v1 - v0;
    if counter {
        change += within.windows(2).filter(|p| p[1].1 < p[0].1).map(|p| p[0].1).sum::<f64>();
    }
    let sampled = (t1 - t0) as f64 / 1000.0;
    let mean = sampled / (within.len() - 1) as f64;
    let edge = |gap: f64| if gap < 1.1 * mean { gap } else { mean / 2.0 };
    let mut before = edge((t0 - (end - range)) as f64 / 1000.0);
    if counter && change > 0.0 && v0 >= 0.0 {
        before = before.min(sampled * v0 / change);
    }
    let after = edge((end - t1) as f64 / 1000.0);
    let whole = change * (sampled + before + after) / sampled;
    Some(if function == "rate" { whole / (range as f64 / 1000.0) } else { whole })
}

fn samples() -> impl Strategy<Value = Samples> {
    let value = prop_oneof![
        8 => (0i32..1000).prop_map(f64::from),
        1 => Just(STALE),
        1 => Just(0.0),
    ];
    prop::collection::vec((1i64..90_000, value), 0..60).prop_map(|gaps| {
        let mut time = 0;
        let at = |(gap, value)| {
            time += gap;
            (time, value)
        };
        gaps.into_iter().map(at).collect()
    })
}

fn labels(i: usize) -> LabelSet {
    [("__name__", "m".to_owned()), ("i", i.to_string())].into_iter().collect()
}

fn run(memory: &Memory, query: &str, range: (i64, i64, i64)) -> Series {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(ask(&engine(memory.clone()), query, range)).unwrap();
    floats(answer.data)
}

/// Cuts samples into runs of which some hold the same samples.
fn torn(samples: &Samples, cuts: &[usize]) -> Vec<Samples> {
    let mut runs: Vec<Samples> = vec![Vec::new(); 4];
    for (i, sample) in samples.iter().enumerate() {
        let cut = cuts[i % cuts.len()];
        runs[cut % 4].push(*sample);
        if cut >= 4 {
            runs[(cut + 1) % 4].push(*sample);
        }
    }
    runs
}

const FUNCTIONS: [&str; 11] = [
    "instant",
    "rate",
    "increase",
    "delta",
    "irate",
    "sum_over_time",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "count_over_time",
    "last_over_time",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn range_functions_agree_with_their_definitions(
        series in prop::collection::vec(samples(), 1..4),
        range in 1i64..600,
        step in 1i64..120,
        start in 0i64..600,
        offset in -100i64..100,
    ) {
        let (start, end, step, range) = (start * 1000, start * 1000 + step * 20_000, step * 1000, range * 1000);
        let mut memory = Memory::default();
        for (i, samples) in series.iter().enumerate() {
            memory.add(labels(i), of_floats(samples));
        }
        for function in FUNCTIONS {
            let (query, window) = match function {
                "instant" => (format!("m offset {offset}s"), 300_000),
                _ => (format!("{function}(m[{}s] offset {offset}s)", range / 1000), range),
            };
            let mut wanted: Series = Vec::new();
            for (i, samples) in series.iter().enumerate() {
                let times = (start..=end).step_by(step as usize);
                let value = |t: i64| Some((t, reference(function, samples, t - offset * 1000, window)?));
                let points: Samples = times.filter_map(value).collect();
                let keeps_name = matches!(function, "instant" | "last_over_time");
                let labels = if keeps_name { labels(i) } else { [("i", i.to_string())].into_iter().collect() };
                if !points.is_empty() {
                    wanted.push((labels, points));
                }
            }
            let found = run(&memory, &query, (start, end, step));
            prop_assert!(same_series(wanted.clone(), found.clone()), "{query}: {found:?}, wanted {wanted:?}");
        }
    }

    #[test]
    fn how_runs_are_cut_changes_nothing(
        series in prop::collection::vec(samples(), 1..5),
        cuts in prop::collection::vec(0usize..8, 1..7),
    ) {
        let mut memory = Memory::default();
        for (i, samples) in series.iter().enumerate() {
            memory.add(labels(i), of_floats(samples));
        }
        let recut = memory.recut(|samples| torn(&samples, &cuts));
        for query in ["m", "rate(m[5m])", "sum(increase(m[2m]))", "avg by (i) (m)", "m * on(i) m", "max(m) - min(m)"] {
            let range = (0, 3_000_000, 30_000);
            prop_assert_eq!(debug(run(&memory, query, range)), debug(run(&recut, query, range)), "{}", query);
        }
    }

    #[test]
    fn a_range_query_is_its_instant_queries(
        series in prop::collection::vec(samples(), 1..4),
        step in 1i64..100,
    ) {
        let mut memory = Memory::default();
        for (i, samples) in series.iter().enumerate() {
            memory.add(labels(i), of_floats(samples));
        }
        for query in ["m", "rate(m[5m])", "sum(m > 100)", "count(m) + 1"] {
            let (end, step) = (step * 5000, step * 1000);
            let whole = run(&memory, query, (0, end, step));
            for t in (0..=end).step_by(step as usize) {
                let one = run(&memory, query, (t, t, 1));
                let at = |(labels, points): &(LabelSet, Samples)| {
                    Some((labels.clone(), vec![*points.iter().find(|(at, _)| *at == t)?]))
                };
                let part: Series = whole.iter().filter_map(at).collect();
                prop_assert!(same_series(part.clone(), one.clone()), "{query} at {t}: {part:?} {one:?}");
            }
        }
    }
}

/// So that NaN equals itself.
fn debug(series: Series) -> String {
    format!("{series:?}")
}
