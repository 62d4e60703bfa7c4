//! `peers`: takes batches from the other nodes of a cluster, and sends each down.
//!
//! ```yaml
//! source: { peers: { listen: 127.0.0.1:19391 } }
//! ```
//!
//! All settings: `peers: { listen: 127.0.0.1:19391, max_body: 64MiB, max_batch: 128MiB, in_flight: 256MiB, concurrency: 64,
//! connections: 1024, timeout: 30s, version: 2, tls_server_config: { … }, auth: { … }, hints: { path: ./data/hints, bytes: 1GiB,
//! max_age: 2h, peer: { … } } }`, `tls_server_config` and `auth` as in [`tls`](crate::tls) and [`auth`](crate::http::auth), `peer`
//! as the settings of the sink [`peer`](crate::peer).
//!
//! Shape: `POST /weir/v1/write` over HTTP/2, a batch in the columnar encoding of [`wire`](crate::node::wire) with its
//! tenant, which may be compressed with zstd (each answer says so by the header `weir-unpacks`); the answer waits for the ack,
//! and carries it. With `hints` the node also keeps what is meant for another member that
//! can't be reached (`hand_off` of `replicate`): in a queue on disk for each, as [`queue`](crate::queue) has it, fsynced before the
//! answer, and sent on until that one takes it. `GET /-/healthy`, `/-/ready` and `/metrics` answer on the same address.
//!
//! Errors: an error of the pipeline is sent back whole, with a status by its kind. A body that is too large, or no batch,
//! is invalid; where memory for it is in use, the node is unavailable, and so it is for a batch of a later version than `version`.
//!
//! Versions: each answer says by the header `weir-takes` which batches the node takes. With `version: 1` it takes no native
//! histograms, and passes over exemplars, as nodes of before did that knew neither.
//!
//! Order: begins a pipeline. Whoever reaches it may write for any tenant: it belongs on a network of the cluster's own, or behind
//! `tls_server_config` with `client_ca_file`.

mod hints;
mod take;
mod telemetry;

use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use weir_pipeline::units::{Address, Bytes, Span, above_zero};
use weir_pipeline::{Context, Next, Result, Source, Write};

use crate::http::auth::Auth;
use crate::http::server::{Limits, listen, serve};
use crate::node::{LATEST, OLDEST};
use crate::tls::TlsServer;
pub use hints::Hints;

/// Takes batches from the other nodes of a cluster, and sends each down.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// Where to listen, host and port. No default.
    pub listen: Address,
    /// The largest message, as it comes and once it is decompressed. Default 64MiB.
    #[serde(default = "default_body", deserialize_with = "above_zero")]
    pub max_body: Bytes,
    /// The most memory that one batch may take. Default 128MiB.
    #[serde(default = "default_batch", deserialize_with = "above_zero")]
    pub max_batch: Bytes,
    /// Memory for all batches being worked on, from their first byte to their ack. Beyond it the node is unavailable. A
    /// batch that is alone is always taken. Default 256MiB.
    #[serde(default = "default_in_flight")]
    pub in_flight: Bytes,
    /// How many batches are worked on at once; others wait, up to `timeout`. Default 64.
    #[serde(default = "default_concurrency")]
    pub concurrency: NonZeroUsize,
    /// How many connections are held at once; others wait to be accepted. Default 1024.
    #[serde(default = "default_connections")]
    pub connections: NonZeroUsize,
    /// How long a batch may take from its first byte to its ack. Default 30s.
    #[serde(default = "default_timeout", deserialize_with = "above_zero")]
    pub timeout: Span,
    /// The latest version of batches that it takes. Version 1 has no native histograms: as long as a node takes no others, an older
    /// program can go on with its store. Default 2.
    #[serde(default = "default_version", deserialize_with = "known_version")]
    pub version: u8,
    /// TLS of the listener. Default none.
    #[serde(default)]
    pub tls_server_config: Option<TlsServer>,
    /// Who may ask, as in [`auth`](crate::http::auth). Default: everybody.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// What it keeps for other members until they are back. Default: nothing.
    #[serde(default)]
    pub hints: Option<Hints>,
}

fn default_body() -> Bytes {
    Bytes::mib(64)
}

fn default_batch() -> Bytes {
    Bytes::mib(128)
}

fn default_in_flight() -> Bytes {
    Bytes::mib(256)
}

fn default_concurrency() -> NonZeroUsize {
    const { NonZeroUsize::new(64).unwrap() }
}

fn default_connections() -> NonZeroUsize {
    const { NonZeroUsize::new(1024).unwrap() }
}

fn default_timeout() -> Span {
    Span::from_secs(30)
}

fn default_version() -> u8 {
    LATEST
}

fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let version = u8::deserialize(deserializer)?;
    if (OLDEST..=LATEST).contains(&version) {
        return Ok(version);
    }
    Err(D::Error::custom(format!("expected a version from {OLDEST} to {LATEST}, got `{version}`")))
}

// === impl Peers ===

impl Source<Write> for Peers {
    const NAME: &'static str = "peers";
    const LISTENS: bool = true;

    async fn run(self, context: Context, next: Next<Write>) -> Result<()> {
        let (tls, auth) = (self.tls_server_config.as_ref(), self.auth.as_ref());
        let listener = listen(&self.listen, tls, auth, &context).await?;
        let shutdown = context.shutdown.clone();
        let limits = Limits::new(self.connections, self.timeout);
        let holder = self.hints.clone().map(|hints| hints::Holder::open(hints, &context)).transpose()?;
        serve(listener, Arc::new(take::Taker::new(self, holder, &context, next)), limits, shutdown).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
