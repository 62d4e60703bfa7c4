//! A bucket that speaks S3, of AWS or anybody else.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::limit::LimitStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{Certificate, ClientOptions, ObjectStore};
use serde::Deserialize;
use url::{Host, Url};
use weir_pipeline::{Error, Result};

use super::credentials::Credentials;
use super::patience::Patience;
use super::requests::Requests;

/// A bucket that speaks S3.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub(super) struct S3(Fields);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// The bucket's name.
    bucket: Name,
    /// What all objects' names begin with, a directory as `weir/`. Default: nothing.
    #[serde(default)]
    prefix: Prefix,
    /// Where the S3 is, as `http://127.0.0.1:9000`; without TLS only where it says `http`. Default: AWS.
    endpoint: Option<Endpoint>,
    /// The region, which signatures name. Default `us-east-1`.
    #[serde(default)]
    region: Region,
    /// Whether the bucket's name is in the path, not in the host's name. Default: with an endpoint yes, with AWS no.
    path_style: Option<bool>,
    /// Where the keys come from: `environment`, `instance`, `anonymous` or `{ file: /etc/weir/s3.yaml }`. Default:
    /// `environment` if that has `AWS_ACCESS_KEY_ID`, else `instance`.
    credentials: Option<Credentials>,
    /// The roots of which the endpoint may have a certificate, in PEM, beside those of the system; read at the start. Default
    /// none.
    #[serde(default)]
    ca_file: Option<PathBuf>,
    /// How many requests are under way at a time, with their repetitions; others wait. Default `64`.
    #[serde(default = "default_max_requests")]
    max_requests: NonZeroUsize,
}

fn default_max_requests() -> NonZeroUsize {
    NonZeroUsize::new(64).unwrap_or(NonZeroUsize::MIN)
}

/// The name of a bucket.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

/// What all objects' names begin with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
struct Prefix(Path);

/// The origin of an S3.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
struct Endpoint(Url);

/// The name of a region.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Region(String);

// === impl S3 ===

impl S3 {
    /// The store, with the prefix in place. Nothing is sent yet.
    ///
    /// # Errors
    /// There are no credentials, or the file of roots can't be used.
    pub(super) fn connect(
        &self,
        patience: &Patience,
        requests: Requests,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Arc<dyn ObjectStore>> {
        let Fields { bucket, prefix, endpoint, region, path_style, credentials, max_requests, .. } = &self.0;
        let path_style = path_style.unwrap_or(endpoint.is_some());
        let allow_http = endpoint.as_ref().is_some_and(|endpoint| endpoint.0.scheme() == "http");
        let client = patience.to_client().with_allow_http(allow_http);
        let client = self.roots()?.into_iter().fold(client, ClientOptions::with_root_certificate);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.0)
            .with_region(&region.0)
            .with_virtual_hosted_style_request(!path_style)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_http_connector(requests.clone())
            .with_client_options(client)
            .with_retry(patience.to_retry());
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint.to_base(&bucket.0, path_style));
        }
        let credentials = credentials.clone().unwrap_or_else(|| Credentials::found(lookup));
        let store = credentials.of(builder, lookup, &requests)?.build();
        let store = store.map_err(|e| Error::invalid("the client of the bucket can't be made").with_source(e))?;
        // A query may need hundreds of blocks at once: all asked for together, each would take longer than it may.
        let store = LimitStore::new(store, max_requests.get());
        if prefix.0.as_ref().is_empty() {
            return Ok(Arc::new(store));
        }
        Ok(Arc::new(PrefixStore::new(store, prefix.0.clone())))
    }

    /// The certificates of the file of roots.
    fn roots(&self) -> Result<Vec<Certificate>> {
        let Some(file) = &self.0.ca_file else { return Ok(Vec::new()) };
        let wrong = || Error::invalid(format!("expected certificates in PEM in the file `{}`", file.display()));
        let pem = std::fs::read(file).map_err(|e| wrong().with_source(e))?;
        let roots = Certificate::from_pem_bundle(&pem).map_err(|e| wrong().with_source(e))?;
        if roots.is_empty() { Err(wrong()) } else { Ok(roots) }
    }

    /// What it is, for logs.
    pub(super) fn shown(&self) -> String {
        format!("s3://{}/{}", self.0.bucket.0, self.0.prefix.0)
    }
}

impl TryFrom<Fields> for S3 {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { bucket, endpoint, path_style, .. } = &fields;
        match endpoint {
            Some(endpoint) if *path_style == Some(false) && endpoint.is_address() => {
                Err(format!("expected `path_style: true` with an address as `endpoint`, got `{endpoint:?}`"))
            }
            None if *path_style != Some(true) && bucket.0.contains('.') => Err(format!(
                "expected `path_style: true` with a dot in `bucket`, which no certificate covers, got `{}`",
                bucket.0
            )),
            _ => Ok(Self(fields)),
        }
    }
}

// === impl Name ===

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let ends = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.ends_with(|c: char| c.is_ascii_alphanumeric());
        if (3..=63).contains(&name.len()) && name.bytes().all(fits) && ends && !name.contains("..") {
            return Ok(Self(name));
        }
        let told = "expected 3 to 63 letters, digits, `.`, `-` and `_`, at the ends letters or digits";
        Err(format!("{told}, got `{name}`"))
    }
}

// === impl Prefix ===

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(prefix: String) -> Result<Self, String> {
        let path = prefix.strip_suffix('/').unwrap_or(&prefix);
        let fits = |c: char| c.is_ascii_alphanumeric() || "!-_.*'()/=+@".contains(c);
        let wrong = || format!("expected a directory such as `weir/` or `a/b/`, got `{prefix}`");
        if path.len() > 512 || path.starts_with('/') || !path.chars().all(fits) {
            return Err(wrong());
        }
        Path::parse(path).map(Self).map_err(|_| wrong())
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// What requests begin with: with the bucket's name in the host where it is not in the path.
    fn to_base(&self, bucket: &str, path_style: bool) -> String {
        let mut url = self.0.clone();
        let host = url.host_str().unwrap_or_default().to_owned();
        if !path_style {
            // A name that a host can't have stays out of it; the store then says that it knows no such bucket.
            let _ = url.set_host(Some(&format!("{bucket}.{host}")));
        }
        url.as_str().trim_end_matches('/').to_owned()
    }

    fn is_address(&self) -> bool {
        let parsed = self.0.host_str().is_some_and(|host| host.parse::<IpAddr>().is_ok());
        parsed || matches!(self.0.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)))
    }
}

impl TryFrom<String> for Endpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let expected = "expected an origin such as `https://s3.example.org` or `http://127.0.0.1:9000`";
        // What is in front of an `@` is not repeated: it may be a password.
        if text.contains('@') {
            return Err(format!("{expected}, without user and password"));
        }
        let wrong = || format!("{expected}, got `{text}`");
        let url = Url::parse(&text).map_err(|_| wrong())?;
        let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
            return Err(wrong());
        }
        Ok(Self(url))
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str())
    }
}

// === impl Region ===

impl Default for Region {
    fn default() -> Self {
        Self("us-east-1".to_owned())
    }
}

impl TryFrom<String> for Region {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if (1..=64).contains(&name.len()) && name.bytes().all(fits) {
            return Ok(Self(name));
        }
        Err(format!("expected the name of a region such as `eu-central-1`, got `{name}`"))
    }
}

#[cfg(test)]
mod tests;
