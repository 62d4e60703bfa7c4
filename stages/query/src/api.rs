//! `api`: Prometheus' HTTP API, which sends each question down the read path.
//!
//! ```yaml
//! api: { listen: 127.0.0.1:9090 }
//! ```
//!
//! All settings: `api: { listen: 127.0.0.1:9090, max_concurrent: 20, timeout: 2m, max_points: 11000, default_tenant:
//! default-tenant, tenant_certificate_field: common_name, cors_origin: …, max_body: 4MiB, connections: 512, max_read_samples: 5000000, lifecycle: false, admin: false, tls_server_config: { … },
//! auth: { … } }`, the last two as in [`tls`](weir_stages::tls) and [`auth`](weir_stages::http::auth).
//!
//! Shape: under `/api/v1`: `query`, `query_range`, `query_exemplars`, `format_query`, `parse_query`, `sql`, `series`, `labels`
//! (GET, and POST with a form), `label/<name>/values`, `metadata`, `targets`, `scrape_pools`, `rules`, `alerts` and
//! `alertmanagers` (which are empty), `status/buildinfo`, `status/runtimeinfo`, `status/config`, `status/flags`, `status/tsdb`,
//! `status/walreplay` (GET), `read` (POST, remote read), and where `admin` allows it `admin/tenants` (GET) and
//! `admin/tenants/<name>` (GET, and DELETE, which deletes all that there is of a tenant). Beside it: `/federate`, `/metrics` (the program's own metrics),
//! `/-/healthy`, `/-/ready`, `/-/reload` and `/-/quit` (POST, where `lifecycle` allows it), Arrow Flight SQL (gRPC, on the same port), and a page at `/` that says what is where. The
//! tenant is named by `X-Scope-OrgID` or `THANOS-TENANT`, or by the client's certificate (`tenant_certificate_field`); what is of the process, as its targets and its settings, is shown to all. A client that goes away cancels
//! what it asked. Answers are compressed with zstd or gzip as the client accepts it, and sent while they are written.
//!
//! Parameters: those of Prometheus, `stats=true|all` among them, and of Thanos `partial_response`, `dedup` and
//! `replicaLabels[]`, and of VictoriaMetrics `nocache=1`, which is what `Cache-Control: no-store` says, too. What else Thanos has (`max_source_resolution`, `storeMatch[]`, `engine`, `analyze`) is ignored as any
//! parameter that is not known.
//!
//! Errors: Prometheus' envelope, with its error types and statuses: `bad_data` 400, `execution` 422, `timeout` 503,
//! `internal` 500, `not_found` 404, and 403 for what the settings do not allow; and `unavailable` 503, `too_many_requests` 429.
//!
//! Order: begins a pipeline of the read path.
//!
//! Source: `docs/querying/api.md`, `web/api/v1/api.go` and `json_codec.go` of Prometheus 3.14.

mod accept;
mod answer;
mod federate;
mod flight;
mod form;
pub mod fuzz;
mod json;
mod known;
mod label_name;
mod params;
mod pattern;
mod pieces;
mod read;
mod reply;
mod route;
mod service;
mod sql;
mod status;
mod targets;
mod telemetry;
mod tenants;
mod texts;
mod time;
mod tree;

use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use weir_pipeline::units::{Address, Bytes, Span, above_zero};
use weir_pipeline::{Context, Next, Read, Result, Source, Tenant};
use weir_stages::http::auth::Auth;
use weir_stages::http::server::{Limits, listen as open, serve};
use weir_stages::http::tenant;
use weir_stages::tls::{CertificateField, TlsServer};

pub use pattern::OriginPattern;

/// How long a request's head may take to arrive, and an idle connection stays open.
const HEAD: Duration = Duration::from_secs(300);

/// How many requests of one HTTP/2 connection may be open.
const STREAMS: u32 = 64;

/// Prometheus' HTTP API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
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
    /// How many steps a range may have beyond the first, that of `promql` in SQL as well. Default 11000.
    #[serde(default = "max_points")]
    pub max_points: NonZeroU64,
    /// The tenant of requests that name none. Default `default-tenant`.
    #[serde(default)]
    pub default_tenant: Tenant,
    /// The part of the client's certificate that names the tenant: `common_name`, `organization`, `organizational_unit`, `dns` or
    /// `uri`. Headers are then ignored: who asks sees what is its own and nothing else. It needs `client_ca_file` in
    /// `tls_server_config`. Default none.
    #[serde(default)]
    pub tenant_certificate_field: Option<CertificateField>,
    /// The origins of other sites whose pages may ask, as a regular expression. Default none.
    #[serde(default)]
    pub cors_origin: Option<OriginPattern>,
    /// The largest body of a request: a form, or what remote read asks. Larger ones get 413. Default 4MiB,
    /// which is room for the longest query (1 MiB) with each byte percent-encoded.
    #[serde(default = "max_body", deserialize_with = "above_zero")]
    pub max_body: Bytes,
    /// How many connections are held at once; others wait to be accepted. Default 512.
    #[serde(default = "connections")]
    pub connections: NonZeroUsize,
    /// How many samples a remote read without chunks may answer. Default 5000000.
    #[serde(default = "max_read_samples")]
    pub max_read_samples: NonZeroU64,
    /// TLS of the listener, as in [`tls`](weir_stages::tls). Default none.
    #[serde(default)]
    pub tls_server_config: Option<TlsServer>,
    /// Who may ask, as in [`auth`](weir_stages::http::auth). Default: everybody.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Whether `POST /-/reload` has the pipeline files read anew and `POST /-/quit` has the program stop, as with
    /// `--web.enable-lifecycle` of Prometheus. Otherwise they answer 403. Default false.
    #[serde(default)]
    pub lifecycle: bool,
    /// Whether `/api/v1/admin/tenants` lists tenants, and `DELETE` of `/api/v1/admin/tenants/<name>` deletes all that there is of
    /// one: in the store of this process, and in its bucket, or in all those of the cluster; copies that are still on their way
    /// between nodes come afterwards (`keep_trying` of `replicate`, `hints` of `peers`). Otherwise they answer 403. Default false.
    #[serde(default)]
    pub admin: bool,
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
    Bytes::mib(4)
}

fn max_read_samples() -> NonZeroU64 {
    const { NonZeroU64::new(5_000_000).unwrap() }
}

fn connections() -> NonZeroUsize {
    const { NonZeroUsize::new(512).unwrap() }
}

// === impl Api ===

impl<'de> Deserialize<'de> for Api {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        // The one that serde derives.
        let settings = Self::deserialize(deserializer)?;
        tenant::check(settings.tenant_certificate_field, settings.tls_server_config.as_ref())
            .map_err(serde::de::Error::custom)?;
        Ok(settings)
    }
}

impl Source<Read> for Api {
    const NAME: &'static str = "api";
    const LISTENS: bool = true;

    async fn run(self, context: Context, next: Next<Read>) -> Result<()> {
        let shutdown = context.shutdown.clone();
        let limits = Limits::new(self.connections, self.timeout);
        let limits = Limits { head: HEAD, streams: STREAMS, lenient: true, ..limits };
        // First: who finds that it listens finds its metrics, too.
        let service = Arc::new(service::Service::new(self, context, next));
        let Self { listen, tls_server_config, auth, .. } = &service.settings;
        let listener = open(listen, tls_server_config.as_ref(), auth.as_ref(), &service.context).await?;
        serve(listener, service, limits, shutdown).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
