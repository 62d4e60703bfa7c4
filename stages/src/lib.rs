//! The write path of Weir, in flow order. See `ARCHITECTURE.md`.

pub mod filter;
mod memo;
pub mod receive;
pub mod relabel;
pub mod remote_write;

use weir_pipeline::{Registry, Write};

/// Makes what is here known to pipeline files.
pub fn register(registry: &mut Registry) {
    registry.source::<Write, receive::Receive>().transform::<filter::Filter>().transform::<relabel::Relabel>();
}
