//! DataFusion sessions: one for each query.

use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;
use weir_pipeline::{Error, Result};

use super::error::to_error;
use crate::exec::context::QueryContext;
use crate::exec::steps::batch_rows;
use crate::functions;
use crate::plan::physical::PromqlPlanner;

/// Opens sessions. What they share is made once: DataFusion's rules, our functions.
#[derive(Debug)]
pub(super) struct Sessions {
    base: SessionState,
    partitions: usize,
}

/// The session of one query.
pub(super) struct Session {
    state: SessionState,
    query: Arc<QueryContext>,
    memory: u64,
}

// === impl Sessions ===

impl Sessions {
    pub(super) fn new(partitions: usize) -> Self {
        let base = SessionStateBuilder::new()
            .with_query_planner(Arc::new(PromqlPlanner))
            .with_scalar_functions(functions::scalar_functions().to_vec())
            .with_aggregate_functions(functions::aggregate_functions().to_vec())
            .build();
        Self { base, partitions }
    }

    /// A session for a query that evaluates `steps` steps in at most `memory` bytes.
    pub(super) fn open(&self, query: Arc<QueryContext>, memory: u64, steps: usize) -> Result<Session> {
        let limit = usize::try_from(memory).unwrap_or(usize::MAX);
        let runtime = RuntimeEnvBuilder::from_runtime_env(self.base.runtime_env())
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(limit)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc();
        let runtime: Arc<RuntimeEnv> = runtime.map_err(|error| to_error(&error, memory))?;
        // Step vectors are never torn apart or shuffled before a partial aggregation.
        let config = SessionConfig::new()
            .with_batch_size(batch_rows(steps))
            .with_target_partitions(self.partitions)
            .with_round_robin_repartition(false)
            .with_extension(query.clone());
        let state = SessionStateBuilder::new_from_existing(self.base.clone())
            .with_config(config)
            .with_runtime_env(runtime)
            .build();
        Ok(Session { state, query, memory })
    }
}

// === impl Session ===

impl Session {
    /// What the operators of the query share.
    pub(super) fn query(&self) -> &QueryContext {
        &self.query
    }

    /// The logical plan after DataFusion's rules.
    pub(super) fn optimize(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        self.state.optimize(plan).map_err(|error| self.error(error))
    }

    /// The physical plan of an optimized logical one.
    pub(super) async fn physical(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = self.state.query_planner().clone();
        planner.create_physical_plan(plan, &self.state).await.map_err(|error| self.error(error))
    }

    /// What plans run in.
    pub(super) fn task(&self) -> Arc<TaskContext> {
        self.state.task_ctx()
    }

    /// What an error of DataFusion is to the asker.
    pub(super) fn error(&self, error: DataFusionError) -> Error {
        to_error(&error, self.memory)
    }
}
