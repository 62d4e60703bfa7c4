//! `api`: Prometheus' HTTP API, which sends each question down the read path.
//!
//! ```yaml
//! api: { listen: 127.0.0.1:9090 }
//! ```
//!
//! Shape: under `/api/v1`: `query`, `query_range`, `query_exemplars`, `format_query`, `parse_query`, `sql`,
//! `series`, `labels` (GET, and POST with a form), `label/<name>/values` and `status/buildinfo` (GET). Beside it:
//! `/metrics` (OpenMetrics text of the program itself), `/-/healthy`,
//! `/-/ready`, and a page at `/` that says what is where. The tenant is named by `X-Scope-OrgID` or `THANOS-TENANT`. A
//! client that goes away cancels what it asked.
//!
//! Parameters: those of Prometheus, `stats=true|all` among them, and of Thanos `partial_response`. What else Thanos has
//! (`dedup`, `replicaLabels[]`, `max_source_resolution`, `storeMatch[]`, `engine`, `analyze`) is ignored as any parameter
//! that is not known.
//!
//! Errors: Prometheus' envelope, with its error types and statuses: `bad_data` 400, `execution` 422, `timeout` 503,
//! `internal` 500, `not_found` 404; and `unavailable` 503, `too_many_requests` 429.
//!
//! Order: begins a pipeline of the read path.
//!
//! Source: `docs/querying/api.md`, `web/api/v1/api.go` and `json_codec.go` of Prometheus 3.14.

mod accept;
mod answer;
mod form;
pub mod fuzz;
mod json;
mod label_name;
mod lenient;
mod params;
mod pattern;
mod reply;
mod route;
mod server;
mod service;
mod sql;
mod telemetry;
mod time;
mod tree;

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;

use serde::Deserialize;
use tokio::net::TcpListener;
use weir_pipeline::units::{Address, Bytes, Span, above_zero};
use weir_pipeline::{Context, Error, Kind, Next, Read, Result, Source, Tenant};

pub use pattern::OriginPattern;

/// Prometheus' HTTP API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where to listen, host and port. Default `127.0.0.1:9090`.
    #[serde(default = "listen")]
    pub listen: Address,
    /// How many questions are worked on at once; others wait, up to `timeout`. Default 20.
    #[serde(default = "max_concurrent")]
    pub max_concurrent: NonZeroUsize,
    /// How long a question may take, its wait included, where it does not ask for less. Default 2m.
    #[serde(default = "timeout", deserialize_with = "above_zero")]
    pub timeout: Span,
    /// How many steps a range may have beyond the first. Default 11000.
    #[serde(default = "max_points")]
    pub max_points: NonZeroU64,
    /// The tenant of requests that name none. Default `default-tenant`.
    #[serde(default)]
    pub default_tenant: Tenant,
    /// The origins of other sites whose pages may ask, as a regular expression. Default none.
    #[serde(default)]
    pub cors_origin: Option<OriginPattern>,
    /// The largest form in a request's body. Larger ones get 413. Default 1MiB.
    #[serde(default = "max_body", deserialize_with = "above_zero")]
    pub max_body: Bytes,
    /// How many connections are held at once; others wait to be accepted. Default 512.
    #[serde(default = "connections")]
    pub connections: NonZeroUsize,
}

fn listen() -> Address {
    SocketAddr::from(([127, 0, 0, 1], 9090)).into()
}

fn max_concurrent() -> NonZeroUsize {
    const { NonZeroUsize::new(20).unwrap() }
}

fn timeout() -> Span {
    Span::from_secs(120)
}

fn max_points() -> NonZeroU64 {
    const { NonZeroU64::new(11_000).unwrap() }
}

fn max_body() -> Bytes {
    Bytes::mib(1)
}

fn connections() -> NonZeroUsize {
    const { NonZeroUsize::new(512).unwrap() }
}

// === impl Api ===

impl Source<Read> for Api {
    const NAME: &'static str = "api";
    const LISTENS: bool = true;

    async fn run(self, context: Context, next: Next<Read>) -> Result<()> {
        let failed = |e: std::io::Error| {
            let kind = Kind::Unavailable { retry_after: None };
            Error::new(kind, format!("expected an address to listen on, got `{}`", self.listen)).with_source(e)
        };
        let listener = TcpListener::bind(self.listen.as_str()).await.map_err(failed)?;
        context.listening(listener.local_addr().map_err(failed)?);
        let (connections, timeout) = (self.connections.get(), self.timeout.get());
        let shutdown = context.shutdown.clone();
        let service = Arc::new(service::Service::new(self, context, next));
        server::serve(listener, service, connections, timeout, shutdown).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
