//! Keys that a container or pod is given over HTTP, as ECS, EKS and others do.
//!
//! `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `AWS_CONTAINER_CREDENTIALS_FULL_URI` says where, and
//! `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` or `AWS_CONTAINER_AUTHORIZATION_TOKEN` who asks. `object_store` knows the second
//! address with a file of a token only.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use async_trait::async_trait;
use object_store::aws::AwsCredential;
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody};
use object_store::{ClientOptions, CredentialProvider, HeaderValue};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::{Host, Url};
use weir_pipeline::{Clock, Error, Result};

use super::Keys;
use crate::bucket::exact::Pauses;

/// Where a relative address is.
pub(super) const HERE: &str = "http://169.254.170.2";

/// Addresses that may be asked without TLS, besides this machine's own: those of ECS and EKS.
const NEAR: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// So long before they expire new keys are fetched.
const EARLY: Duration = Duration::from_secs(300);

/// How long an answer may take, and making a connection.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(2));

/// Keys of a container, fetched anew before they expire.
pub(super) struct Container {
    url: Url,
    token: Token,
    client: HttpClient,
    known: Mutex<Option<Known>>,
}

/// Who asks.
enum Token {
    None,
    Text(String),
    /// Read at each time.
    File(PathBuf),
}

/// Keys, until when they are good, and when they were fetched.
struct Known {
    keys: Arc<AwsCredential>,
    until: Option<Instant>,
    at: Instant,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

// === impl Container ===

impl Container {
    /// Where the environment says that a container gets its keys; relative addresses are relative to `here`.
    ///
    /// # Errors
    /// The address is none, or may not be asked.
    pub(super) fn found(
        lookup: &dyn Fn(&str) -> Option<String>,
        here: &str,
        connector: &dyn HttpConnector,
    ) -> Result<Option<Self>> {
        let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let (name, url) = match set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            Some(path) => ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", format!("{here}{path}")),
            None => match set("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
                Some(url) => ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
                None => return Ok(None),
            },
        };
        let expected = "expected `https`, or an address of this machine or of the service of its containers";
        let url = Url::parse(&url).ok().filter(may_be_asked);
        let url = url.ok_or_else(|| Error::invalid(format!("{expected}, in the environment's `{name}`")))?;
        let token = match set("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => Token::File(file.into()),
            None => set("AWS_CONTAINER_AUTHORIZATION_TOKEN").map_or(Token::None, Token::Text),
        };
        let options = ClientOptions::new().with_allow_http(true);
        let options = options.with_timeout(PATIENCE.0).with_connect_timeout(PATIENCE.1);
        let client = connector.connect(&options);
        let client = client.map_err(|e| Error::invalid("the client for keys can't be made").with_source(e))?;
        Ok(Some(Self { url, token, client, known: Mutex::default() }))
    }

    /// Fetches keys, up to three times.
    async fn fetch(&self) -> Result<Known> {
        let mut pauses = Pauses::new(3, Duration::from_millis(100), Duration::from_secs(1));
        loop {
            match (self.fetch_once().await, pauses.next()) {
                (Err(_), Some(pause)) => tokio::time::sleep(pause).await,
                (result, _) => return result,
            }
        }
    }

    async fn fetch_once(&self) -> Result<Known> {
        // What an answer says is not told: it may be a key.
        let failed = |what: &str| Error::unavailable(format!("the container's service for keys {what}"));
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = self.url.as_str().parse().map_err(|_| failed("has no address"))?;
        if let Some(token) = self.token.read().await? {
            let token = HeaderValue::from_str(token.trim());
            let mut token = token.map_err(|_| Error::invalid("the container's token has characters that none has"))?;
            token.set_sensitive(true);
            request.headers_mut().insert("authorization", token);
        }
        let answer = self.client.execute(request).await.map_err(|_| failed("does not answer"))?;
        if !answer.status().is_success() {
            return Err(failed(&format!("answers with status {}", answer.status().as_u16())));
        }
        let body = answer.into_body().bytes().await.map_err(|_| failed("breaks off"))?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| failed("gives no keys"))?;
        let left = |text: &String| {
            let at = string_to_timestamp_nanos(text).ok()?.div_euclid(1_000_000);
            Some(Duration::from_millis(at.saturating_sub(Clock::system().now()).max(0).unsigned_abs()))
        };
        let left = match &answer.expiration {
            Some(text) => Some(left(text).ok_or_else(|| failed("gives keys without a time"))?),
            None => None,
        };
        let Answer { access_key_id, secret_access_key, token: session_token, .. } = answer;
        let keys = Keys { access_key_id, secret_access_key, session_token }.check();
        let keys = keys.map_err(|what| failed(&format!("gives characters in `{what}` that no key has")))?;
        let at = Instant::now();
        Ok(Known { keys: Arc::new(keys), until: left.map(|left| at + left), at })
    }
}

#[async_trait]
impl CredentialProvider for Container {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.is_good(EARLY) || known.is_new()) {
            return Ok(known.keys.clone());
        }
        match (self.fetch().await, known.as_mut()) {
            (Ok(new), _) => Ok(known.insert(new).keys.clone()),
            // Not for long, but as long as they are good.
            (Err(error), Some(old)) if old.is_good(Duration::ZERO) => {
                tracing::warn!(error = error.report(), "the keys known last stay in use");
                old.at = Instant::now();
                Ok(old.keys.clone())
            }
            (Err(error), _) => Err(object_store::Error::Generic { store: "S3", source: error.report().into() }),
        }
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Container({})", self.url.origin().ascii_serialization())
    }
}

// === impl Token ===

impl Token {
    async fn read(&self) -> Result<Option<String>> {
        match self {
            Self::None => Ok(None),
            Self::Text(text) => Ok(Some(text.clone())),
            Self::File(path) => {
                let wrong = || Error::unavailable(format!("the token file `{}` can't be read", path.display()));
                tokio::fs::read_to_string(path).await.map(Some).map_err(|e| wrong().with_source(e))
            }
        }
    }
}

// === impl Known ===

impl Known {
    /// Whether they are good for longer than this.
    fn is_good(&self, left: Duration) -> bool {
        self.until.is_none_or(|until| until.saturating_duration_since(Instant::now()) > left)
    }

    /// Whether they are good and were fetched, or tried to be, a moment ago.
    fn is_new(&self) -> bool {
        self.is_good(Duration::ZERO) && self.at.elapsed() < Duration::from_secs(1)
    }
}

/// Whether a token may be sent there.
fn may_be_asked(url: &Url) -> bool {
    let near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(at)) => at.is_loopback() || NEAR.contains(&at.to_string().as_str()),
        Some(Host::Ipv6(at)) => at.is_loopback() || NEAR.contains(&at.to_string().as_str()),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && near)
}
