//! SQL beside PromQL, over the same samples.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use weir_pipeline::{Ask, Data, Query, Tenant};

use super::{engine, loaded, rows};
use crate::engine::Engine;
use crate::functions::quantile::almost_equal;
use crate::functions::range::RANGE_FUNCTIONS;
use crate::syntax;
use crate::syntax::ast::ValueType;

/// A gauge and a counter of a few instances, of which some lack a label, with gaps, resets and a NaN.
fn load() -> String {
    let mut load = "30s\n".to_owned();
    let mut seed = 7u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for instance in 0..5 {
        let zone = if instance % 2 == 0 { format!(",zone=\"z{}\"", instance / 2) } else { String::new() };
        for (metric, is_counter) in [("gauge", false), ("requests_total", true)] {
            let mut total = 0;
            let _ = write!(load, " {metric}{{instance=\"i{instance}\"{zone}}}");
            for step in 0..60 {
                let (gap, reset, more, level) = (next(12) == 0, next(12) == 0, next(20), next(1000));
                total = if reset { next(3) } else { total + more };
                let _ = match (is_counter, step) {
                    _ if gap => write!(load, " _"),
                    (true, _) => write!(load, " {total}"),
                    (false, 17) => write!(load, " NaN"),
                    (false, _) => write!(load, " {}", level as f64 / 8.0 - 60.0),
                };
            }
            load.push('\n');
        }
    }
    load
}

/// The value of each instance by PromQL at `time` seconds.
async fn promql(engine: &Engine, expr: &str, time: i64) -> BTreeMap<String, f64> {
    let ask = Ask::Instant { expr: expr.into(), time: time * 1000 };
    let answer = engine.query(Query::new(Tenant::default(), ask)).await.unwrap();
    let Data::Vector(samples) = answer.data else { panic!("{expr}: expected a vector") };
    let value = |(labels, _, value): (weir_pipeline::LabelSet, i64, weir_pipeline::Value)| {
        Some((labels.as_labels().get("instance").unwrap_or("").to_owned(), value.float()?))
    };
    samples.into_iter().filter_map(value).collect()
}

/// The value of each instance by SQL. NULL is no value.
async fn sql(engine: &Engine, text: &str) -> BTreeMap<String, f64> {
    let row = |row: String| {
        let (instance, value) = row.split_once(',').unwrap();
        (!value.is_empty()).then(|| (instance.to_owned(), value.parse().unwrap()))
    };
    rows(engine, text).await.into_iter().filter_map(row).collect()
}

fn assert_same(wanted: &BTreeMap<String, f64>, found: &BTreeMap<String, f64>, what: &str) {
    let same = wanted.len() == found.len()
        && wanted.iter().zip(found).all(|((a, v), (b, w))| a == b && almost_equal(*v, *w, 1e-12));
    assert!(same, "{what}: PromQL says {wanted:?}, SQL {found:?}");
}

