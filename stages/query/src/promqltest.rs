//! Scripts of promqltest, asked of this engine.

use std::sync::Arc;

use async_trait::async_trait;
use weir_pipeline::{Answer, Ask, Query, Result, Tenant};
pub use weir_promql::script::Report;
use weir_promql::script::{self, StoredSeries, Subject};

use crate::engine::{Engine, Limits, Run};
use crate::memory::Memory;

/// An engine over the series that a script loads.
#[derive(Debug)]
pub struct Scripted {
    engine: Engine,
    limits: Limits,
}

/// Runs a script. `file` is how failures name it.
pub async fn run(file: &str, text: &str) -> Report {
    script::run(file, text, &mut Scripted::new(Limits::default())).await
}

// === impl Scripted ===

impl Scripted {
    /// An engine over nothing.
    pub fn new(limits: Limits) -> Self {
        Self { engine: Engine::with_partitions(Arc::new(Memory::default()), limits, 2), limits }
    }

    async fn ask(&self, ask: Ask) -> Result<Answer> {
        let tenant = Tenant::default();
        self.engine.query(Query::new(tenant, ask)).await
    }
}

/// The series as a source.
pub(crate) fn memory(series: &[StoredSeries]) -> Memory {
    let mut memory = Memory::default();
    for series in series {
        let starts = if series.floats.iter().any(|(_, start, _)| *start != 0) {
            series.floats.iter().map(|(_, start, _)| *start).collect()
        } else {
            Vec::new()
        };
        let run = Run {
            series: 0,
            timestamps: series.floats.iter().map(|(time, ..)| *time).collect(),
            values: series.floats.iter().map(|(.., value)| *value).collect(),
            starts,
            histograms: series.histograms.clone(),
        };
        memory.add(series.labels.clone(), run);
    }
    memory
}

#[async_trait]
impl Subject for Scripted {
    async fn load(&mut self, series: &[StoredSeries]) {
        self.engine = Engine::with_partitions(Arc::new(memory(series)), self.limits, 2);
    }

    async fn instant(&self, expr: &str, time: i64) -> Result<Answer> {
        self.ask(Ask::Instant { expr: expr.into(), time }).await
    }

    async fn range(&self, expr: &str, start: i64, end: i64, step: i64) -> Result<Answer> {
        self.ask(Ask::Range { expr: expr.into(), start, end, step }).await
    }
}
