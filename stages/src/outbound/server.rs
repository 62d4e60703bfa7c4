//! A server of others: where it is, and how it is asked.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use weir_pipeline::Result;

use super::{AGENT, Auth, Headers, Outbound, Url, client};
use crate::tls::TlsClient;

/// A server of others: where it is, and how it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) url: Url,
    /// Headers of each request beside its own.
    pub(crate) headers: Headers,
    pub(crate) auth: Auth,
    /// Used where the address begins with `https`; `None` for the certificates of the system.
    pub(crate) tls: Option<TlsClient>,
}

// === impl Server ===

impl Server {
    /// A client that gives up connecting after a while, and keeps up to `idle` connections.
    ///
    /// # Errors
    /// A file of its TLS can't be read, or its content does not fit.
    pub(crate) fn client(&self, connect_timeout: Duration, idle: usize) -> Result<Outbound> {
        let tls = self.url.is_https().then(|| self.tls.clone().unwrap_or_default());
        client(connect_timeout, tls.as_ref(), idle)
    }

    /// A request to it, with the headers of its settings, and those that say who asks. Files with secrets are read anew.
    ///
    /// # Errors
    /// `Unavailable` where such a file can't be read, or has what no header may.
    pub(crate) async fn request(&self, method: Method, body: Bytes) -> Result<Request<Full<Bytes>>> {
        let auth = self.auth.header().await?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.url.uri().clone();
        let headers = request.headers_mut();
        self.headers.add_to(headers);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.extend(auth.map(|auth| (AUTHORIZATION, auth)));
        Ok(request)
    }
}
