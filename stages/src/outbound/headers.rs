//! Headers that settings add to requests.

use std::collections::BTreeMap;
use std::fmt;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde::de::{Deserialize, Deserializer, Error as _};
use weir_pipeline::units::{HIDDEN, Secret, wordless};

/// Headers that a request has by itself.
const RESERVED: [&str; 17] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-prometheus-refresh-interval-seconds",
    "x-prometheus-remote-write-version",
    "x-prometheus-scrape-timeout-seconds",
];

/// Headers that settings add to requests. Their values are not shown: they may be secrets.
#[derive(Clone, Default, PartialEq)]
pub struct Headers(HeaderMap);

// === impl Headers ===

impl Headers {
    /// Adds them to a request's.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// Whether one is called so.
    pub(crate) fn has(&self, name: &HeaderName) -> bool {
        self.0.contains_key(name)
    }
}

impl TryFrom<BTreeMap<String, Secret>> for Headers {
    type Error = String;

    fn try_from(all: BTreeMap<String, Secret>) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            let parsed =
                HeaderName::try_from(&name).map_err(|_| format!("expected the name of a header, got `{name}`"))?;
            if RESERVED.contains(&parsed.as_str()) {
                return Err(format!("the header `{name}` is set by the request itself"));
            }
            let mut value = HeaderValue::from_str(value.reveal())
                .map_err(|_| format!("expected a value that a header may have for `{name}`"))?;
            value.set_sensitive(true);
            if headers.insert(parsed, value).is_some() {
                return Err(format!("expected each header once, got `{name}` twice"));
            }
        }
        Ok(Self(headers))
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all: BTreeMap<String, Secret> = wordless(deserializer)?;
        all.try_into().map_err(D::Error::custom)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.keys().map(|name| (name.as_str(), HIDDEN));
        f.debug_map().entries(shown).finish()
    }
}
