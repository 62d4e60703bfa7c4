//! `remote_write`: sends each batch to a server that takes Prometheus' remote write, 1.0 or 2.0.
//!
//! ```yaml
//! sink:
//!   remote_write:
//!     url: https://metrics.example.com/api/v1/write
//!     basic_auth: { username: weir, password_file: /run/secrets/password }
//! ```
//!
//! All settings: `remote_write: { url: …, version: auto, tenant_header: X-Scope-OrgID, headers: {}, timeout: 30s,
//! concurrency: 50, tls_config: { … }, basic_auth: { … } }`; in the place of the last one `authorization`, `bearer_token` or
//! `bearer_token_file`, as in [`outbound`](crate::outbound).
//!
//! Shape: one request per batch, a protobuf message (`prometheus.WriteRequest` for 1.0, `io.prometheus.write.v2.Request` for
//! 2.0) in a snappy block; `tenant_header` carries the batch's tenant. `version: auto` begins with 2.0; a server that answers
//! 415, or takes the request and does not say how much of it was written, does not know 2.0, is sent 1.0, and is asked again
//! after ten minutes. 1.0 has no place for start timestamps, and 2.0 none for what is said of metrics without samples.
//!
//! Errors: a status of 2xx is written, as far as a reply to 2.0 says so. A batch that is too large (413) is sent again in two
//! halves, each of them as well, down to a single series. Other statuses mean that the server will never take
//! the batch: its samples are rejected, with a reason of the status and a detail of the reply. But 429 is overloaded, and 408,
//! 5xx, and a server that can't be reached or takes longer than `timeout` are unavailable or timed out, all with the reply's
//! `Retry-After`: `retry` repeats them some times, a `queue` above it for ever. Redirects are not followed.
//!
//! Order: ends a pipeline; below `queue` and `retry`, as `stages: [ { queue: { disk: { path: ./data/queue, bytes: 1GiB } } },
//! { retry: { attempts: 3 } } ]`. Ready while fewer than `concurrency` requests are under way.
//!
//! The rest of this module is the protocol as bytes: what `receive` reads and this writes. [`decode`] reads a message in one
//! pass straight into a [`weir_pipeline::Batch`]; [`encode`] does the reverse. No label becomes a `String` on the way. Bytes
//! that are no such message, or that would take more memory than [`Limits`] allow, fail as a whole. Series that are bad by
//! themselves are left out and counted in [`Refused`]; whether that fails the request is the version's business:
//! [`Refused::fails`].
//!
//! Source: the remote write specifications 1.0 and 2.0; `storage/remote/client.go` and `write_handler.go` of Prometheus for
//! what they leave open.

mod decode;
mod encode;
pub(crate) mod exemplar;
#[doc(hidden)]
pub mod fuzz;
pub(crate) mod histogram;
pub mod read;
mod refused;
mod reply;
mod row;
mod send;
mod snappy;
mod telemetry;
mod v1;
mod v2;
pub(crate) mod wire;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use hyper::header::HeaderName;
use serde::{Deserialize, Deserializer};
use weir_pipeline::units::{Secret, Span, above_zero};
use weir_pipeline::{Context, Next, Result, Sink, Write};

use crate::outbound::{Auth, Authorization, BasicAuth, Headers, Server, Url};
use crate::tls::TlsClient;

pub use decode::{Decoded, Limits, decode};
pub(crate) use decode::{Fault, Intake, Memory, decode_in, no_memory};
pub use encode::encode;
pub use refused::{Count, Reason, Refused};
pub(crate) use row::{Row, Sample};
pub use snappy::{compress, decompress};

