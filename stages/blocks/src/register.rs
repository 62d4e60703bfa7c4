//! What pipeline files can name of this crate.

use weir_pipeline::{Registry, Write};

use crate::blocks::Blocks;
use crate::store::Declaration;

/// Adds this crate's resources and sinks.
pub fn register(registry: &mut Registry) {
    registry.resource::<Declaration>();
    registry.sink::<Write, Blocks>();
}
