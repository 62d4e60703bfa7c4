//! The scripts beside the repository, and those of our own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use weir_promql::script::{self, CommandKind, Report};
use weir_promql::syntax::ast::{Expr, ExprKind};
use weir_promql::syntax::functions::FUNCTIONS;

/// Every aggregation.
const AGGREGATIONS: [&str; 14] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
    "limitk",
    "limit_ratio",
];

/// Every operator between two operands.
const OPERATORS: [&str; 18] =
    ["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=", "and", "or", "unless", "</", ">/"];

/// The scripts in a directory.
fn scripts(directory: &Path) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "test"));
    files.sort();
    files
}

async fn run(files: &[PathBuf]) -> Report {
    let mut all = Report::default();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let report = crate::promqltest::run(&name, &std::fs::read_to_string(file).unwrap()).await;
        println!("{name}: {report}");
        all.merge(report);
    }
    all
}

#[tokio::test]
async fn promqltest_scripts_answer_as_prometheus_does() {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/promqltest"));
    let only = std::env::var("WEIR_SCRIPTS").unwrap_or_default();
    let mut files = scripts(directory);
    if files.is_empty() {
        println!("skipped: there are no scripts beside the repository");
        return;
    }
    files.retain(|file| file.to_string_lossy().contains(&only));
    let report = run(&files).await;
    println!("{report}");
    assert_ok(&report);
}

fn assert_ok(report: &Report) {
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(report.is_ok(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

/// The scripts of our own: what this engine promises, written down.
fn own() -> Vec<PathBuf> {
    scripts(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../integration/promql")))
}

#[tokio::test]
async fn our_own_scripts_answer_as_they_say() {
    let report = run(&own()).await;
    assert!(report.passed > 600, "{report}");
    assert_ok(&report);
}

/// Functions, aggregations and operators of an expression, as written.
fn names(expr: &Expr, found: &mut BTreeSet<&'static str>) {
    match &expr.kind {
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => names(inner, found),
        ExprKind::Subquery(subquery) => names(&subquery.expr, found),
        ExprKind::Binary(binary) => {
            found.insert(binary.op.as_str());
            names(&binary.lhs, found);
            names(&binary.rhs, found);
        }
        ExprKind::Call(call) => {
            found.insert(call.function.name);
            call.args.iter().for_each(|arg| names(arg, found));
        }
        ExprKind::Aggregate(aggregate) => {
            found.insert(aggregate.op.as_str());
            aggregate.param.iter().chain([&aggregate.expr]).for_each(|arg| names(arg, found));
        }
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Selector(_) | ExprKind::Matrix { .. } => {}
    }
}

#[test]
fn our_own_scripts_have_every_function_aggregation_and_operator() {
    let mut found = BTreeSet::new();
    for file in own() {
        for command in script::parse(&std::fs::read_to_string(file).unwrap()).unwrap() {
            if let CommandKind::Eval(eval) = command.kind {
                names(&eval.tree.unwrap(), &mut found);
            }
        }
    }
    let functions = FUNCTIONS.iter().map(|function| function.name);
    let missing: Vec<&str> =
        functions.chain(AGGREGATIONS).chain(OPERATORS).filter(|name| !found.contains(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
