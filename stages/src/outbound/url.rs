//! Where a request goes.

use std::fmt;

use hyper::Uri;
use hyper::http::uri::Scheme;
use serde::Deserialize;
use weir_pipeline::units::{HIDDEN, Location};

/// How much is shown of a text that is no address, in characters.
const MAX_SHOWN: usize = 100;

/// The address of a server of others: `http` or `https`, a host, and a path. What is shown of it ends before its query,
/// which may have secrets.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Location")]
pub struct Url(Uri);

// === impl Url ===

impl Url {
    /// The address as a request has it.
    pub(crate) fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether it asks for TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }
}

impl TryFrom<Location> for Url {
    type Error = String;

    fn try_from(location: Location) -> Result<Self, String> {
        location.reveal().to_owned().try_into()
    }
}

impl TryFrom<String> for Url {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("expected an address such as `https://example.com/path`, got `{}`", shown(&text));
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_http = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme() == Some(&Scheme::HTTPS);
        let Some(authority) = uri.authority().filter(|_| is_http) else { return Err(wrong()) };
        if authority.as_str().contains('@') {
            return Err("expected an address without a user: name it with `basic_auth`".into());
        }
        let has_port = authority.as_str().rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        if authority.host().is_empty() || has_port && authority.port_u16().is_none() || text.contains('#') {
            return Err(wrong());
        }
        Ok(Self(uri))
    }
}

/// What may be seen of a text that was to be an address: no user and no password, of which one can't tell where they begin in
/// a text that is wrong, and no query.
pub(crate) fn shown(text: &str) -> String {
    match text.rsplit_once('@') {
        None => text.chars().take_while(|c| *c != '?').take(MAX_SHOWN).collect(),
        // It may stand in a query, or the mark before it in a password.
        Some((before, _)) if before.contains('?') => HIDDEN.to_owned(),
        Some((_, after)) => format!("{HIDDEN}@{}", shown(after)),
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}{}", self.0.scheme_str().unwrap_or_default(), self.0.path())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
