#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::sync::Arc;

use weir_pipeline::{Answer, Ask, Data, LabelSet, Query, Result, Tenant};

use super::{Engine, Limits};
use crate::functions::quantile::almost_equal;
use crate::memory::Memory;
use crate::promqltest::memory;
use weir_promql::script::{self, CommandKind, Storage};

mod aggregations;
mod deep;
mod errors;
mod exemplars;
mod functions;
mod fuzzed;
mod generated;
mod histograms;
mod infos;
mod labels;
mod limits;
mod matching;
mod naive;
mod operators;
mod plans;
mod promqltest;
mod relabelled;
mod replicas;
mod scale;
mod selectors;
mod stats;

/// Asks `engine` at one time (`step` 0) or over a range.
async fn ask(engine: &Engine, expr: &str, (start, end, step): (i64, i64, i64)) -> Result<Answer> {
    let expr: Arc<str> = expr.into();
    let ask = if step == 0 { Ask::Instant { expr, time: start } } else { Ask::Range { expr, start, end, step } };
    engine.query(query(ask)).await
}

fn query(ask: Ask) -> Query {
    Query::new(Tenant::default(), ask)
}

fn engine(memory: Memory) -> Engine {
    Engine::with_partitions(Arc::new(memory), Limits::default(), 2)
}

/// What a `load` block holds.
fn loaded(load: &str) -> Memory {
    let mut storage = Storage::default();
    for command in script::parse(&format!("load {}\n", load.trim())).unwrap() {
        if let CommandKind::Load(load) = command.kind {
            storage.load(&load).unwrap();
        }
    }
    memory(storage.series())
}

/// Loads and evaluates in the notation of promqltest: `load` is a `load` block without that word, `expect` what follows
/// an `eval` line.
async fn check(load: &str, query: &str, expect: &str) {
    let text = format!("load {}\n\neval {query}\n{}\n", load.trim(), expect.trim());
    let report = crate::promqltest::run("check", &text).await;
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(report.passed, 1, "{text}");
}

type Series = Vec<(LabelSet, Vec<(i64, f64)>)>;

/// The floats of a matrix.
fn floats(data: Data) -> Series {
    let Data::Matrix(series) = data else { panic!("expected a matrix, got {data:?}") };
    series.into_iter().map(|(labels, points)| (labels, points.floats)).collect()
}

fn same_series(mut wanted: Series, mut found: Series) -> bool {
    wanted.sort_by(|a, b| a.0.cmp(&b.0));
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let same = |(a, b): (&(i64, f64), &(i64, f64))| a.0 == b.0 && almost_equal(a.1, b.1, 1e-6);
    wanted.len() == found.len()
        && wanted.iter().zip(&found).all(|((a, p), (b, q))| a == b && p.len() == q.len() && p.iter().zip(q).all(same))
}
