//! What pipeline files can name of this crate.

use weir_pipeline::{Read, Registry, Write};

use crate::blocks::Blocks;
use crate::bucket::Bucket;
use crate::samples::Samples;
use crate::store::Declaration;

/// Adds this crate's resources and sinks.
pub fn register(registry: &mut Registry) {
    registry.resource::<Declaration>().resource::<Bucket>();
    registry.sink::<Write, Blocks>().sink::<Read, Samples>();
}
