//! Tests of tables: what is pushed down, and that it changes no answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use crate::engine::{Engine, Limits, Replicas};
use crate::memory::Memory;
use crate::sql::tests::{check, check_error, engine, loaded, rows};

const LOAD: &str = "1m
 up{job=\"a\",instance=\"1\"} 1 _ 0
 up{job=\"b\"} 2 stale 3
 up{job=\"b\",time=\"x\",value=\"y\"} 5
 other{job=\"a\"} 1";

#[tokio::test]
async fn a_metric_is_a_table_with_a_row_for_each_sample() {
    let query = "SELECT * FROM up ORDER BY job, value";
    let expected = [
        "1970-01-01T00:02:00Z,0,1,a,,",
        "1970-01-01T00:00:00Z,1,1,a,,",
        "1970-01-01T00:00:00Z,2,,b,,",
        "1970-01-01T00:02:00Z,3,,b,,",
        "1970-01-01T00:00:00Z,5,,b,x,y",
    ];
    check(LOAD, query, &expected).await;
    check(LOAD, "SELECT count(*) FROM metrics.up", &["5"]).await;
    check(LOAD, "SELECT count(*) FROM weir.metrics.up", &["5"]).await;
    check(LOAD, "SELECT label_time, label_value FROM up WHERE label_value = 'y'", &["x,y"]).await;
    check_error(LOAD, "SELECT * FROM down", "down").await;
    check_error(LOAD, "SELECT zone FROM up", "zone").await;
}

/// A metric that is a native histogram, but for one sample.
const HISTOGRAMS: &str = "1m
 h{job=\"a\",count=\"x\"} {{schema:0 sum:5 count:4 z_bucket:1 z_bucket_w:0.5 buckets:[1 2]}} 7 stale
 h{job=\"b\"} {{schema:-53 sum:1 count:3 custom_values:[2 4] buckets:[1 0 2]}}
 f{job=\"a\"} 1";

#[tokio::test]
async fn native_histograms_have_columns_where_a_metric_has_any() {
    let query = "SELECT time, value, count, sum, schema, zero_threshold, zero_count, buckets, job, label_count \
                 FROM h ORDER BY job, time";
    let buckets = r#"[{""lower"":-0.5,""upper"":0.5,""count"":1},{""lower"":0.5,""upper"":1,""count"":1},{""lower"":1,""upper"":2,""count"":2}]"#;
    let custom = r#"[{""lower"":""-Inf"",""upper"":2,""count"":1},{""lower"":4,""upper"":""+Inf"",""count"":2}]"#;
    let expected = [
        format!("1970-01-01T00:00:00Z,,4,5,0,0.5,1,\"{buckets}\",a,x"),
        "1970-01-01T00:01:00Z,7,,,,,,,a,x".to_owned(),
        format!("1970-01-01T00:00:00Z,,3,1,-53,0,0,\"{custom}\",b,"),
    ];
    check(HISTOGRAMS, query, &expected.each_ref().map(String::as_str)).await;
    check(HISTOGRAMS, "SELECT * FROM f", &["1970-01-01T00:00:00Z,1,a"]).await;
    check_error(HISTOGRAMS, "SELECT count FROM f", "count").await;
    let query =
        "SELECT job, b['upper'], b['count'] FROM (SELECT job, unnest(buckets) AS b FROM h WHERE job = 'a') ORDER BY 2";
    check(HISTOGRAMS, query, &["a,0.5,1", "a,1,1", "a,2,2"]).await;
    check(HISTOGRAMS, "SELECT sum(sum) / sum(count), sum(value) FROM h", &["0.8571428571428571,7"]).await;
    check(HISTOGRAMS, "SELECT count(*) FROM h WHERE time >= '1970-01-01T00:01:00Z'", &["1"]).await;
}

#[tokio::test]
async fn functions_of_samples_take_the_numbers_of_a_metric_that_has_both() {
    check(HISTOGRAMS, "SELECT job, sum_over_time(time, value) FROM h GROUP BY job ORDER BY job", &["a,7", "b,"]).await;
}

#[tokio::test]
async fn names_of_other_characters_are_quoted() {
    let load = "1m\n {\"job:up:sum\"} 1\n {\"é.x\",\"a b\"=\"c\"} 2\n Up{Zone=\"z\"} 3";
    check(load, "SELECT value FROM \"job:up:sum\"", &["1"]).await;
    check(load, "SELECT \"a b\" FROM \"é.x\"", &["c"]).await;
    check(load, "SELECT \"Zone\" FROM \"Up\"", &["z"]).await;
}

#[tokio::test]
async fn joins_and_subqueries_come_with_sql() {
    let query = "WITH t AS (SELECT job, max(value) AS m FROM up GROUP BY job) \
                 SELECT t.job, t.m, other.value FROM t LEFT JOIN other ON t.job = other.job ORDER BY 1";
    check(LOAD, query, &["a,1,1", "b,5,"]).await;
    check(LOAD, "SELECT value FROM up WHERE time > (SELECT max(time) FROM other) ORDER BY 1", &["0", "3"]).await;
}

#[tokio::test]
async fn what_a_plan_reads_is_what_its_filters_leave() {
    let query = "EXPLAIN SELECT time, value FROM up WHERE job = 'a' AND instance <> '2' \
                 AND zone IN ('x', 'y', 'z', 'u') AND time >= '2024-01-01T00:00:00Z' AND time < TIMESTAMP '2024-01-02 00:00:00' AND instance LIKE 'n%' \
                 AND value > 1";
    let load = "1m\n up{job=\"a\",instance=\"1\",zone=\"x\"} 1";
    let engine = engine(loaded(load));
    let text = crate::sql::tests::written(&engine, query, weir_pipeline::RowForm::Json).await.unwrap();
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let plans = answer["data"]["rows"].as_array().unwrap();
    let physical = plans.iter().find(|plan| plan[0] == "physical_plan").unwrap()[1].as_str().unwrap();
    let golden = include_str!("tests/pushed_down.txt");
    assert!(physical.trim() == golden.trim(), "the plan is now\n{physical}\nand was\n{golden}");
}

#[tokio::test]
async fn a_span_without_times_reads_nothing() {
    let query =
        "SELECT count(*) FROM up WHERE time > TIMESTAMP '2024-01-02 00:00:00' AND time < '2024-01-01T00:00:00Z'";
    check(LOAD, query, &["0"]).await;
}

#[tokio::test]
async fn replicas_of_one_scraper_are_one() {
    let load = "15s\n m{job=\"a\",replica=\"x\"} 1x20\n m{job=\"a\",replica=\"y\"} 1x20";
    let engine = Engine::with_partitions(Arc::new(loaded(load)), Limits::default(), 2);
    assert_eq!(rows(&engine, "SELECT count(*) FROM m").await, ["42"]);
    let replicas = Replicas::new(vec!["replica".to_owned()], Default::default());
    let engine = engine.with_replicas(replicas);
    assert_eq!(rows(&engine, "SELECT count(*), sum(value) FROM m").await, ["21,21"]);
    assert_eq!(rows(&engine, "SELECT DISTINCT job FROM m").await, ["a"]);
}

/// Series with some of the labels, and a value for each.
fn series(shape: &[(u8, u8, i8)]) -> Memory {
    let mut load = "1m\n".to_owned();
    for (index, (job, zone, value)) in shape.iter().enumerate() {
        let job =
            if *job == 0 { String::new() } else { format!(",job=\"{}\"", ["", "a", "b", "ab", "a.b"][*job as usize]) };
        let zone = if *zone == 0 { String::new() } else { format!(",zone=\"z{zone}\"") };
        let _ = writeln!(load, " m{{i=\"{index}\"{job}{zone}}} {value} _ {index}");
    }
    loaded(&load)
}

/// Filters, in all shapes that are pushed down and some that are not.
fn filters() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec!["a", "b", "ab", "a.b", "z1", ""]);
    let label = prop::sample::select(vec!["job", "zone"]);
    let leaf = (label, value.clone(), value, 0usize..14).prop_map(|(label, value, other, kind)| match kind {
        0 => format!("{label} = '{value}'"),
        1 => format!("{label} <> '{value}'"),
        2 => format!("{label} IN ('{value}', '{other}')"),
        3 => format!("{label} NOT IN ('{value}', '{other}')"),
        4 => format!("{label} IN ('{value}', '{other}', 'x', 'y', 'z')"),
        5 => format!("{label} LIKE '{value}%'"),
        6 => format!("{label} NOT LIKE '{value}_'"),
        7 => format!("{label} ~ '^{value}'"),
        8 => format!("{label} !~ '{value}$'"),
        9 => format!("{label} IS NULL"),
        10 => format!("{label} IS NOT NULL"),
        11 => format!("{label} > '{value}'"),
        12 => "time >= '1970-01-01T00:01:00Z'".to_owned(),
        _ => "time < now() AND value > 0".to_owned(),
    });
    leaf.prop_recursive(2, 6, 2, |inner| {
        (inner.clone(), inner, 0usize..3).prop_map(|(left, right, kind)| match kind {
            0 => format!("({left} AND {right})"),
            1 => format!("({left} OR {right})"),
            _ => format!("NOT ({left})"),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pushing_filters_down_changes_no_answer(
        shape in prop::collection::vec((0u8..5, 0u8..3, -5i8..5), 1..8),
        filter in filters(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (pushed, kept) = runtime.block_on(async {
            let engine = engine(series(&shape));
            let pushed = format!("SELECT i, value FROM m WHERE {filter} ORDER BY 1, 2");
            // No filter passes a limit.
            let missing = "SELECT *, CAST(NULL AS VARCHAR) AS none FROM m LIMIT 100000";
            let kept = format!("SELECT i, value FROM ({missing}) WHERE {filter} ORDER BY 1, 2");
            let both = "SELECT count(job), count(zone) FROM m";
            if crate::sql::tests::written(&engine, both, weir_pipeline::RowForm::Csv).await.is_err() {
                // A label that no series has is no column.
                return (Vec::new(), Vec::new());
            }
            (rows(&engine, &pushed).await, rows(&engine, &kept).await)
        });
        prop_assert_eq!(pushed, kept, "{}", filter);
    }
}
