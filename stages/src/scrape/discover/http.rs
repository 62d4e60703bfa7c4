//! Servers that list targets.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::{sleep, timeout};
use weir_pipeline::Result as Opened;
use weir_pipeline::units::{Secret, Span, above_zero};

use super::file::json;
use super::{Listed, Slot, Tells};
use crate::outbound::{Auth, Authorization, BasicAuth, Headers, Outbound, Server, Url, chain};
use crate::scrape::job::Group;
use crate::tls::TlsClient;

/// The label that says at which address a target was found.
const PLACE: &str = "__meta_url";

/// The longest list, in bytes.
const MAX_LIST: usize = 64 << 20;

/// A server that lists targets, as one of `http_sd_configs` of Prometheus.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct HttpSd {
    server: Server,
    refresh: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// Where to ask. No default.
    url: Url,
    /// How often. Default 1m.
    #[serde(default = "default_refresh", deserialize_with = "above_zero")]
    refresh_interval: Span,
    /// Headers of each request beside its own. Default none.
    #[serde(default)]
    http_headers: Headers,
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
}

fn default_refresh() -> Span {
    Span::from_secs(60)
}

// === impl HttpSd ===

impl TryFrom<Fields> for HttpSd {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let auth = Auth::new(fields.basic_auth, fields.authorization, fields.bearer_token, fields.bearer_token_file)?;
        let Fields { url, refresh_interval: refresh, http_headers: headers, tls_config: tls, .. } = fields;
        Ok(Self { server: Server { url, headers, auth, tls }, refresh })
    }
}

impl HttpSd {
    /// Which list it is.
    pub(super) fn origin(&self) -> String {
        self.server.url.uri().to_string()
    }

    /// Asks for ever. What can't be had any more stays as it was.
    ///
    /// # Errors
    /// The files of its TLS can't be used.
    pub(super) fn follow(self, slot: Slot, tells: Tells) -> Opened<impl Future<Output = ()> + Send + 'static> {
        let client = self.server.client(self.limit(), 1)?;
        Ok(async move {
            loop {
                match self.ask(&client).await {
                    Ok(groups) => slot.set(groups),
                    Err(why) => {
                        tells.failed_server(&self.server.url, &why);
                        slot.keep();
                    }
                }
                sleep(self.refresh.get()).await;
            }
        })
    }

    /// How long a request may take.
    fn limit(&self) -> Duration {
        self.refresh.get()
    }

    /// The groups that the server lists.
    async fn ask(&self, client: &Outbound) -> Result<Vec<Group>, String> {
        let limit = Span::from_millis(self.limit().as_millis() as u64);
        let asked = timeout(self.limit(), self.exchange(client)).await;
        let body = asked.unwrap_or_else(|_| Err(format!("expected an answer within {limit}")))?;
        let text = std::str::from_utf8(&body).map_err(|_| "expected a list in UTF-8".to_owned())?;
        let place = self.server.url.uri().to_string();
        Ok(json(text)?.into_iter().map(|listed: Listed| listed.group(PLACE, &place)).collect())
    }

    async fn exchange(&self, client: &Outbound) -> Result<Bytes, String> {
        let request = self.server.request(Method::GET, Bytes::new()).await;
        let mut request = request.map_err(|error| error.report())?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let seconds = HeaderValue::from_str(&self.refresh.get().as_secs_f64().to_string());
        headers.insert("x-prometheus-refresh-interval-seconds", seconds.map_err(|error| error.to_string())?);
        let response =
            client.request(request).await.map_err(|error| format!("expected an answer: {}", chain(&error)))?;
        if response.status() != StatusCode::OK {
            return Err(format!("expected status 200, got `{}`", response.status()));
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media = kind.split(';').next().unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/json") {
            return Err(format!("expected the content type `application/json`, got `{kind}`"));
        }
        let body = Limited::new(response.into_body(), MAX_LIST).collect().await;
        body.map(|body| body.to_bytes())
            .map_err(|error| format!("expected a list of at most {MAX_LIST} bytes: {error}"))
    }
}

// === impl Tells ===

impl Tells {
    fn failed_server(&self, url: &Url, why: &str) {
        self.telemetry.failed_server(&self.job);
        tracing::warn!(job = self.job, %url, why, "a list of targets can't be had: it counts as before");
    }
}

#[cfg(test)]
mod tests;
