//! Memory of SQL queries: that of a query, said in DataFusion's own words, so that its operators do what they can where
//! there is no more; and in ours to who asked.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use weir_pipeline::Error;

use super::super::error::innermost;
use super::super::pool::QueryPool;
use crate::sql::session::to_error;

/// The memory of one SQL query.
#[derive(Debug)]
pub(super) struct SqlPool {
    pool: Arc<QueryPool>,
    /// Why more was refused.
    refused: Mutex<Option<Error>>,
}

// === impl SqlPool ===

impl SqlPool {
    /// The memory of `pool`.
    pub(super) fn new(pool: QueryPool) -> Self {
        Self { pool: Arc::new(pool), refused: Mutex::default() }
    }

    /// What an error is to who asked: what found no memory is told of the limit.
    pub(super) fn error(&self, error: &DataFusionError) -> Error {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match (innermost(error), &*refused) {
            (Err(DataFusionError::ResourcesExhausted(_)), Some(refused)) => refused.clone(),
            _ => to_error(error),
        }
    }
}

impl fmt::Display for SqlPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl MemoryPool for SqlPool {
    fn name(&self) -> &str {
        self.pool.name()
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pool.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.pool.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.pool.try_grow(reservation, additional).map_err(|error| {
            let refused = to_error(&error);
            let text = refused.message().to_owned();
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(refused);
            DataFusionError::ResourcesExhausted(text)
        })
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.pool.memory_limit()
    }
}
