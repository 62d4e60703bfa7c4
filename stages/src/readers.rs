//! `readers`: takes questions for samples from the query nodes of a cluster, and sends each down.
//!
//! ```yaml
//! source: { readers: { listen: 127.0.0.1:19491 } }
//! ```
//!
//! All settings: `readers: { listen: 127.0.0.1:19491, concurrency: 16, connections: 1024, timeout: 2m,
//! compression: zstd, tls_server_config: { … }, auth: { … } }`, the last two as in
//! [`tls`](crate::tls) and [`auth`](crate::http::auth).
//!
//! Shape: `POST /weir/v1/read` over HTTP/2, a question in the encoding of [`wire`](crate::node::wire) with its tenant; the
//! answer streams batches in the same encoding as fast as they are read, and says where it ends; its header `weir-since` says
//! since when the node has everything. Batches of 4 KiB or more are compressed for who says that it takes that (`weir-unpacks`).
//! Exemplars, what is known of metrics, and what recent series are made of, are asked for in
//! the same way; so is what there is of tenants, and that one be deleted, where the sink below allows that (`samples.admin`).
//! `GET /-/healthy`, `/-/ready` and `/metrics` answer on the same address.
//!
//! Errors: an error of the pipeline is sent back whole: with a status by its kind where nothing was sent before, as the last
//! message otherwise. Questions beyond `concurrency` wait for their turn, which counts towards `timeout`.
//!
//! Order: begins a pipeline. Whoever reaches it may read of any tenant: it belongs on a network of the cluster's own, or behind
//! `tls_server_config` with `client_ca_file`.

mod answer;
mod telemetry;

use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::Deserialize;
use weir_pipeline::units::{Address, Span, above_zero};
use weir_pipeline::{Context, Next, Read, Result, Source};

use crate::http::auth::Auth;
use crate::http::server::{Limits, listen, serve};
use crate::node::Compression;
use crate::tls::TlsServer;

/// Takes questions for samples from the query nodes of a cluster, and sends each down.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readers {
    /// Where to listen, host and port. No default.
    pub listen: Address,
    /// How many questions are answered at once. Default 16.
    #[serde(default = "default_concurrency")]
    pub concurrency: NonZeroUsize,
    /// How many connections are held at once; others wait to be accepted. Default 1024.
    #[serde(default = "default_connections")]
    pub connections: NonZeroUsize,
    /// How long an answer may take to its end, where the question does not ask for less. Default 2m.
    #[serde(default = "default_timeout", deserialize_with = "above_zero")]
    pub timeout: Span,
    /// How the batches of answers are compressed: `none`, or `zstd`, for nodes that take it. Default `zstd`.
    #[serde(default)]
    pub compression: Compression,
    /// TLS of the listener. Default none.
    #[serde(default)]
    pub tls_server_config: Option<TlsServer>,
    /// Who may ask, as in [`auth`](crate::http::auth). Default: everybody.
    #[serde(default)]
    pub auth: Option<Auth>,
}

fn default_concurrency() -> NonZeroUsize {
    const { NonZeroUsize::new(16).unwrap() }
}

fn default_connections() -> NonZeroUsize {
    const { NonZeroUsize::new(1024).unwrap() }
}

fn default_timeout() -> Span {
    Span::from_secs(120)
}

// === impl Readers ===

impl Source<Read> for Readers {
    const NAME: &'static str = "readers";
    const LISTENS: bool = true;

    async fn run(self, context: Context, next: Next<Read>) -> Result<()> {
        let (tls, auth) = (self.tls_server_config.as_ref(), self.auth.as_ref());
        let listener = listen(&self.listen, tls, auth, &context).await?;
        let shutdown = context.shutdown.clone();
        let limits = Limits::new(self.connections, self.timeout);
        serve(listener, Arc::new(answer::Answerer::new(self, &context, next)), limits, shutdown).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
