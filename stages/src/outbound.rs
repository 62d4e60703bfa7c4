//! Requests to servers of others: a client, who it says that it is, and where to.
//!
//! ```yaml
//! basic_auth: { username: weir, password_file: /run/secrets/password }
//! ```
//!
//! Settings have Prometheus' names and meanings: `basic_auth`, `authorization`, `bearer_token` and `bearer_token_file`, of
//! which at most one is given. Files are read anew for each request, so that secrets can be renewed. No secret is ever
//! shown: not in errors, not in logs, not by `explain`; the values of headers count as secrets, and so do the query of an
//! address, for which `explain` shows `<secret>`, and what stands before an `@` in a text that is no address.

mod auth;
mod caller;
mod headers;
mod retry_after;
mod server;
mod url;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use weir_pipeline::Result;

use crate::tls::{Connector, TlsClient};

pub(crate) use auth::base64;
pub use auth::{Auth, Authorization, BasicAuth};
pub use caller::Caller;
pub use headers::Headers;
pub(crate) use retry_after::retry_after;
pub(crate) use server::Server;
pub use url::Url;
pub(crate) use url::shown;

/// Who asks.
pub(crate) const AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"));

/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(300);

/// How often an HTTP/2 connection is pinged, and how long the pong may take.
const PING: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(10));

/// Asks servers of others, by HTTP/1.1 or HTTP/2. A clone shares the connections.
pub(crate) type Outbound = Client<Connector, Full<Bytes>>;

/// A client that gives up connecting after a while, and keeps up to `idle` connections to a server.
///
/// # Errors
/// A file that `tls` names can't be read, or its content does not fit.
pub(crate) fn client(connect_timeout: Duration, tls: Option<&TlsClient>, idle: usize) -> Result<Outbound> {
    let connector = Connector::to_others(connect_timeout, tls)?;
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(idle)
        .http2_keep_alive_interval(PING.0)
        .http2_keep_alive_timeout(PING.1);
    Ok(builder.build(connector))
}

/// An error with all that caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

#[cfg(test)]
pub(crate) mod tests;
