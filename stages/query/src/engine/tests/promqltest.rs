//! The scripts beside the repository: every evaluation that is within the supported language, over floats.
//!
//! As Prometheus' runner does, an instant query runs again as a range query around its time, and again with `@` pinned to
//! its time, evaluated at other times.

use std::path::Path;

use weir_pipeline::{Answer, Data, Result};

use super::script::{self, Command, Eval};
use super::{Memory, ask, compare, engine};
use crate::engine::Engine;
use crate::syntax::ast::{At, Expr, ExprKind, Selector};

/// How many evaluations are known to pass: fewer is a regression.
const FLOOR: usize = 242;

/// Functions whose value depends on the time of evaluation, so that pinning selectors does not fix it.
const UNPINNABLE: [&str; 2] = ["time(", "timestamp("];

/// Scripts with queries that the parser does not take yet, how many, and why.
const UNPARSED: [(&str, usize, &str); 2] = [
    ("duration_expression.test", 2, "`STEP()`, since function names in durations are written in any case"),
    ("info.test", 4, "the selector of `info` may be one that every series matches"),
];

/// What became of the evaluations of a script.
#[derive(Default)]
struct Tally {
    passed: usize,
    again: usize,
    unsupported: usize,
    foreign: usize,
    unparsed: Vec<String>,
    failed: Vec<String>,
}

async fn run(name: &str, text: &str, tally: &mut Tally) {
    let (mut memory, mut foreign) = (Memory::default(), false);
    for command in script::parse(text) {
        match command {
            Command::Clear => (memory, foreign) = (Memory::default(), false),
            Command::Load(load) => {
                foreign |= load.foreign;
                load.into_memory(&mut memory);
            }
            Command::Eval(eval) if foreign || eval.expect.foreign => tally.foreign += usize::from(eval.line > 0),
            Command::Eval(eval) => one(name, &memory, &eval, tally).await,
        }
    }
}

async fn one(name: &str, memory: &Memory, eval: &Eval, tally: &mut Tally) {
    let engine = engine(memory.clone());
    let answer = ask(&engine, &eval.expr, (eval.start, eval.end, eval.step)).await;
    if matches!(&answer, Err(error) if error.message().ends_with("is not supported yet")) {
        tally.unsupported += 1;
        return;
    }
    if eval.expect.fail.is_none() && matches!(&answer, Err(error) if error.message().contains(": parse error: ")) {
        tally.unparsed.push(name.to_owned());
        return;
    }
    if let Some(wrong) = compare(eval, &answer) {
        tally.failed.push(format!("{name}:{}: {}: {wrong}", eval.line, eval.expr));
        return;
    }
    tally.passed += 1;
    if eval.step == 0 && eval.expect.fail.is_none() && eval.expect.matrix.is_none() && eval.expect.string.is_none() {
        let wrong = again(&engine, eval, tally).await;
        tally.failed.extend(wrong.map(|wrong| format!("{name}:{}: {wrong}", eval.line)));
    }
}

/// Runs an instant query in other ways that must answer the same.
async fn again(engine: &Engine, eval: &Eval, tally: &mut Tally) -> Option<String> {
    let mut eval = eval.clone();
    eval.expect.notes.clear();
    if !eval.expr.contains("start(") && !eval.expr.contains("end(") {
        tally.again += 1;
        let wrong = as_range(engine, &eval.expr, &eval, eval.start).await;
        if wrong.is_some() {
            return wrong;
        }
    }
    if UNPINNABLE.iter().any(|function| eval.expr.contains(function)) {
        return None;
    }
    let mut expr = crate::syntax::parse(&eval.expr).unwrap();
    pin(&mut expr, eval.start);
    let pinned = expr.to_string();
    let t = eval.start;
    let times = if t == 0 { vec![-1000, 0, 1000] } else { vec![-10 * t, 0, t / 5, t, 10 * t] };
    for time in times {
        tally.again += 1;
        let answer = ask(engine, &pinned, (time, time, 0)).await;
        let at = Eval { start: time, ..eval.clone() };
        if let Some(wrong) = compare(&at, &answer) {
            return Some(format!("{pinned} at {time}: {wrong}"));
        }
        let wrong = as_range(engine, &pinned, &eval, time).await;
        if wrong.is_some() {
            return wrong;
        }
    }
    None
}

/// Runs as a range query of three steps; the one in the middle must answer as the instant query.
async fn as_range(engine: &Engine, expr: &str, eval: &Eval, time: i64) -> Option<String> {
    let answer = ask(engine, expr, (time - 60_000, time + 60_000, 60_000)).await;
    let answer: Result<Answer> = answer.map(|answer| {
        let Data::Matrix(series) = answer.data else { panic!("a range query answers a matrix") };
        assert!(series.is_sorted_by(|a, b| a.0 < b.0), "a matrix is sorted by labels");
        let value = |points: &[(i64, f64)]| points.iter().find(|(t, _)| *t == time).map(|(_, v)| *v);
        if eval.expect.scalar.is_some() {
            return Data::Scalar(time, value(&series[0].1).unwrap()).into();
        }
        let at = series.iter().filter_map(|(labels, points)| Some((labels.clone(), time, value(points)?)));
        Data::Vector(at.collect()).into()
    });
    let at = Eval { start: time, ..eval.clone() };
    compare(&at, &answer).map(|wrong| format!("{expr} around {time}: {wrong}"))
}

fn pin(expr: &mut Expr, time: i64) {
    let selector = |selector: &mut Selector| selector.shift.at = selector.shift.at.or(Some(At::Time(time)));
    match &mut expr.kind {
        ExprKind::Selector(own) | ExprKind::Matrix { selector: own, .. } => selector(own),
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => pin(inner, time),
        ExprKind::Binary(binary) => {
            pin(&mut binary.lhs, time);
            pin(&mut binary.rhs, time);
        }
        ExprKind::Aggregate(aggregate) => pin(&mut aggregate.expr, time),
        ExprKind::Call(call) => call.args.iter_mut().for_each(|arg| pin(arg, time)),
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Subquery(_) => {}
    }
}

#[tokio::test]
async fn promqltest_scripts_answer_as_prometheus_does() {
    let mut beside = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|path| path.join("shared/promqltest"));
    let Some(files) = beside.find_map(|path| std::fs::read_dir(path).ok()) else {
        println!("skipped: there are no scripts beside the repository");
        return;
    };
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut tally = Tally::default();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "test")) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        run(&name, &std::fs::read_to_string(file).unwrap(), &mut tally).await;
    }
    let Tally { passed, again, unsupported, foreign, unparsed, failed } = tally;
    println!("passed {passed}, in other ways {again}, unsupported {unsupported}, with histograms {foreign}");
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
    for name in &unparsed {
        let most = UNPARSED.iter().find(|(file, ..)| file == name).map_or(0, |(_, most, _)| *most);
        assert!(unparsed.iter().filter(|other| *other == name).count() <= most, "{name}: {unparsed:?}");
    }
    assert!(passed >= FLOOR, "{passed} passed, expected {FLOOR}");
}
