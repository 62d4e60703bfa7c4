//! Laws over generated expressions of the supported language.

use std::sync::Arc;

use weir_pipeline::Data;

use super::fuzzed::Dice;
use super::{Engine, Limits, Memory, Series, ask, floats, loaded, same_series};

const LOAD: &str = "30s
 m_total{a=\"1\",b=\"x\"} 0+3x40
 m_total{a=\"2\",b=\"x\"} 0+5x20 0+1x19
 m_total{a=\"3\",b=\"y\"} _x10 1+1x10 stale _x5 7
 m_total{a=\"4\"} NaN 1 -Inf 2 Inf
 n{a=\"1\"} 5 -4 3 -2 1+2x30
 n{a=\"2\"} 1x40
 h_bucket{a=\"1\",le=\"1\"} 0+1x40
 h_bucket{a=\"1\",le=\"2\"} 0+3x40
 h_bucket{a=\"1\",le=\"+Inf\"} 0+4x40";

const SELECTORS: [&str; 12] = [
    "m_total",
    "n",
    "h_bucket",
    "{a=\"1\"}",
    "none",
    "m_total offset 1m",
    "n @ 300",
    "vector(time())",
    "rate(m_total[2m])",
    "increase(m_total[5m] @ 600)",
    "max_over_time(n[90s] offset -1m)",
    "last_over_time(m_total[3m])",
];
const NUMBERS: [&str; 5] = ["2", "-0.5", "NaN", "time()", "scalar(n{a=\"2\"})"];
const OPERATORS: [&str; 13] = ["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<=", "> bool", "< bool"];
const MATCHINGS: [&str; 4] = ["", "on(a)", "ignoring(b, le)", "on()"];
const AGGREGATIONS: [&str; 5] = ["sum", "avg", "min", "max", "count"];
const GROUPINGS: [&str; 4] = ["", "by (a)", "by (__name__, b)", "without (a)"];

fn pick<'a>(dice: &mut Dice, from: &[&'a str]) -> &'a str {
    from[dice.below(from.len())]
}

/// An instant vector of at most `depth` operators on top of each other.
fn vector(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 || dice.below(4) == 0 {
        return pick(dice, &SELECTORS).to_owned();
    }
    let inner = vector(dice, depth - 1);
    let op = pick(dice, &OPERATORS);
    match dice.below(6) {
        0 => format!("{} {} ({inner})", pick(dice, &AGGREGATIONS), pick(dice, &GROUPINGS)),
        1 => format!("({inner}) {op} {}", pick(dice, &NUMBERS)),
        2 => format!("{} {op} ({inner})", pick(dice, &NUMBERS)),
        3 => format!("-({inner})"),
        4 => format!("histogram_quantile(0.9, {inner})"),
        _ => format!("({inner}) {op} {} ({})", pick(dice, &MATCHINGS), vector(dice, depth - 1)),
    }
}

async fn run(engine: &Engine, query: &str, range: (i64, i64, i64)) -> weir_pipeline::Result<Series> {
    ask(engine, query, range).await.map(|answer| match answer.data {
        data @ Data::Matrix(_) => floats(data),
        other => panic!("{other:?}"),
    })
}

async fn check(two: &Engine, five: &Engine, query: &str) {
    let (start, end, step) = (60_000, 1_200_000, 285_000);
    let whole = run(two, query, (start, end, step)).await;
    match (&whole, run(five, query, (start, end, step)).await) {
        (Ok(a), Ok(b)) => assert!(same_series(a.clone(), b.clone()), "{query}: {a:?} {b:?}"),
        (Err(a), Err(b)) => assert_eq!(a.kind(), b.kind(), "{query}"),
        (a, b) => panic!("{query}: {a:?} {b:?}"),
    }
    // A range fails where any of its instants does.
    let Ok(whole) = whole else { return };
    for t in (start..=end).step_by(step as usize) {
        let one = run(two, query, (t, t, 1)).await.unwrap_or_else(|error| panic!("{query} at {t}: {error}"));
        let mut part: Series = whole.clone();
        part.iter_mut().for_each(|(_, points)| points.retain(|(at, _)| *at == t));
        part.retain(|(_, points)| !points.is_empty());
        assert!(same_series(part.clone(), one.clone()), "{query} at {t}: {part:?} {one:?}");
    }
}

#[tokio::test]
async fn partitions_change_nothing_and_a_range_is_its_instants() {
    let memory: Arc<Memory> = Arc::new(loaded(LOAD));
    let engine = |partitions| Engine::with_partitions(memory.clone(), Limits::default(), partitions);
    let (two, five) = (engine(2), engine(5));
    let queries = std::env::var("WEIR_QUERIES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    for seed in 0..queries {
        let query = vector(&mut Dice(seed), 4);
        check(&two, &five, &query).await;
    }
}
