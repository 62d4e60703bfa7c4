//! Sessions of SQL queries.
//!
//! Shape: a query has a session of its own: the tables of its tenant that it names, the functions of SQL and of PromQL,
//! its memory. Reading and planning go deep: whoever calls [`Sessions::read`] and [`Session::start`] has a deep stack,
//! and is no task of a runtime.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, TableFunction,
};
use datafusion::common::{DataFusionError, Result, internal_datafusion_err};
use datafusion::config::Dialect;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, SessionStateDefaults};
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionConfig;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use weir_pipeline::Error;

use super::catalog::{Metrics, SCHEMA};
use super::functions;
use super::promql::{self, Asked, Promql};
use super::statement::{self, MAX_BYTES, Statement};
use crate::exec::context::{QueryContext, to_datafusion};

/// The catalog that has the schema of metrics.
pub(crate) const CATALOG: &str = "weir";

/// Functions that make large values of small ones, of which no memory pool knows.
const LARGE: [&str; 6] = ["array_repeat", "array_resize", "lpad", "range", "repeat", "rpad"];

/// Opens sessions. What they share is made once.
pub(crate) struct Sessions {
    base: OnceLock<SessionState>,
    partitions: usize,
}

/// The session of one query.
pub(crate) struct Session {
    state: SessionState,
    promql: Promql,
}

/// What planning came to.
pub(crate) enum Started {
    /// The rows, about to come.
    Rows(SendableRecordBatchStream),
    /// First these are to be answered.
    Wants(Vec<Asked>),
}

// === impl Sessions ===

impl Sessions {
    /// Sessions whose plans have so many partitions.
    pub(crate) fn new(partitions: usize) -> Self {
        Self { base: OnceLock::new(), partitions }
    }

    /// Reads a statement.
    ///
    /// # Errors
    /// It is no SQL, does not only read, or is too large.
    pub(crate) fn read(&self, text: &str) -> Result<Statement> {
        if text.len() > MAX_BYTES {
            return Err(to_datafusion(Error::invalid(format!("expected an SQL text of at most {MAX_BYTES} bytes"))));
        }
        let base = self.base();
        let parsed = base.sql_to_statement(text, &Dialect::Generic)?;
        statement::check(&parsed)?;
        let references = base.resolve_table_references(&parsed)?;
        Ok(Statement::new(parsed, references))
    }

    /// A session for a query over these tables, in memory of `pool`.
    ///
    /// # Errors
    /// None is known.
    pub(crate) fn open(
        &self,
        query: Arc<QueryContext>,
        pool: Arc<dyn MemoryPool>,
        metrics: Metrics,
    ) -> Result<Session> {
        let base = self.base();
        let runtime = RuntimeEnvBuilder::from_runtime_env(base.runtime_env())
            .with_memory_pool(pool)
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()?;
        let config = base.config().clone().with_extension(query);
        // All planning of a query has the same time for now.
        let mut properties = ExecutionProps::new();
        properties.mark_start_execution(config.options().clone());
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(metrics))?;
        let catalogs = MemoryCatalogProviderList::new();
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let promql = Promql::default();
        let function = TableFunction::new(promql::NAME.to_owned(), Arc::new(promql.clone()));
        let mut tables = SessionStateDefaults::default_table_functions();
        tables.push(Arc::new(function));
        let state = SessionStateBuilder::new_from_existing(base.clone())
            .with_config(config)
            .with_execution_props(properties)
            .with_runtime_env(runtime)
            .with_catalog_list(Arc::new(catalogs))
            .with_table_function_list(tables)
            .build();
        Ok(Session { state, promql })
    }

    fn base(&self) -> &SessionState {
        self.base.get_or_init(|| {
            let mut config = SessionConfig::new()
                .with_target_partitions(self.partitions)
                .with_information_schema(true)
                .with_default_catalog_and_schema(CATALOG, SCHEMA)
                .with_create_default_catalog_and_schema(false);
            config.options_mut().execution.time_zone = Some("UTC".to_owned());
            let (mut scalars, taken) = builtin_scalars();
            scalars.extend(functions::scalars(&taken));
            let mut aggregates = SessionStateDefaults::default_aggregate_functions();
            aggregates.extend(functions::aggregates());
            SessionStateBuilder::new()
                .with_config(config)
                .with_expr_planners(SessionStateDefaults::default_expr_planners())
                .with_scalar_functions(scalars)
                .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
                .with_aggregate_functions(aggregates)
                .with_window_functions(SessionStateDefaults::default_window_functions())
                .build()
        })
    }
}

/// The scalar functions of SQL, and their names.
pub(super) fn builtin_scalars() -> (Vec<Arc<ScalarUDF>>, HashSet<String>) {
    let mut scalars = SessionStateDefaults::default_scalar_functions();
    scalars.retain(|function| !LARGE.contains(&function.name()));
    let names = scalars.iter().flat_map(names).collect();
    (scalars, names)
}

/// All names of a function.
fn names(function: &Arc<ScalarUDF>) -> Vec<String> {
    std::iter::once(function.name().to_owned()).chain(function.aliases().iter().cloned()).collect()
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

// === impl Session ===

impl Session {
    /// The rows of a statement; or what it wants to be answered first.
    ///
    /// # Errors
    /// It can't be planned: what it names is not there, or is of another type.
    pub(crate) fn start(&self, statement: &Statement, runtime: &Handle) -> Result<Started> {
        // What planning looks up is there already: it waits for nothing.
        let planned = self.state.statement_to_plan(statement.parsed.clone()).now_or_never();
        let wanted = self.promql.wanted()?;
        if !wanted.is_empty() {
            return Ok(Started::Wants(wanted));
        }
        let plan = planned.ok_or_else(|| internal_datafusion_err!("planning waited"))??;
        let reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        reads.verify_plan(&plan)?;
        let physical = runtime.block_on(self.state.create_physical_plan(&plan))?;
        // Operators start their tasks in the runtime that waits.
        let _entered = runtime.enter();
        execute_stream(physical, self.state.task_ctx()).map(Started::Rows)
    }

    /// Takes in what planning wanted.
    ///
    /// # Errors
    /// It is a text, or takes more memory than the query may.
    pub(crate) fn answered(&self, asked: Asked, data: weir_pipeline::Data) -> Result<()> {
        self.promql.answered(asked, data, self.memory("promql"))
    }

    /// Memory of the query.
    pub(crate) fn memory(&self, name: &str) -> MemoryReservation {
        MemoryConsumer::new(name).register(&self.state.runtime_env().memory_pool)
    }
}

/// What an error of DataFusion is to who asked an SQL query.
pub(crate) fn to_error(error: &DataFusionError) -> Error {
    let other = match crate::engine::innermost(error) {
        Ok(error) => return error,
        Err(other) => other,
    };
    match other {
        DataFusionError::SQL(..) | DataFusionError::Plan(_) | DataFusionError::SchemaError(..) => {
            Error::invalid(other.strip_backtrace())
        }
        DataFusionError::NotImplemented(_)
        | DataFusionError::Execution(_)
        | DataFusionError::ArrowError(..)
        | DataFusionError::ResourcesExhausted(_) => Error::unprocessable(other.strip_backtrace()),
        other => Error::internal(format!("the query failed: {}", other.strip_backtrace())),
    }
}

#[cfg(test)]
mod tests;
