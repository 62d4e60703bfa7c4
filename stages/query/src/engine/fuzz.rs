//! Any text is answered or refused, and is no fault of the program.

use weir_pipeline::{Ask, Kind, Query, Tenant};

use super::Engine;

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
