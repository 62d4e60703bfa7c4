#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::sync::Arc;

use weir_pipeline::{Answer, Ask, Data, LabelSet, Query, Result, Tenant};

use super::{Engine, Limits};
use crate::functions::quantile::almost_equal;
use memory::Memory;
use script::{Command, Eval};

mod aggregations;
mod errors;
mod fuzzed;
mod generated;
mod histograms;
mod labels;
mod limits;
mod matching;
mod memory;
mod naive;
mod operators;
mod plans;
mod promqltest;
mod script;
mod selectors;

/// Asks `engine` at one time (`step` 0) or over a range.
async fn ask(engine: &Engine, expr: &str, (start, end, step): (i64, i64, i64)) -> Result<Answer> {
    let expr: Arc<str> = expr.into();
    let ask = if step == 0 { Ask::Instant { expr, time: start } } else { Ask::Range { expr, start, end, step } };
    engine.query(query(ask)).await
}

fn query(ask: Ask) -> Query {
    Query { tenant: Tenant::default(), ask, limit: 0, timeout: None, lookback: None, partial: true }
}

fn engine(memory: Memory) -> Engine {
    Engine::with_partitions(Arc::new(memory), Limits::default(), 2)
}

/// What a `load` block holds.
fn loaded(load: &str) -> Memory {
    let mut memory = Memory::default();
    for command in script::parse(&format!("load {}\n", load.trim())) {
        if let Command::Load(load) = command {
            load.into_memory(&mut memory);
        }
    }
    memory
}

/// Loads and evaluates in the notation of promqltest: `load` is a `load` block without that word, `expect` what follows
/// an `eval` line.
async fn check(load: &str, query: &str, expect: &str) {
    let memory = loaded(load);
    for command in script::parse(&format!("eval {query}\n{}\n", expect.trim())) {
        if let Command::Eval(eval) = command {
            let answer = ask(&engine(memory.clone()), &eval.expr, (eval.start, eval.end, eval.step)).await;
            if let Some(wrong) = compare(&eval, &answer) {
                panic!("{}: {wrong}", eval.expr);
            }
        }
    }
}

/// What is wrong with an answer, if anything.
fn compare(eval: &Eval, answer: &Result<Answer>) -> Option<String> {
    let expect = &eval.expect;
    let answer = match (answer, &expect.fail) {
        (Err(error), Some(message)) => {
            let same = message.as_ref().is_none_or(|message| error.message() == message);
            return (!same).then(|| format!("failed with {error}"));
        }
        (Ok(answer), Some(_)) => return Some(format!("did not fail: {answer:?}")),
        (Err(error), None) => return Some(format!("failed with {error}")),
        (Ok(answer), None) => answer,
    };
    notes(eval, answer).or_else(|| data(eval, &answer.data))
}

fn notes(eval: &Eval, answer: &Answer) -> Option<String> {
    for (kind, message) in &eval.expect.notes {
        let (found, wanted) = match kind.as_str() {
            "warn" => (&answer.warnings, true),
            "info" => (&answer.infos, true),
            "no_warn" => (&answer.warnings, false),
            "no_info" => (&answer.infos, false),
            _ => continue,
        };
        let fits = found.iter().any(|text| message.as_ref().is_none_or(|message| text == message));
        if fits != wanted {
            return Some(format!("expected {kind} {message:?}, got {found:?}"));
        }
    }
    None
}

type Series = Vec<(LabelSet, Vec<(i64, f64)>)>;

fn data(eval: &Eval, data: &Data) -> Option<String> {
    let expect = &eval.expect;
    let wrong = || Some(format!("got {data:?}, expected {:?} {:?}", expect.scalar, expect.series));
    let points = |values: &[Option<f64>], from: i64, step: i64| -> Vec<(i64, f64)> {
        let points = values.iter().enumerate();
        points.filter_map(|(i, value)| Some((from + i as i64 * step, (*value)?))).collect()
    };
    let wanted = |from, step| -> Series {
        let series = expect.series.iter().map(|(labels, values)| (labels.clone(), points(values, from, step)));
        series.filter(|(_, points)| !points.is_empty()).collect()
    };
    let same = match data {
        Data::Scalar(_, value) => expect.scalar.is_some_and(|wanted| almost_equal(*value, wanted, 1e-6)),
        Data::String(_, text) => expect.string.as_ref() == Some(text),
        Data::Vector(series) => {
            let found = series.iter().map(|(l, t, v)| (l.clone(), vec![(*t, *v)])).collect();
            same_series(wanted(eval.start, 1), found)
        }
        Data::Matrix(series) => match expect.matrix {
            Some((from, step)) => same_series(wanted(from, step), series.clone()),
            None => same_series(wanted(eval.start, eval.step), series.clone()),
        },
        _ => false,
    };
    if same { None } else { wrong() }
}

fn same_series(mut wanted: Series, mut found: Series) -> bool {
    wanted.sort_by(|a, b| a.0.cmp(&b.0));
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let same = |(a, b): (&(i64, f64), &(i64, f64))| a.0 == b.0 && almost_equal(a.1, b.1, 1e-6);
    wanted.len() == found.len()
        && wanted.iter().zip(&found).all(|((a, p), (b, q))| a == b && p.len() == q.len() && p.iter().zip(q).all(same))
}
