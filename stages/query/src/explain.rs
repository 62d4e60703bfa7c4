//! How a query runs, shown without any data.

use std::sync::Arc;

use async_trait::async_trait;
use weir_pipeline::{Ask, Result};

use crate::engine::{Engine, Limits, MetricsSource, Selected, Wanted};

/// A source that is planned over and never read.
#[derive(Debug)]
struct Planned;

/// The DataFusion plan of a PromQL query over one hour in steps of a minute.
///
/// # Errors
/// The text is not PromQL, or is not supported yet.
pub async fn explain(promql: &str) -> Result<String> {
    let engine = Engine::new(Arc::new(Planned), Limits::default());
    let hour = 3_600_000;
    engine.explain(&Ask::Range { expr: promql.into(), start: 0, end: hour, step: hour / 60 }).await
}

// === impl Planned ===

#[async_trait]
impl MetricsSource for Planned {
    async fn select(&self, _: Wanted<'_>) -> Result<Arc<dyn Selected>> {
        Err(weir_pipeline::Error::internal("a plan that is only shown was run"))
    }
}
