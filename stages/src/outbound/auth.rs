//! Who a request says that it is from.

use std::path::{Path, PathBuf};

use hyper::header::HeaderValue;
use serde::{Deserialize, Deserializer};
use weir_pipeline::units::{Secret, Wordless};
use weir_pipeline::{Error, Result};

/// The longest file with a secret, in bytes.
const MAX_SECRET: u64 = 64 << 10;

/// A user with a password.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct BasicAuth {
    /// The user's name. Default `""`.
    #[serde(default)]
    pub username: String,
    /// The password. Default none.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The file that has the password, instead.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
}

/// What the header `Authorization` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Authorization {
    /// The scheme. Default `Bearer`.
    #[serde(default = "bearer", rename = "type")]
    pub kind: String,
    /// What follows it.
    #[serde(default)]
    pub credentials: Option<Secret>,
    /// The file that has what follows it, instead.
    #[serde(default)]
    pub credentials_file: Option<PathBuf>,
}

/// Who a request says that it is from: nobody, or what one of the settings says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth(Option<Kind>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Basic(String, Source),
    /// A scheme and its credentials.
    Other(String, Source),
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Given(Secret),
    File(PathBuf),
    Nowhere,
}

fn bearer() -> String {
    "Bearer".to_owned()
}

// === impl BasicAuth ===

impl<'de> Deserialize<'de> for BasicAuth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(Wordless(deserializer))
    }
}

// === impl Authorization ===

impl<'de> Deserialize<'de> for Authorization {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(Wordless(deserializer))
    }
}

// === impl Auth ===

impl Auth {
    /// What these settings say, of which at most one is given.
    ///
    /// # Errors
    /// More than one is given, or one says two things.
    pub fn new(
        basic: Option<BasicAuth>,
        authorization: Option<Authorization>,
        token: Option<Secret>,
        token_file: Option<PathBuf>,
    ) -> Result<Self, String> {
        let given = [basic.is_some(), authorization.is_some(), token.is_some(), token_file.is_some()];
        if given.iter().filter(|given| **given).count() > 1 {
            let all = "`basic_auth`, `authorization`, `bearer_token` and `bearer_token_file`";
            return Err(format!("expected at most one of {all}"));
        }
        if let Some(BasicAuth { username, password, password_file }) = basic {
            if username.contains(':') {
                return Err("expected a `username` without `:`".into());
            }
            return Ok(Self(Some(Kind::Basic(username, Source::new("password", password, password_file)?))));
        }
        if let Some(Authorization { kind, credentials, credentials_file }) = authorization {
            let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            if kind.is_empty() || !kind.bytes().all(is_token) {
                // Not shown: it may have the credentials in it.
                return Err("expected a scheme such as `Bearer` as `type`, and what follows it as `credentials`".into());
            }
            if kind.eq_ignore_ascii_case("basic") {
                return Err("expected `basic_auth` where the `type` is `Basic`".into());
            }
            let source = Source::new("credentials", credentials, credentials_file)?;
            return Ok(Self(Some(Kind::Other(kind, source))));
        }
        let source = Source::new("bearer_token", token, token_file)?;
        Ok(Self((source != Source::Nowhere).then(|| Kind::Other(bearer(), source))))
    }

    /// Whether it says nobody.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The value of the header `Authorization`. Reads files anew.
    ///
    /// # Errors
    /// `Unavailable` where a file can't be read, or has what no header may.
    pub(crate) async fn header(&self) -> Result<Option<HeaderValue>> {
        let text = match &self.0 {
            None => return Ok(None),
            Some(Kind::Basic(username, password)) => {
                let text = format!("{username}:{}", password.read().await?);
                format!("Basic {}", base64(text.as_bytes()))
            }
            Some(Kind::Other(scheme, credentials)) => format!("{scheme} {}", credentials.read().await?),
        };
        // What is wrong with it is not shown.
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Error::unavailable("expected credentials that a header may have"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

// === impl Source ===

impl Source {
    fn new(name: &str, secret: Option<Secret>, file: Option<PathBuf>) -> Result<Self, String> {
        match (secret, file) {
            (Some(_), Some(_)) => Err(format!("expected `{name}` or `{name}_file`, got both")),
            (Some(secret), None) => Ok(Self::Given(secret)),
            (None, Some(file)) if file.as_os_str().is_empty() => Err(format!("expected a path as `{name}_file`")),
            (None, Some(file)) => Ok(Self::File(file)),
            (None, None) => Ok(Self::Nowhere),
        }
    }

    async fn read(&self) -> Result<String> {
        match self {
            Self::Given(secret) => Ok(secret.reveal().to_owned()),
            Self::File(path) => read_file(path).await,
            Self::Nowhere => Ok(String::new()),
        }
    }
}

/// The text of a file, without blanks around it.
async fn read_file(path: &Path) -> Result<String> {
    let shown = path.display();
    let wrong = |e| Error::unavailable(format!("expected a secret in the file `{shown}`")).with_source(e);
    let size = tokio::fs::metadata(path).await.map_err(wrong)?.len();
    if size > MAX_SECRET {
        return Err(Error::unavailable(format!("expected a secret of at most {MAX_SECRET} bytes in `{shown}`")));
    }
    let text = tokio::fs::read_to_string(path).await.map_err(wrong)?;
    Ok(text.trim().to_owned())
}

/// Base64 with padding, RFC 4648.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut all = [0; 3];
        all.iter_mut().zip(group).for_each(|(to, from)| *to = *from);
        let word = u32::from_be_bytes([0, all[0], all[1], all[2]]);
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i > group.len() { '=' } else { char::from(digit) });
        }
    }
    out
}

#[cfg(test)]
mod tests;
