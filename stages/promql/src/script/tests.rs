//! Tests of scripts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod comparing;
mod files;
mod laws;
mod loading;
mod reading;
mod running;

use super::*;

/// The one evaluation of a script.
fn eval(text: &str) -> Eval {
    match parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).pop().map(|command| command.kind) {
        Some(CommandKind::Eval(eval)) => *eval,
        other => panic!("{text}: {other:?}"),
    }
}

/// What a script loads.
fn stored(text: &str) -> Vec<StoredSeries> {
    let mut storage = Storage::default();
    for command in parse(text).unwrap_or_else(|error| panic!("{text}: {error}")) {
        match command.kind {
            CommandKind::Clear => storage.clear(),
            CommandKind::Load(load) => storage.load(&load).unwrap(),
            CommandKind::Eval(_) => {}
        }
    }
    storage.series().to_vec()
}

/// What a series' histograms say of resets.
fn hints_of(series: &StoredSeries) -> Vec<weir_pipeline::histogram::ResetHint> {
    series.histograms.iter().map(|point| point.histogram.reset).collect()
}
