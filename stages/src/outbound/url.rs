//! Where a request goes.

use std::fmt;

use hyper::Uri;
use hyper::http::uri::Scheme;
use serde::Deserialize;
use weir_pipeline::units::Location;

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
        // The text may have a secret where it is wrong, so only its beginning is shown.
        let shown: String = text.chars().take_while(|c| *c != '?' && *c != '@').take(100).collect();
        let wrong = || format!("expected an address such as `https://example.com/path`, got `{shown}`");
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
