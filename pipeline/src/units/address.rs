//! Where something listens.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};

/// The longest name of a host.
const MAX_HOST: usize = 253;

/// A host and a port, as something listens on: `127.0.0.1:9090`, `[::1]:9090`, `localhost:9090`. Port 0 is any that is
/// free. Whether there is such a host shows when it is used.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    text: String,
    port: u16,
}

// === impl Address ===

impl Address {
    /// Host and port, as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self { text: address.to_string(), port: address.port() }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a host and a port such as `127.0.0.1:9090`, got `{text}`");
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { text: text.to_owned(), port: address.port() });
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        // A number may have a sign, a port has none.
        let is_port = port.bytes().all(|b| b.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_port).ok_or_else(wrong)?;
        if host.is_empty() {
            return Err(format!("expected a host before the port, `0.0.0.0{text}` for all of IPv4, got `{text}`"));
        }
        if is_host(host) { Ok(Self { text: text.to_owned(), port }) } else { Err(wrong()) }
    }
}

/// Whether it is the name of a host or an IPv4 address. One of IPv6, in brackets, is read before.
fn is_host(host: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    // Systems read `1.2` and `300.1.1.1` as they like.
    if is_number { host.parse::<Ipv4Addr>().is_ok() } else { name.len() <= MAX_HOST && name.split('.').all(is_label) }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
