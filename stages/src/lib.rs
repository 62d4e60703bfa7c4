//! The write path of Weir, in flow order. See `ARCHITECTURE.md`.

mod adapt;
pub mod buffer;
pub mod concurrency_limit;
pub mod filter;
mod http;
pub mod load_shed;
mod memo;
pub mod node;
pub mod outbound;
pub mod peer;
pub mod peers;
pub mod queue;
mod random;
pub mod rate_limit;
pub mod readers;
pub mod receive;
pub mod relabel;
pub mod remote_write;
pub mod replicate;
pub mod retry;
pub mod ring;
pub mod scrape;
pub mod shard;
pub mod timeout;
pub mod tls;

use weir_pipeline::{Read, Registry, Write};

/// Makes what is here known to pipeline files.
pub fn register(registry: &mut Registry) {
    adapt::register(registry);
    registry
        .source::<Write, peers::Peers>()
        .source::<Write, receive::Receive>()
        .source::<Write, scrape::Scrape>()
        .source::<Read, readers::Readers>()
        .transform::<filter::Filter>()
        .transform::<relabel::Relabel>()
        .stage::<Write, queue::Queue>()
        .fanout::<Write, shard::Shard>()
        .fanout::<Write, replicate::Replicate>()
        .sink::<Write, peer::Peer>()
        .sink::<Write, remote_write::RemoteWrite>()
        .resource::<ring::Ring>();
}
