//! `receive`: takes remote write requests, 1.0 and 2.0, and metrics in OTLP, and sends each as one batch.
//!
//! ```yaml
//! source: { receive: { listen: 127.0.0.1:19291 } }
//! ```
//!
//! Shape: `POST /api/v1/receive`, or its alias `/api/v1/write`, and `POST /api/v1/otlp/v1/metrics` ([`otlp`](crate::otlp): protobuf
//! or JSON, which may be in gzip, of one member or several); one request is one batch of one tenant, and the reply
//! waits for the ack. `GET /-/healthy`, `/-/ready` and `/metrics` answer on the same address.
//!
//! Tenants: a request is of the tenant that `X-Scope-OrgID` or `THANOS-TENANT` names. With `tenant_certificate_field` it is of the
//! one that the client's certificate names, whatever headers say. With `split_tenant_label: tenant_id` each series is of the
//! tenant that its label `tenant_id` names, which is taken off it; those without go with the request, and so does what is said of
//! metrics that no series is of. What is said of others goes to the tenants of their series. Certificate and label exclude each
//! other. A name is of 1 to 150 characters from `a-z A-Z 0-9 !-_.*'()`, and neither `.` nor `..` nor `_weir`.
//!
//! Limits: those of the whole are settings here. `limits: tenants` has each tenant's own from the resource
//! [`limits`](crate::limits), which the stage [`limit`](crate::limit) may name as well: `request_bytes`, `request_series` and
//! `request_samples` hold here, of the tenant of the request.
//!
//! Errors: 400 for what must not be repeated (after the good part was written), 413 and 415 for bodies that are too
//! large, for the tenant as well, or of another kind, 429 for a tenant's own limit, 503 with `Retry-After` where the node is busy, 500 for
//! faults. A Prometheus repeats what gets 503 or 500, but drops what gets 429, unless `queue_config` in its `remote_write` says
//! `retry_on_http_429: true`. Replies to 2.0 say how much was written, of each kind; replies to OTLP have 200 where only a part was wrong, and say how many samples
//! were rejected. The order of the checks is that of Prometheus: encoding, size,
//! method, snappy, content type, message. (The tenant comes before the body, and the method before snappy; with OTLP the method
//! comes first.)
//!
//! Order: begins a pipeline. A stage right below that makes the request wait is bounded by `timeout`.
//!
//! Source: the remote write specifications 1.0 and 2.0; `storage/remote/write_handler.go` of Prometheus.

mod body;
mod families;
mod headers;
mod message;
mod opening;
mod reply;
mod split;
mod telemetry;
mod write;

use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use weir_pipeline::units::{Address, Bytes, Ref, Span, above_zero};
use weir_pipeline::{Context, Next, Result, Source, Tenant, Write};

use crate::http::auth::Auth;
use crate::http::server::{Limits, listen, serve};
use crate::http::tenant;
pub use crate::http::tenant::TenantHeader;
use crate::limits::OpenLimits;
use crate::otlp::Otlp;
use crate::tls::{CertificateField, TlsServer};
pub use split::SplitLabel;

