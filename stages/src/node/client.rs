//! How one node speaks to another: HTTP/2, with TLS where it is told to, over connections that are pinged.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use weir_pipeline::{Error, Result};

use super::token::Shown;
use crate::outbound::BasicAuth;
use crate::tls::{Connector, TlsClient};

/// How often a connection is pinged, and how long the pong may take.
const PING: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(5));

/// What one HTTP/2 stream, and all streams of a connection, may send before they are read.
const WINDOWS: (u32, u32) = (2 << 20, 8 << 20);

/// Speaks to nodes. A clone shares the connections, one to each node.
#[derive(Clone, Debug)]
pub(crate) struct NodeClient {
    /// Sends requests.
    pub(crate) client: Client<Connector, Full<Bytes>>,
    scheme: &'static str,
    shown: Option<Arc<Shown>>,
}

// === impl NodeClient ===

impl NodeClient {
    /// A client that gives up connecting after a while.
    ///
    /// # Errors
    /// A file that `tls` names can't be read, or its content does not fit.
    pub(crate) fn new(connect_timeout: Duration, tls: Option<&TlsClient>) -> Result<Self> {
        let connector = Connector::new(connect_timeout, tls)?;
        let scheme = connector.scheme();
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http2_only(true)
            .http2_initial_stream_window_size(WINDOWS.0)
            .http2_initial_connection_window_size(WINDOWS.1)
            .http2_keep_alive_interval(PING.0)
            .http2_keep_alive_timeout(PING.1);
        Ok(Self { client: builder.build(connector), scheme, shown: None })
    }

    /// The same, which shows a name and a password, or the token of a file, where there is one of them.
    ///
    /// # Errors
    /// There are both, the file can't be read, or it has neither.
    pub(crate) fn with_auth(self, basic: Option<&BasicAuth>, token_file: Option<&Path>) -> Result<Self> {
        Ok(Self { shown: Shown::new(basic, token_file)?.map(Arc::new), ..self })
    }

    /// A request with a body.
    pub(crate) fn post(&self, uri: Uri, kind: HeaderValue, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        request.headers_mut().insert(CONTENT_TYPE, kind);
        if let Some(shown) = &self.shown {
            request.headers_mut().insert(AUTHORIZATION, shown.header());
        }
        request
    }

    /// The address of a path of a node.
    ///
    /// # Errors
    /// It is no host and port.
    pub(crate) fn uri(&self, address: &str, path: &'static str) -> Result<Uri> {
        let wrong = |e| Error::invalid(format!("expected a host and a port, got `{address}`")).with_source(e);
        let path = PathAndQuery::from_static(path);
        Uri::builder().scheme(self.scheme).authority(address).path_and_query(path).build().map_err(wrong)
    }
}
