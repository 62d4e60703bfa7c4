//! The write path of Weir, in flow order. See `ARCHITECTURE.md`.

mod adapt;
pub mod buffer;
pub mod concurrency_limit;
mod dns;
pub mod exposition;
pub mod file;
pub mod filter;
mod glob;
pub mod http;
pub mod limit;
pub mod limits;
mod lines;
pub mod link;
pub mod load_shed;
mod memo;
pub mod node;
pub mod otlp;
mod outage;
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
pub mod route;
pub mod scrape;
mod settings_file;
pub mod shard;
pub mod stdout;
pub mod tap;
pub mod tee;
pub mod timeout;
pub mod tls;
mod way;

use weir_pipeline::{Read, Registry, Write};

/// Makes what is here known to pipeline files.
pub fn register(registry: &mut Registry) {
    adapt::register(registry);
    registry
        .source::<Write, link::Link>()
        .source::<Write, peers::Peers>()
        .source::<Write, receive::Receive>()
        .source::<Write, scrape::Scrape>()
        .source::<Read, readers::Readers>()
        .transform::<filter::Filter>()
        .transform::<relabel::Relabel>()
        .stage::<Write, limit::Limit>()
        .stage::<Write, queue::Queue>()
        .stage::<Write, tee::Tee>()
        .fanout::<Write, route::Route>()
        .fanout::<Write, shard::Shard>()
        .fanout::<Write, replicate::Replicate>()
        .sink::<Write, exposition::Exposition>()
        .sink::<Write, file::File>()
        .sink::<Write, link::Link>()
        .sink::<Write, peer::Peer>()
        .sink::<Write, remote_write::RemoteWrite>()
        .sink::<Write, stdout::Stdout>()
        .resource::<limits::Limits>()
        .resource::<link::Settings>()
        .resource::<ring::Ring>()
        .resource::<tap::Tap>();
}
