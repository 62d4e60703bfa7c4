//! The write path of Weir, in flow order. See `ARCHITECTURE.md`.

mod adapt;
pub mod buffer;
pub mod concurrency_limit;
pub mod filter;
pub mod load_shed;
mod memo;
pub mod node;
pub mod rate_limit;
pub mod receive;
pub mod relabel;
pub mod remote_write;
pub mod retry;
pub mod scrape;
pub mod timeout;

use weir_pipeline::{Registry, Write};

/// Makes what is here known to pipeline files.
pub fn register(registry: &mut Registry) {
    adapt::register(registry);
    registry
        .source::<Write, receive::Receive>()
        .source::<Write, scrape::Scrape>()
        .transform::<filter::Filter>()
        .transform::<relabel::Relabel>();
}