/// Sends each batch to a server that takes Prometheus' remote write.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct RemoteWrite {
    server: Server,
    /// The version to speak; `None` finds out.
    version: Option<Version>,
    tenant_header: Option<HeaderName>,
    timeout: Span,
    concurrency: NonZeroUsize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// Where to write to. No default.
    url: Url,
    /// The version of the protocol: `auto`, `1` or `2`. Default `auto`.
    #[serde(default)]
    version: Asked,
    /// The header that carries the batch's tenant; empty for none. Default `X-Scope-OrgID`.
    #[serde(default = "default_tenant_header", deserialize_with = "tenant_header")]
    tenant_header: Option<HeaderName>,
    /// Headers of each request beside its own. Default none.
    #[serde(default)]
    headers: Headers,
    /// A user and a password. Default none.
    #[serde(default)]
    basic_auth: Option<BasicAuth>,
    /// Another kind of credentials. Default none.
    #[serde(default)]
    authorization: Option<Authorization>,
    /// A token. Default none.
    #[serde(default)]
    bearer_token: Option<Secret>,
    /// The file that has a token. Default none.
    #[serde(default)]
    bearer_token_file: Option<PathBuf>,
    /// TLS, where the address begins with `https`. Default: the certificates of the system.
    #[serde(default)]
    tls_config: Option<TlsClient>,
    /// How long a request may take. Default `30s`.
    #[serde(default = "default_timeout", deserialize_with = "above_zero")]
    timeout: Span,
    /// How many requests may be under way. Default 50.
    #[serde(default = "default_concurrency")]
    concurrency: NonZeroUsize,
}

/// The version that settings ask for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum Asked {
    #[default]
    #[serde(rename = "auto")]
    Auto,
    #[serde(rename = "1")]
    One,
    #[serde(rename = "2")]
    Two,
}

/// The version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// Remote write 1.0: labels as strings in each series.
    V1,
    /// Remote write 2.0: labels as references into a table of symbols.
    V2,
}

/// How many of a request's samples were written. Replies to 2.0 carry it.
pub const SAMPLES_WRITTEN: &str = "x-prometheus-remote-write-samples-written";
/// How many of a request's native histograms were written.
pub const HISTOGRAMS_WRITTEN: &str = "x-prometheus-remote-write-histograms-written";
/// How many of a request's exemplars were written.
pub const EXEMPLARS_WRITTEN: &str = "x-prometheus-remote-write-exemplars-written";
/// The header in which a sender says its version.
pub const VERSION: &str = "x-prometheus-remote-write-version";

fn default_tenant_header() -> Option<HeaderName> {
    Some(HeaderName::from_static("x-scope-orgid"))
}

fn default_timeout() -> Span {
    Span::from_secs(30)
}

fn default_concurrency() -> NonZeroUsize {
    const { NonZeroUsize::new(50).unwrap() }
}

/// The name of a header; none where it is empty.
fn tenant_header<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<HeaderName>, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() {
        return Ok(None);
    }
    let wrong = |_| serde::de::Error::custom(format!("expected the name of a header, got `{name}`"));
    HeaderName::try_from(&name).map(Some).map_err(wrong)
}

// === impl RemoteWrite ===

impl TryFrom<Fields> for RemoteWrite {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let auth = Auth::new(fields.basic_auth, fields.authorization, fields.bearer_token, fields.bearer_token_file)?;
        if let Some(name) = fields.tenant_header.as_ref().filter(|name| fields.headers.has(name)) {
            return Err(format!("the header `{name}` carries the tenant: expected it in `tenant_header` alone"));
        }
        let version = match fields.version {
            Asked::Auto => None,
            Asked::One => Some(Version::V1),
            Asked::Two => Some(Version::V2),
        };
        let Fields { url, tenant_header, headers, timeout, concurrency, tls_config: tls, .. } = fields;
        Ok(Self { server: Server { url, headers, auth, tls }, version, tenant_header, timeout, concurrency })
    }
}

impl Sink<Write> for RemoteWrite {
    const NAME: &'static str = "remote_write";

    fn open(self, context: &Context) -> Result<Next<Write>> {
        send::open(self, context)
    }
}

// === impl Version ===

impl Version {
    /// Both, the older first.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The number, as in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1.0",
            Self::V2 => "2.0",
        }
    }

    /// The name of the message.
    pub fn message(self) -> &'static str {
        match self {
            Self::V1 => "prometheus.WriteRequest",
            Self::V2 => "io.prometheus.write.v2.Request",
        }
    }

    /// The content type that a sender gives.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V1 => "application/x-protobuf",
            Self::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }

    /// The value of the header [`VERSION`] that a sender gives.
    pub fn header(self) -> &'static str {
        match self {
            Self::V1 => "0.1.0",
            Self::V2 => "2.0.0",
        }
    }
}

#[cfg(test)]
mod tests;