#[tokio::test]
async fn range_functions_are_those_of_promql() {
    let engine = engine(loaded(&load()));
    let mut count = 0;
    for function in RANGE_FUNCTIONS {
        let Some(promql_function) = syntax::functions::find(function.name) else { continue };
        let Some(before) = promql_function.args.iter().position(|arg| *arg == ValueType::Matrix) else { continue };
        let numbers = |n: usize| vec!["0.4"; n];
        let (first, last) = (numbers(before), numbers(promql_function.args.len() - before - 1));
        let args = |middle: &[&str], window: &[&str]| [&first[..], middle, &last[..], window].concat().join(", ");
        for metric in ["gauge", "requests_total"] {
            for time in [60, 615, 1200, 1790] {
                let name = function.name;
                let range = format!("{metric}[5m]");
                let wanted = promql(&engine, &format!("{name}({})", args(&[&range], &[])), time).await;
                let (start, end) = (format!("{}", time - 300), format!("{time}"));
                let call = format!("{name}({})", args(&["time", "value"], &[&start, &end]));
                let found =
                    sql(&engine, &format!("SELECT instance, {call} FROM {metric} GROUP BY instance, zone")).await;
                assert_same(&wanted, &found, &format!("{call} of {metric}"));
            }
        }
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[tokio::test]
async fn a_range_function_over_a_frame_is_that_of_promql_at_each_sample() {
    let engine = engine(loaded(&load()));
    for function in ["rate", "increase", "irate", "deriv", "sum_over_time", "changes", "last_over_time"] {
        let text = format!(
            "SELECT CAST(CAST(time AS BIGINT) / 1000 AS BIGINT), instance, value_now FROM (SELECT time, instance, \
             {function}(time, value, '5m') OVER (PARTITION BY instance ORDER BY time \
             RANGE BETWEEN INTERVAL '5 minutes' PRECEDING AND CURRENT ROW) AS value_now FROM requests_total)"
        );
        let mut by_time: BTreeMap<i64, BTreeMap<String, f64>> = BTreeMap::new();
        for row in rows(&engine, &text).await {
            let cells: Vec<&str> = row.split(',').collect();
            let own = by_time.entry(cells[0].parse().unwrap()).or_default();
            if !cells[2].is_empty() {
                own.insert(cells[1].to_owned(), cells[2].parse().unwrap());
            }
        }
        assert!(by_time.len() > 50);
        for (time, found) in by_time {
            let mut wanted = promql(&engine, &format!("{function}(requests_total[5m])"), time).await;
            // An instance without a sample at this time has no row, where PromQL looks back.
            let there = promql(&engine, "timestamp(requests_total)", time).await;
            wanted.retain(|instance, _| there.get(instance) == Some(&(time as f64)));
            assert_same(&wanted, &found, &format!("{function} at {time}"));
        }
    }
}

#[tokio::test]
async fn aggregates_of_sql_are_those_of_promql() {
    let engine = engine(loaded(&load()));
    for (sql_name, promql_name) in [("sum", "sum"), ("avg", "avg"), ("min", "min"), ("max", "max"), ("count", "count")]
    {
        for time in [0, 300, 1500] {
            let expr = format!("{promql_name}(requests_total and on(instance) timestamp(requests_total) == {time})");
            let wanted = promql(&engine, &expr, time).await;
            let text =
                format!("SELECT '', {sql_name}(value) FROM requests_total WHERE time = to_timestamp_seconds({time})");
            let found = sql(&engine, &text).await;
            let found = found.into_iter().map(|(name, value)| (name.replace('"', ""), value)).collect();
            assert_same(&wanted, &found, &format!("{sql_name} at {time}"));
        }
    }
}

#[tokio::test]
async fn quantiles_of_buckets_are_those_of_promql() {
    let mut load = "1m\n".to_owned();
    for (instance, counts) in [("a", [1, 4, 9, 9, 12]), ("b", [0, 0, 3, 5, 5]), ("c", [5, 4, 6, 7, 7])] {
        for (le, count) in ["0.1", "0.5", "1", "2.5", "+Inf"].iter().zip(counts) {
            let _ = writeln!(load, " h_bucket{{instance=\"{instance}\",le=\"{le}\"}} {count}");
        }
    }
    let engine = engine(loaded(&load));
    for quantile in ["-1", "0", "0.2", "0.5", "0.99", "1", "2"] {
        let wanted = promql(&engine, &format!("histogram_quantile({quantile}, h_bucket)"), 0).await;
        let text =
            format!("SELECT instance, histogram_quantile({quantile}, le, value) FROM h_bucket GROUP BY instance");
        assert_same(&wanted, &sql(&engine, &text).await, &text);
        let wanted = promql(&engine, &format!("histogram_quantile({quantile}, sum by (le) (h_bucket))"), 0).await;
        let text = format!("SELECT '', histogram_quantile({quantile}, le, value) FROM h_bucket");
        let found = sql(&engine, &text).await.into_values().map(|value| (String::new(), value)).collect();
        assert_same(&wanted, &found, &text);
    }
    let wanted = promql(&engine, "histogram_fraction(0.2, 2, h_bucket)", 0).await;
    let text = "SELECT instance, histogram_fraction(0.2, 2, le, value) FROM h_bucket GROUP BY instance";
    assert_same(&wanted, &sql(&engine, text).await, text);
}
