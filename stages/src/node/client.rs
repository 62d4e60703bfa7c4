//! How one node speaks to another: HTTP/2, with connections that are pinged.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Uri;
use hyper::http::uri::PathAndQuery;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use weir_pipeline::{Error, Result};

/// How often a connection is pinged, and how long the pong may take.
const PING: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(5));

/// What one HTTP/2 stream, and all streams of a connection, may send before they are read.
const WINDOWS: (u32, u32) = (2 << 20, 8 << 20);

/// Speaks to nodes. A clone shares the connections, one to each node.
pub(crate) type NodeClient = Client<HttpConnector, Full<Bytes>>;

/// A client that gives up connecting after a while.
pub(crate) fn client(connect_timeout: Duration) -> NodeClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(connect_timeout));
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http2_only(true)
        .http2_initial_stream_window_size(WINDOWS.0)
        .http2_initial_connection_window_size(WINDOWS.1)
        .http2_keep_alive_interval(PING.0)
        .http2_keep_alive_timeout(PING.1);
    builder.build(connector)
}

/// The address of a path of a node.
pub(crate) fn uri(address: &str, path: &'static str) -> Result<Uri> {
    let wrong = |e| Error::invalid(format!("expected a host and a port, got `{address}`")).with_source(e);
    let path = PathAndQuery::from_static(path);
    Uri::builder().scheme("http").authority(address).path_and_query(path).build().map_err(wrong)
}
