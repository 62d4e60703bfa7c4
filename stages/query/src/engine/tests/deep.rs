//! Queries as deep, and chains as long, as they may be.

use std::sync::Arc;

use weir_pipeline::Ask;

use super::{Engine, Limits, Memory, ask, floats, loaded};
use crate::syntax::{MAX_DEPTH, MAX_NESTING};

const LOAD: &str = "30s
 n{a=\"1\"} 1x40
 n{a=\"2\"} 2x40";

fn engine() -> Engine {
    let memory: Arc<Memory> = Arc::new(loaded(LOAD));
    Engine::with_partitions(memory, Limits::default(), 2)
}

fn nested(open: &str, depth: usize) -> String {
    format!("{}n{}", open.repeat(depth), ")".repeat(depth))
}

/// Chains and nests as long and deep as they may be, and what they are at the first of their steps.
fn deepest() -> Vec<(String, Vec<f64>)> {
    let chain = |operator: &str, operand: &str, count: usize| vec![operand; count].join(operator);
    // Without optimization the longest take seconds.
    let (most, half) = (1000, MAX_NESTING / 2 - 4);
    let (all, sum) = (vec![1.0, 2.0], |operands: usize| vec![operands as f64, 2.0 * operands as f64]);
    let mixed = format!("{}{}", "sum(n + ".repeat(20), nested("n + (", 15)) + &")".repeat(20);
    vec![
        (chain(" or ", "n", MAX_DEPTH - 8), all.clone()),
        (chain(" and ", "n", most), all.clone()),
        (chain(" + ", "n", most), sum(most)),
        (chain(" + on (a) group_left () ", "n", most), sum(most)),
        (format!("n * {}", chain(" * ", "1", most)), all.clone()),
        (format!("n * {}", chain(" * ", "scalar(n{a=\"1\"})", most / 2)), all.clone()),
        (chain(" or ", "sum by (a) (rate(n[1m]) + 1)", most / 4), vec![1.0, 1.0]),
        (chain(" + ", "n @ start()", most), sum(most)),
        (chain(" ^ ", "n{a=\"1\"}", MAX_NESTING - 2), vec![1.0]),
        (chain(" ^ ", "scalar(n{a=\"1\"})", MAX_NESTING - 2), vec![1.0]),
        (nested("-(", half), Vec::new()),
        (nested("(0 + ", half), all.clone()),
        (nested("abs(", MAX_NESTING - 4), all.clone()),
        (nested("sum(", 20), vec![3.0]),
        (mixed, Vec::new()),
    ]
}

async fn check(engine: &Engine) {
    for (query, expected) in deepest() {
        let shown = format!("{}… of {} bytes", query.chars().take(60).collect::<String>(), query.len());
        let answer = ask(engine, &query, (60_000, 120_000, 30_000)).await;
        let answer = answer.unwrap_or_else(|error| panic!("{shown}: {error}"));
        let values: Vec<f64> = floats(answer.data).iter().map(|(_, points)| points[0].1).collect();
        assert!(expected.is_empty() || values == expected, "{shown}: {values:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_as_deep_as_it_may_be_is_planned_and_run() {
    check(&engine().on_threads().unwrap()).await;
}

#[tokio::test]
async fn so_it_is_where_there_is_one_thread() {
    check(&engine().on_threads().unwrap()).await;
}

#[tokio::test]
async fn a_query_as_deep_as_it_may_be_is_explained() {
    let engine = engine();
    for (expr, _) in deepest() {
        let range = Ask::Range { expr: expr.as_str().into(), start: 0, end: 60_000, step: 30_000 };
        assert!(engine.explain(&range).await.unwrap().contains("physical plan"), "{expr}");
    }
}

#[tokio::test]
async fn too_many_aggregations_within_each_other_are_refused() {
    let error = ask(&engine(), &nested("sum(", 21), (0, 0, 0)).await.unwrap_err();
    assert_eq!(error.message(), "1:1: expected at most 20 aggregations within each other");
}
