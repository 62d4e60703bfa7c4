//! Answers Prometheus' HTTP API, and serves Weir's own metrics.
//!
//! ```yaml
//! api: { listen: "127.0.0.1:9090" }
//! ```
//!
//! Shape: each request under `/api/v1` becomes one [`Query`](weir_pipeline::Query) down the read path; beside it stand
//! `/metrics`, `/-/healthy` and `/-/ready`. The tenant is named by `X-Scope-OrgID` or `THANOS-TENANT`.
//!
//! Errors: Prometheus' envelope with its error types and status codes; what the rest answers keeps its kind.
//!
//! Order: it begins a pipeline of the read path.
//!
//! Source: `web/api/v1/api.go` of Prometheus 3.14 and its `docs/querying/api.md`.

use std::future::IntoFuture;
use std::sync::Arc;

use serde::Deserialize;
use tokio::net::TcpListener;
use weir_pipeline::units::Span;
use weir_pipeline::{Clock, Context, Error, Metrics, Next, Read, Result, Source, Tenant};

mod endpoints;
mod json;
mod params;
mod pattern;
mod respond;
mod routes;

use pattern::OriginPattern;

/// The settings of the `api` source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// The address to listen on. Default `127.0.0.1:9090`.
    #[serde(default = "default_listen")]
    listen: String,
    /// The longest that a query may take; a request may ask for less. Default `2m`.
    #[serde(default = "default_timeout")]
    timeout: Span,
    /// The most points of a series in a range query. Default 11000.
    #[serde(default = "default_max_points")]
    max_points: u64,
    /// The tenant of requests that name none. Default `default-tenant`.
    #[serde(default)]
    default_tenant: Tenant,
    /// The origins of other sites whose pages may ask, as a regular expression. None by default.
    #[serde(default)]
    cors_origin: Option<OriginPattern>,
}

/// What the endpoints share.
struct Service {
    settings: Api,
    next: Next<Read>,
    clock: Clock,
    metrics: Metrics,
}

fn default_listen() -> String {
    "127.0.0.1:9090".to_owned()
}

fn default_timeout() -> Span {
    Span::from_secs(120)
}

fn default_max_points() -> u64 {
    11_000
}

// === impl Api ===

impl Source<Read> for Api {
    const NAME: &'static str = "api";
    const LISTENS: bool = true;

    async fn run(self, context: Context, next: Next<Read>) -> Result<()> {
        let failed = |e: std::io::Error| {
            Error::unavailable(format!("expected an address to listen on, got `{}`", self.listen)).with_source(e)
        };
        let listener = TcpListener::bind(&self.listen).await.map_err(failed)?;
        context.listening(listener.local_addr().map_err(failed)?);
        let shutdown = context.shutdown.clone();
        let metrics = context.metrics.clone();
        let service = Service { settings: self, next, clock: context.clock.clone(), metrics };
        let server = axum::serve(listener, routes::routes(Arc::new(service)));
        let stopped = server.with_graceful_shutdown(shutdown.cancelled_owned()).into_future().await;
        stopped.map_err(|e| Error::internal("the server failed").with_source(e))
    }
}

#[cfg(test)]
mod tests;
