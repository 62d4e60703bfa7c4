//! DataFusion sessions: one for each query.

use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::ensure_coop::EnsureCooperative;
use datafusion::physical_optimizer::sanity_checker::SanityCheckPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;
use tokio::runtime::Handle;
use weir_pipeline::{Error, Result};

use super::error::to_error;
use super::stack::deep;
use super::unite::unite;
use crate::exec::context::QueryContext;
use crate::exec::steps::batch_rows;
use crate::plan::physical::PromqlPlanner;
use crate::plan::rewrite::{are_exact, rewrite};

/// The plans of a query.
pub(super) struct Plans {
    /// The rules of PromQL that changed it.
    pub(super) rules: Vec<&'static str>,
    /// After these.
    pub(super) logical: LogicalPlan,
    /// What runs.
    pub(super) physical: Arc<dyn ExecutionPlan>,
}

/// Opens sessions. What they share is made once: the rules, the functions, the caches.
#[derive(Debug)]
pub(super) struct Sessions {
    /// What plans are made in. Nothing of it is of one query.
    planning: Arc<SessionState>,
    config: SessionConfig,
    /// What queries run in, but for their memory.
    runtime: Result<RuntimeEnv>,
}

/// The session of one query.
pub(super) struct Session {
    planning: Arc<SessionState>,
    task: Arc<TaskContext>,
    query: Arc<QueryContext>,
    /// Whether plans are changed by exact rules only.
    exact: bool,
}

// === impl Sessions ===

impl Sessions {
    pub(super) fn new(partitions: usize) -> Self {
        // Step vectors are never torn apart or shuffled before a partial aggregation.
        let config = SessionConfig::new().with_target_partitions(partitions).with_round_robin_repartition(false);
        let config = config.with_batch_size(batch_rows(1));
        // Operators gather partitions where they want one (`exec/spec.rs`): DataFusion's rule for that walks all that is below each
        // of them.
        let state = SessionStateBuilder::new()
            .with_config(config.clone())
            .with_analyzer_rules(Vec::new())
            .with_optimizer_rules(Vec::new())
            .with_physical_optimizer_rules(vec![Arc::new(EnsureCooperative::new()), Arc::new(SanityCheckPlan::new())])
            .build();
        let no_disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
        let runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(no_disk).build();
        Self { planning: Arc::new(state), config, runtime: runtime.map_err(|error| to_error(&error)) }
    }

    /// A session for a query that evaluates `steps` steps in memory of `pool`; `exact` where plans are to be changed by exact rules
    /// only.
    ///
    /// # Errors
    /// The system.
    pub(super) fn open(
        &self,
        query: Arc<QueryContext>,
        pool: Arc<dyn MemoryPool>,
        steps: usize,
        exact: bool,
    ) -> Result<Arc<Session>> {
        let runtime = Arc::new(RuntimeEnv { memory_pool: pool, ..self.runtime.clone()? });
        let mut config = self.config.clone().with_extension(query.clone());
        // All other options are copied for it.
        if batch_rows(steps) != config.batch_size() {
            config = config.with_batch_size(batch_rows(steps));
        }
        let (scalar, higher, aggregate, window) = Default::default();
        let id = self.planning.session_id().to_owned();
        let task = TaskContext::new(None, id, config, scalar, higher, aggregate, window, runtime);
        Ok(Arc::new(Session { planning: self.planning.clone(), task: Arc::new(task), query, exact }))
    }
}

// === impl Session ===

impl Session {
    /// What the operators of the query share.
    pub(super) fn query(&self) -> &QueryContext {
        &self.query
    }

    /// The plans of a query.
    pub(super) async fn plan(self: &Arc<Self>, plan: LogicalPlan) -> Result<Plans> {
        let (session, runtime) = (self.clone(), Handle::current());
        deep(move || runtime.block_on(session.plan_here(plan)).map_err(|error| session.error(error))).await
    }

    /// The rows of a plan, about to come. Where the stack is deep already, no other thread plans it.
    pub(super) async fn start(self: &Arc<Self>, plan: LogicalPlan, is_deep: bool) -> Result<SendableRecordBatchStream> {
        if is_deep {
            return self.start_here(plan).await.map_err(|error| self.error(error));
        }
        let (session, runtime) = (self.clone(), Handle::current());
        // Operators start their tasks in the runtime that waits.
        deep(move || runtime.block_on(session.start_here(plan)).map_err(|error| session.error(error))).await
    }

    async fn start_here(&self, plan: LogicalPlan) -> Result<SendableRecordBatchStream, DataFusionError> {
        unite(&self.plan_here(plan).await?.physical, &self.task)
    }

    async fn plan_here(&self, plan: LogicalPlan) -> Result<Plans, DataFusionError> {
        let (logical, rules) = rewrite(plan, self.exact)?;
        if !are_exact(&rules) {
            self.query.narrow();
        }
        // DataFusion's rules for logical plans look for filters, joins and projections: a plan of PromQL has none that they could
        // better.
        let physical = PromqlPlanner.create_physical_plan(&logical, &*self.planning).await?;
        Ok(Plans { rules, logical, physical })
    }

    /// What the answer is collected in.
    pub(super) fn memory(&self, name: &str) -> MemoryReservation {
        MemoryConsumer::new(name).register(self.task.memory_pool())
    }

    /// What an error of DataFusion is to the asker.
    pub(super) fn error(&self, error: DataFusionError) -> Error {
        to_error(&error)
    }
}
