//! Requests of a person, or of a program of its own: with what credentials, headers and TLS.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{Request, Response};
use weir_pipeline::{Error, Result};

use super::{Auth, Headers, Outbound, Url, chain, client};
use crate::tls::TlsClient;

/// Asks servers of others.
#[derive(Debug)]
pub struct Caller {
    client: Outbound,
    auth: Auth,
    headers: Headers,
}

// === impl Caller ===

impl Caller {
    /// Gives up connecting after `connect_timeout`. Addresses with `https` need `tls`.
    ///
    /// # Errors
    /// `Invalid` where a file that `tls` names can't be read, or its content does not fit.
    pub fn new(connect_timeout: Duration, tls: Option<&TlsClient>, auth: Auth, headers: Headers) -> Result<Self> {
        Ok(Self { client: client(connect_timeout, tls, 1)?, auth, headers })
    }

    /// Sends a request to `url`, with what this adds to it.
    ///
    /// # Errors
    /// `Unavailable` where nobody answers there, or a file with a secret can't be read. The query of the address is not
    /// shown.
    pub async fn call(&self, url: &Url, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        *request.uri_mut() = url.uri().clone();
        self.headers.add_to(request.headers_mut());
        if let Some(shown) = self.auth.header().await? {
            request.headers_mut().insert(AUTHORIZATION, shown);
        }
        let answered = self.client.request(request).await;
        answered.map_err(|error| Error::unavailable(format!("no answer from `{url}`: {}", chain(&error))))
    }
}
