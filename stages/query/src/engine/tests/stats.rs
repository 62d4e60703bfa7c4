//! What samples a query takes: the numbers are those of Prometheus' own cases where it has them.

use std::sync::Arc;

use weir_pipeline::{Ask, Query, SampleStats, StatsDetail};

use super::{engine, loaded, query};

/// `m` every 10 seconds from 0 to 100s.
const LOAD: &str = "10s\n m 1+1x10\n big{i=\"a\"} 1+1x10\n big{i=\"b\"} 1+1x4";

async fn stats(load: &str, expr: &str, (start, end, step): (i64, i64, i64), stats: StatsDetail) -> Option<SampleStats> {
    let expr: Arc<str> = expr.into();
    let ask = if step == 0 { Ask::Instant { expr, time: start } } else { Ask::Range { expr, start, end, step } };
    let answer = engine(loaded(load)).query(Query { stats, ..query(ask) }).await.unwrap();
    answer.stats.map(|stats| stats.samples)
}

/// What each step sees and what it must read for that.
async fn check(expr: &str, span: (i64, i64, i64), expected: &[(u64, u64)]) {
    let stats = stats(LOAD, expr, span, StatsDetail::PerStep).await.unwrap();
    let steps: Vec<_> = stats.per_step.iter().map(|(_, seen, read)| (*seen, *read)).collect();
    assert_eq!(steps, expected, "{expr}");
    let sum = |of: fn(&(u64, u64)) -> u64| expected.iter().map(of).sum::<u64>();
    assert_eq!((stats.total, stats.read), (sum(|step| step.0), sum(|step| step.1)), "{expr}");
    let times: Vec<_> = stats.per_step.iter().map(|(time, ..)| *time).collect();
    let wanted: Vec<_> = (0..expected.len() as i64).map(|step| span.0 + step * span.2).collect();
    assert_eq!(times, wanted, "{expr}");
}

#[tokio::test]
async fn an_instant_selector_sees_one_sample_of_each_series() {
    check("m", (20_000, 0, 0), &[(1, 1)]).await;
    check("sum(big)", (20_000, 0, 0), &[(2, 2)]).await;
    check("m", (20_000, 40_000, 10_000), &[(1, 1), (1, 1), (1, 1)]).await;
    check("m", (-10_000, 0, 10_000), &[(0, 0), (1, 1)]).await;
    check("m + on () m", (20_000, 0, 0), &[(2, 2)]).await;
    check("timestamp(m)", (20_000, 0, 0), &[(1, 1)]).await;
    check("1 + 1", (20_000, 0, 0), &[(0, 0)]).await;
}

#[tokio::test]
async fn a_range_function_sees_its_window_and_reads_what_is_new_in_it() {
    check("count_over_time(m[30s])", (60_000, 0, 0), &[(3, 3)]).await;
    check("count_over_time(m[30s])", (60_000, 80_000, 10_000), &[(3, 3), (3, 1), (3, 1)]).await;
    check("count_over_time(m[10s])", (60_000, 80_000, 20_000), &[(1, 1), (1, 1)]).await;
    check("sum(count_over_time(big[1m]))", (60_000, 0, 0), &[(10, 10)]).await;
    check("m[30s]", (60_000, 0, 0), &[(3, 3)]).await;
}

#[tokio::test]
async fn what_is_the_same_at_all_steps_is_seen_by_all_and_read_once() {
    check("m @ 20", (20_000, 40_000, 10_000), &[(1, 1), (1, 0), (1, 0)]).await;
    check("count_over_time(m[30s] @ 60)", (20_000, 40_000, 10_000), &[(3, 3), (3, 0), (3, 0)]).await;
    check("sum(count_over_time(m[30s] @ 60))", (20_000, 40_000, 10_000), &[(3, 3), (3, 0), (3, 0)]).await;
}

#[tokio::test]
async fn a_subquery_is_seen_as_what_it_hands_on_and_read_as_what_it_reads() {
    check("max_over_time(m[30s:10s])", (60_000, 0, 0), &[(3, 3)]).await;
    check("max_over_time(count_over_time(m[20s])[30s:10s])", (60_000, 0, 0), &[(3, 4)]).await;
    check("m[30s:10s]", (60_000, 0, 0), &[(3, 3)]).await;
}

#[tokio::test]
async fn a_histogram_counts_for_as_many_samples_as_it_is_large() {
    let load = "10s\n h {{schema:0 sum:1 count:2 buckets:[1 1]}}x10";
    let stats = stats(load, "h", (20_000, 0, 0), StatsDetail::Totals).await.unwrap();
    // 168 bytes, one span and two buckets of 8, and 8 of the time.
    assert_eq!((stats.total, stats.read, stats.per_step.len()), (12, 12, 0));
}

#[tokio::test]
async fn statistics_are_told_only_where_they_are_asked_for() {
    let at = (20_000, 40_000, 10_000);
    assert_eq!(stats(LOAD, "m", at, StatsDetail::None).await, None);
    let totals = stats(LOAD, "m", at, StatsDetail::Totals).await.unwrap();
    assert_eq!((totals.total, totals.peak, totals.per_step), (3, 5, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn the_whole_time_has_its_parts() {
    let ask = Ask::Instant { expr: "sum(m)".into(), time: 0 };
    let asked = Query { stats: StatsDetail::Totals, ..query(ask) };
    let timings = engine(loaded(LOAD)).query(asked).await.unwrap().stats.unwrap().timings;
    assert_eq!(timings.evaluation, timings.preparation + timings.inner + timings.sorting);
    assert!(timings.total >= timings.evaluation + timings.queue);
}
