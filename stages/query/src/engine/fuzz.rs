//! Any text is answered or refused, and is no fault of the program.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt;
use weir_pipeline::{Answer, Ask, Data, Error, Kind, Query, RowForm, Tenant};

use super::{Engine, Limits, Run};
use crate::memory::Memory;

/// Evaluates `data` as a query over no series, at one time and over a range.
///
/// # Panics
/// Where the error says that the program is at fault, or nothing can run.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    let engine = Engine::without_series();
    let asks = [
        Ask::Instant { expr: text.into(), time: 1000 },
        Ask::Range { expr: text.into(), start: 1000, end: 100_000, step: 7000 },
    ];
    for ask in asks {
        let query = Query::new(Tenant::default(), ask);
        let fault = runtime.block_on(engine.query(query)).err().filter(|error| error.kind() == Kind::Internal);
        assert!(fault.is_none(), "{text:?}: {fault:?}");
    }
}

/// Asks `data` in SQL, over two series.
///
/// # Panics
/// Where the error says that the program is at fault, or nothing can run.
pub fn fuzz_sql(data: &[u8]) {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let Ok(text) = std::str::from_utf8(data) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    let engine = ENGINE.get_or_init(|| {
        let mut memory = Memory::default();
        for job in ["a", "b"] {
            let labels = [("__name__", "m"), ("job", job), ("time", "x")].into_iter().collect();
            memory.add(labels, Run { timestamps: vec![0, 60_000], values: vec![1.0, 2.5], ..Run::default() });
        }
        let limits = Limits { memory: 16 << 20, timeout: Duration::from_secs(2), ..Limits::default() };
        Engine::with_partitions(Arc::new(memory), limits, 2)
    });
    let query = Query::new(Tenant::default(), Ask::Sql { text: text.into(), form: RowForm::Json });
    let error = runtime.block_on(async {
        match engine.query(query).await {
            Err(error) => Some(error),
            Ok(answer) => last_error(&answer).await,
        }
    });
    let fault = error.filter(|error| error.kind() == Kind::Internal);
    assert!(fault.is_none(), "{text:?}: {fault:?}");
}

/// What ended the rows of an answer, where that is an error.
async fn last_error(answer: &Answer) -> Option<Error> {
    let Data::Rows(rows) = &answer.data else { return None };
    let mut pieces = rows.take()?;
    while let Some(piece) = pieces.next().await {
        if let Err(error) = piece {
            return Some(error);
        }
    }
    None
}