/// Takes remote write requests, and metrics in OTLP, and sends each as one batch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Receive {
    /// Where to listen, host and port. No default.
    pub listen: Address,
    /// The largest request body, compressed. Larger ones get 413. Default 32MiB.
    #[serde(default = "default_body", deserialize_with = "above_zero")]
    pub max_body: Bytes,
    /// The largest request body, decompressed. Larger ones get 400. Default 32MiB.
    #[serde(default = "default_body", deserialize_with = "above_zero")]
    pub max_decoded: Bytes,
    /// The most memory that one request's samples may take with their labels. Larger ones get 400. Default 128MiB.
    #[serde(default = "default_batch", deserialize_with = "above_zero")]
    pub max_batch: Bytes,
    /// The most labels of one series; series with more are refused. Default 128.
    #[serde(default = "default_labels")]
    pub max_labels: NonZeroUsize,
    /// The longest label name; series with longer ones are refused. Default 1KiB.
    #[serde(default = "default_name", deserialize_with = "above_zero")]
    pub max_label_name: Bytes,
    /// The longest label value; series with longer ones are refused. Default 64KiB.
    #[serde(default = "default_value", deserialize_with = "above_zero")]
    pub max_label_value: Bytes,
    /// Memory for all requests being worked on: bodies, what becomes of them, charged as it does, and batches until their ack.
    /// Beyond it requests get 503. A request that is alone is always taken. Default 256MiB.
    #[serde(default = "default_in_flight")]
    pub in_flight: Bytes,
    /// How many requests are worked on at once; others wait, up to `timeout`. Default 64.
    #[serde(default = "default_concurrency")]
    pub concurrency: NonZeroUsize,
    /// How many connections are held at once; others wait to be accepted. Default 1024.
    #[serde(default = "default_connections")]
    pub connections: NonZeroUsize,
    /// The only header that names the tenant. Default: `X-Scope-OrgID` or `THANOS-TENANT`, which must agree where both
    /// are given.
    #[serde(default)]
    pub tenant_header: Option<TenantHeader>,
    /// The tenant of requests that name none. Default `default-tenant`.
    #[serde(default)]
    pub default_tenant: Tenant,
    /// The part of the client's certificate that names the tenant: `common_name`, `organization`, `organizational_unit`, `dns` or
    /// `uri`. Headers are then ignored. It needs `client_ca_file` in `tls_server_config`, and `split_tenant_label` can't stand
    /// beside it. Default none.
    #[serde(default)]
    pub tenant_certificate_field: Option<CertificateField>,
    /// The label that names the tenant of a series, which is taken off it. Not with `tenant_certificate_field`. Default none.
    #[serde(default)]
    pub split_tenant_label: Option<SplitLabel>,
    /// The resource that has the limits of each tenant. Default none.
    #[serde(default)]
    pub limits: Option<Ref<OpenLimits>>,
    /// What metrics in OTLP become. Default: as Prometheus does.
    #[serde(default)]
    pub otlp: Otlp,
    /// How long a request may take from its first byte to its reply. Beyond it, 503. Default 30s.
    #[serde(default = "default_timeout", deserialize_with = "above_zero")]
    pub timeout: Span,
    /// TLS of the listener. Default none.
    #[serde(default)]
    pub tls_server_config: Option<TlsServer>,
    /// Who may ask, as in [`auth`](crate::http::auth). Default: everybody.
    #[serde(default)]
    pub auth: Option<Auth>,
}

fn default_body() -> Bytes {
    Bytes::mib(32)
}

fn default_batch() -> Bytes {
    Bytes::mib(128)
}

fn default_in_flight() -> Bytes {
    Bytes::mib(256)
}

fn default_name() -> Bytes {
    Bytes::kib(1)
}

fn default_value() -> Bytes {
    Bytes::kib(64)
}

fn default_labels() -> NonZeroUsize {
    const { NonZeroUsize::new(128).unwrap() }
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

// === impl Receive ===

impl<'de> Deserialize<'de> for Receive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        // The one that serde derives.
        let settings = Self::deserialize(deserializer)?;
        tenant::check(settings.tenant_certificate_field, settings.tls_server_config.as_ref())
            .map_err(serde::de::Error::custom)?;
        if settings.tenant_certificate_field.is_some() && settings.split_tenant_label.is_some() {
            let both = "expected either `tenant_certificate_field` or `split_tenant_label`, got both: with a label in its series a \
                client would write as whom it likes, whatever its certificate says";
            return Err(serde::de::Error::custom(both));
        }
        Ok(settings)
    }
}

impl Source<Write> for Receive {
    const NAME: &'static str = "receive";
    const LISTENS: bool = true;

    async fn run(self, context: Context, next: Next<Write>) -> Result<()> {
        let (tls, auth) = (self.tls_server_config.as_ref(), self.auth.as_ref());
        let listener = listen(&self.listen, tls, auth, &context).await?;
        let shutdown = context.shutdown.clone();
        let limits = Limits::new(self.connections, self.timeout);
        let receiver = Arc::new(write::Receiver::new(self, &context, next)?);
        serve(listener, receiver, limits, shutdown).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
