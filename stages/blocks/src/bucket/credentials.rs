//! Who asks a bucket: keys of the environment, of a file, or of the instance. Never in a pipeline file, never in a log.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential};
use object_store::client::HttpConnector;
use object_store::{CredentialProvider, StaticCredentialProvider};
use serde::Deserialize;
use tokio::time::Instant;
use weir_pipeline::config::{Env, parse, settings};
use weir_pipeline::{Error, Result};

mod container;

use container::Container;

/// How old the content of a file of keys may be.
pub(super) const FRESH: Duration = Duration::from_secs(10);

/// A file of keys has at most so many bytes.
const MAX_FILE: u64 = 64 << 10;

/// What the environment says of web identities, by the keys of `object_store`.
const INSTANCE: [&str; 4] =
    ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_ENDPOINT_URL_STS"];

/// What the environment calls the address of the metadata service: the SDKs of AWS, and others.
const METADATA: [&str; 2] = ["AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_METADATA_ENDPOINT"];

/// Where the keys come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Credentials {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, where there is one, `AWS_SESSION_TOKEN`.
    Environment,
    /// What the machine, container or pod is given: a web identity, a container's credentials, the metadata service.
    Instance,
    /// None: requests are not signed.
    Anonymous,
    /// A YAML file with `access_key_id`, `secret_access_key` and, where there is one, `session_token`; read again when it
    /// changes, within ten seconds.
    File(PathBuf),
}

/// The content of a file of keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// A file of keys, read again when it changes.
pub(super) struct KeyFile {
    path: PathBuf,
    fresh: Duration,
    known: Mutex<(Arc<AwsCredential>, Instant)>,
}

// === impl Credentials ===

impl Credentials {
    /// Where the keys come from that `lookup` finds in the environment: from there, else from the instance.
    pub(super) fn found(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        if lookup("AWS_ACCESS_KEY_ID").is_some() { Self::Environment } else { Self::Instance }
    }

    /// A store with these credentials.
    ///
    /// # Errors
    /// They are not there, or can't be in a request.
    pub(super) fn of(
        &self,
        builder: AmazonS3Builder,
        lookup: &dyn Fn(&str) -> Option<String>,
        connector: &dyn HttpConnector,
    ) -> Result<AmazonS3Builder> {
        match self {
            Self::Environment => {
                let keys = Keys {
                    access_key_id: variable(lookup, "AWS_ACCESS_KEY_ID")?,
                    secret_access_key: variable(lookup, "AWS_SECRET_ACCESS_KEY")?,
                    session_token: lookup("AWS_SESSION_TOKEN").filter(|token| !token.is_empty()),
                };
                let keys = keys.check().map_err(|what| {
                    Error::invalid(format!(
                        "the environment's `AWS_{}` has characters that no key has",
                        what.to_uppercase()
                    ))
                })?;
                Ok(builder.with_credentials(Arc::new(StaticCredentialProvider::new(keys))))
            }
            Self::Instance => instance(builder, lookup, container::HERE, connector),
            Self::Anonymous => Ok(builder.with_skip_signature(true)),
            Self::File(path) => Ok(builder.with_credentials(Arc::new(KeyFile::open(path, FRESH)?))),
        }
    }
}

/// A store with what the machine, container or pod is given, in the order in which AWS' SDKs look for it.
fn instance(
    builder: AmazonS3Builder,
    lookup: &dyn Fn(&str) -> Option<String>,
    here: &str,
    connector: &dyn HttpConnector,
) -> Result<AmazonS3Builder> {
    let web = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"].iter().all(|name| lookup(name).is_some());
    if web {
        return Ok(INSTANCE.iter().fold(builder, |builder, name| {
            let key: Option<AmazonS3ConfigKey> = name.to_lowercase().parse().ok();
            match key.zip(lookup(name)) {
                Some((key, value)) => builder.with_config(key, value),
                None => builder,
            }
        }));
    }
    if let Some(container) = Container::found(lookup, here, connector)? {
        return Ok(builder.with_credentials(Arc::new(container)));
    }
    let endpoint = METADATA.iter().find_map(|name| lookup(name).filter(|value| !value.is_empty()));
    Ok(match endpoint {
        Some(endpoint) => builder.with_metadata_endpoint(endpoint.trim_end_matches('/')),
        None => builder,
    })
}

fn variable(lookup: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<String> {
    let missing = || Error::invalid(format!("expected `{name}` in the environment"));
    lookup(name).filter(|value| !value.is_empty()).ok_or_else(missing)
}

// === impl Keys ===

impl Keys {
    /// The keys, or the name of the one that can't be in the header of a request.
    fn check(self) -> Result<AwsCredential, &'static str> {
        let fits = |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_graphic());
        let token = self.session_token.as_deref();
        let wrong = [
            ("access_key_id", fits(&self.access_key_id)),
            ("secret_access_key", fits(&self.secret_access_key)),
            ("session_token", token.is_none_or(fits)),
        ];
        match wrong.iter().find(|(_, fits)| !fits) {
            Some((name, _)) => Err(name),
            None => Ok(AwsCredential {
                key_id: self.access_key_id,
                secret_key: self.secret_access_key,
                token: self.session_token,
            }),
        }
    }
}

// === impl KeyFile ===

impl KeyFile {
    /// Reads a file, to be read again where its content is older than `fresh`.
    ///
    /// # Errors
    /// It can't be read, or has no keys.
    pub(super) fn open(path: &Path, fresh: Duration) -> Result<Self> {
        let keys = Arc::new(read(path)?);
        Ok(Self { path: path.to_owned(), fresh, known: Mutex::new((keys, Instant::now())) })
    }
}

#[async_trait]
impl CredentialProvider for KeyFile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, at) = lock().clone();
        if at.elapsed() < self.fresh {
            return Ok(known);
        }
        let path = self.path.clone();
        match tokio::task::spawn_blocking(move || read(&path)).await? {
            Ok(keys) if keys == *known => lock().1 = Instant::now(),
            Ok(keys) => {
                tracing::info!(path = %self.path.display(), "the keys of the bucket have changed");
                *lock() = (Arc::new(keys), Instant::now());
            }
            Err(error) => {
                // It may be in the middle of being replaced.
                lock().1 = Instant::now();
                tracing::warn!(error = error.report(), "the keys known last stay in use");
            }
        }
        Ok(lock().0.clone())
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFile({})", self.path.display())
    }
}

/// Reads a file of keys. The error says where a mistake is and not what it is: what stands there may be a key.
fn read(path: &Path) -> Result<AwsCredential> {
    let shown = path.display();
    let mut text = String::new();
    let file = std::fs::File::open(path);
    let bytes = file
        .and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text))
        .map_err(|e| Error::invalid(format!("the credentials file `{shown}` can't be read")).with_source(e))?;
    if bytes as u64 > MAX_FILE {
        return Err(Error::invalid(format!("the credentials file `{shown}` is larger than 64KiB")));
    }
    let keys = parse("", &text, &Env::from_fn(|_| None))
        .and_then(|node| settings::<Keys>("", "", &node))
        .map_err(|mistakes| {
            let line = mistakes.first().map_or(1, |mistake| mistake.at.line);
            let expected = "expected `access_key_id`, `secret_access_key` and perhaps `session_token`";
            Error::invalid(format!("the credentials file `{shown}` has a mistake in line {line}: {expected}"))
        })?
        .value;
    keys.check().map_err(|what| {
        Error::invalid(format!("the credentials file `{shown}` has characters in `{what}` that no key has"))
    })
}

#[cfg(test)]
mod tests;
