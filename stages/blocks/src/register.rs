//! What pipeline files can name of this crate.

use weir_pipeline::{Registry, Write};

use crate::blocks::Blocks;
use crate::bucket::Bucket;
use crate::store::Declaration;

/// Adds this crate's resources and sinks.
pub fn register(registry: &mut Registry) {
    registry.resource::<Declaration>().resource::<Bucket>();
    registry.sink::<Write, Blocks>();
}
