//! Stages in other languages. Apart from the others of the write path because it names Arrow. See `ARCHITECTURE.md`.

pub mod exec;

use weir_pipeline::{Registry, Write};

/// Makes what is here known to pipeline files.
pub fn register(registry: &mut Registry) {
    registry.stage::<Write, exec::Exec>();
}
