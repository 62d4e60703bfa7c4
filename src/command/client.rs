//! Asks a running Weir over HTTP, for the commands that do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use weir_pipeline::units::Secret;
use weir_stages::outbound::{Auth, BasicAuth, Caller, Headers, Url};
use weir_stages::tls::TlsClient;

/// The longest answer that is read.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// The header that names the tenant.
const TENANT: &str = "x-scope-orgid";

/// Where to ask, whose data, and who asks.
#[derive(Clone, Debug, Args)]
pub(super) struct Server {
    /// Where to ask. Default: where the built-in pipelines answer, http://127.0.0.1:9090 or what WEIR_HTTP says.
    #[arg(long, visible_alias = "server", env = "WEIR_URL", default_value_t = default_url())]
    pub(super) url: String,
    /// Whose data; without it the server's default tenant.
    #[arg(long)]
    pub(super) tenant: Option<String>,
    #[command(flatten)]
    who: Who,
}

/// Who asks, and of whom the certificate must be.
#[derive(Clone, Debug, Args)]
pub(super) struct Who {
    /// A header of the request, as in `--header 'X-Team: a'`; as often as there are some.
    #[arg(long, short = 'H', value_name = "NAME: VALUE", help_heading = "Who asks")]
    header: Vec<String>,
    /// The user, whose password the file `--password-file` has.
    #[arg(long, short, requires = "password_file", help_heading = "Who asks")]
    user: Option<String>,
    /// The file that has the user's password.
    #[arg(long, value_name = "FILE", requires = "user", help_heading = "Who asks")]
    password_file: Option<PathBuf>,
    /// The file that has a token.
    #[arg(long, value_name = "FILE", conflicts_with = "user", help_heading = "Who asks")]
    bearer_token_file: Option<PathBuf>,
    /// The roots of which the server must have a certificate, as PEM. Default: those of the system.
    #[arg(long, visible_alias = "cacert", value_name = "FILE", help_heading = "TLS")]
    ca_file: Option<PathBuf>,
    /// The certificate to show, as PEM.
    #[arg(long, visible_alias = "cert", value_name = "FILE", requires = "key_file", help_heading = "TLS")]
    cert_file: Option<PathBuf>,
    /// The certificate's private key, as PEM.
    #[arg(long, visible_alias = "key", value_name = "FILE", requires = "cert_file", help_heading = "TLS")]
    key_file: Option<PathBuf>,
    /// The name that the server's certificate must have. Default: the host of the address.
    #[arg(long, value_name = "NAME", help_heading = "TLS")]
    server_name: Option<String>,
    /// Whether any certificate is taken, of whomever.
    #[arg(long, help_heading = "TLS")]
    insecure_skip_verify: bool,
}

/// A status and a body.
pub(super) type Answer = (StatusCode, Bytes);

/// Where the built-in pipelines answer.
pub(super) fn default_url() -> String {
    let address = std::env::var("WEIR_HTTP").ok().filter(|address| !address.is_empty());
    format!("http://{}", address.as_deref().unwrap_or("127.0.0.1:9090"))
}

/// GETs an address as nobody in particular.
///
/// # Errors
/// A sentence: the address is none, or nobody answers there.
pub(super) async fn get(uri: &str) -> Result<Answer, String> {
    let url = Url::try_from(uri.to_owned())?;
    whole(send(&url, &TlsClient::default(), Auth::default(), Headers::default(), Request::default()).await?).await
}

async fn send(
    url: &Url,
    tls: &TlsClient,
    auth: Auth,
    headers: Headers,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, String> {
    let caller = Caller::new(CONNECT, url.is_https().then_some(tls), auth, headers).map_err(|error| error.report())?;
    caller.call(url, request).await.map_err(|error| error.report())
}

async fn whole(response: Response<Incoming>) -> Result<Answer, String> {
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
    Ok((status, body.map_err(|e| format!("the answer broke off: {e}"))?.to_bytes()))
}

// === impl Server ===

impl Server {
    /// GETs a path.
    ///
    /// # Errors
    /// A sentence, without secrets: an argument is wrong, a file can't be read, nobody answers.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, String> {
        self.send(path, Request::default()).await
    }

    /// POSTs a form to a path.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub(super) async fn post(&self, path: &str, form: String) -> Result<Answer, String> {
        let mut request = Request::new(Full::new(Bytes::from(form)));
        *request.method_mut() = Method::POST;
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form);
        self.send(path, request).await
    }

    /// What is wrong with an answer that is not the API's.
    pub(super) fn unreadable(&self, status: StatusCode) -> String {
        let why = if status == StatusCode::UNAUTHORIZED { "it does not let in who asks" } else { "not in JSON" };
        format!("{} answered {status}: {why}", self.url)
    }

    async fn send(&self, path: &str, mut request: Request<Full<Bytes>>) -> Result<Answer, String> {
        if let Some(tenant) = &self.tenant {
            let tenant = HeaderValue::from_str(tenant).map_err(|_| format!("expected a tenant, got `{tenant}`"))?;
            request.headers_mut().insert(TENANT, tenant);
        }
        whole(self.who.send(&format!("{}{path}", self.url.trim_end_matches('/')), request).await?).await
    }
}

// === impl Who ===

impl Who {
    /// Sends a request to an address. The answer may go on.
    ///
    /// # Errors
    /// As for [`Server::get`].
    pub(super) async fn send(&self, uri: &str, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        let url = Url::try_from(uri.to_owned()).map_err(|error| error.replace("`basic_auth`", "`--user`"))?;
        send(&url, &self.tls()?, self.auth()?, self.headers()?, request).await
    }

    fn auth(&self) -> Result<Auth, String> {
        let basic = self.user.clone().map(|username| BasicAuth {
            username,
            password: None,
            password_file: self.password_file.clone(),
        });
        Auth::new(basic, None, None, self.bearer_token_file.clone()).map_err(|_| {
            // There is one way to be wrong here, and the user may have the password behind a colon.
            "expected a `--user` without `:`: the password stands in the file of `--password-file`".to_owned()
        })
    }

    fn headers(&self) -> Result<Headers, String> {
        let mut all = BTreeMap::new();
        for header in &self.header {
            // What follows may be a secret.
            let wrong = || "expected a `--header` as `Name: value`".to_owned();
            let (name, value) = header.split_once(':').ok_or_else(wrong)?;
            if name.eq_ignore_ascii_case("authorization") {
                let where_else = "`--bearer-token-file`, or `--user` and `--password-file`";
                return Err(format!("expected credentials in files, not in a `--header`: {where_else}"));
            }
            all.insert(name.trim().to_owned(), Secret::new(value.trim()));
        }
        Headers::try_from(all)
    }

    fn tls(&self) -> Result<TlsClient, String> {
        // They have the names of the settings.
        let mut settings = json!({ "insecure_skip_verify": self.insecure_skip_verify });
        let files = [("ca_file", &self.ca_file), ("cert_file", &self.cert_file), ("key_file", &self.key_file)];
        for (name, file) in files {
            if let Some(file) = file {
                settings[name] = file.to_str().ok_or_else(|| format!("expected UTF-8 as `{name}`"))?.into();
            }
        }
        if let Some(name) = &self.server_name {
            settings["server_name"] = Value::from(name.as_str());
        }
        serde_json::from_value(settings).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests;
