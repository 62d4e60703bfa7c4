//! Tests of SQL, and what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod differential;
mod docs;
mod promql;
mod windows;

use std::sync::Arc;

use futures_util::TryStreamExt;
use weir_pipeline::{Ask, Data, Query, Result, RowForm, Tenant};
use weir_promql::script::{self, CommandKind, Storage};

use crate::engine::{Engine, Limits};
use crate::memory::Memory;

/// What a `load` block holds.
pub(crate) fn loaded(load: &str) -> Memory {
    let mut storage = Storage::default();
    for command in script::parse(&format!("load {}\n", load.trim())).unwrap() {
        if let CommandKind::Load(load) = command.kind {
            storage.load(&load).unwrap();
        }
    }
    crate::promqltest::memory(storage.series())
}

pub(crate) fn engine(memory: Memory) -> Engine {
    Engine::with_partitions(Arc::new(memory), Limits::default(), 2)
}

/// An answer, as one text.
pub(crate) async fn written(engine: &Engine, text: &str, form: RowForm) -> Result<String> {
    let ask = Ask::Sql { text: text.into(), form };
    let answer = engine.query(Query::new(Tenant::default(), ask)).await?;
    let Data::Rows(rows) = answer.data else { panic!("expected rows, got {answer:?}") };
    let pieces: Vec<_> = rows.take().unwrap().try_collect().await?;
    Ok(String::from_utf8(pieces.concat()).unwrap())
}

/// The rows of an answer as CSV, without the line of names.
pub(crate) async fn rows(engine: &Engine, text: &str) -> Vec<String> {
    let csv = written(engine, text, RowForm::Csv).await.unwrap_or_else(|error| panic!("{text}: {error:?}"));
    csv.lines().skip(1).map(str::to_owned).collect()
}

/// Asks over a `load` block, and compares the rows as CSV.
pub(crate) async fn check(load: &str, text: &str, expected: &[&str]) {
    let found = rows(&engine(loaded(load)), text).await;
    assert_eq!(found, expected, "{text}");
}

/// Asks over a `load` block what can't be answered.
pub(crate) async fn check_error(load: &str, text: &str, expected: &str) {
    let found = written(&engine(loaded(load)), text, RowForm::Csv).await;
    let error = found.expect_err(text);
    assert!(error.message().contains(expected), "{text}: {:?} {}", error.kind(), error.message());
}

/// The only number of the only row.
pub(crate) async fn number(engine: &Engine, text: &str) -> Option<f64> {
    let rows = rows(engine, text).await;
    let [row] = rows.as_slice() else { panic!("{text}: expected one row, got {rows:?}") };
    (!row.is_empty()).then(|| row.parse().unwrap())
}
