//! What tests of operators run them with.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use weir_pipeline::Tenant;

use super::Task;
use super::context::{Bounds, QueryContext};
use super::params::Params;
use crate::memory::Memory;

/// The context of a query of which nothing is in a store.
pub(crate) fn query(bounds: Bounds) -> Arc<QueryContext> {
    Arc::new(QueryContext::new(Arc::new(Memory::default()), Tenant::default(), false, bounds))
}

/// What an operator has that reserves in `pool`.
pub(crate) fn task(query: &Arc<QueryContext>, schema: SchemaRef, pool: &Arc<dyn MemoryPool>) -> Task {
    let memory = MemoryConsumer::new("test").register(pool);
    Task { query: query.clone(), memory, schema, params: Params::default() }
}
