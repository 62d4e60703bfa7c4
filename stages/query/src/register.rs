//! What pipeline files can name of this crate.

use weir_pipeline::{Read, Registry};

use crate::promql::Promql;

/// Adds this crate's sinks.
pub fn register(registry: &mut Registry) {
    registry.sink::<Read, Promql>();
}
