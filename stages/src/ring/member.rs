//! Who is in a ring.

use serde::Deserialize;

/// A node that keeps series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Member {
    /// What it is called, in places, metrics and logs.
    pub name: String,
    /// Where it takes batches, host and port.
    pub address: String,
    /// Where it answers other nodes' questions for samples, host and port. Empty where it does not.
    pub read_address: String,
    /// What fails together with it: a rack, an availability zone. Default `""`.
    pub zone: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    name: String,
    address: String,
    #[serde(default)]
    read_address: Option<String>,
    #[serde(default)]
    zone: String,
}

/// The members that keep the same partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaSet {
    /// What it is called, in places and metrics.
    pub name: String,
    /// As many as the ring's factor.
    pub members: Vec<Member>,
}

// === impl Member ===

impl Member {
    /// A member of this name.
    ///
    /// # Errors
    /// A sentence: it can't be called so, or an address is none.
    pub fn new(name: String, address: String, read_address: Option<String>, zone: String) -> Result<Self, String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 100 || !name.chars().all(is_name) {
            return Err(format!("expected a name of 1 to 100 letters, digits, `-`, `_` and `.`, got `{name}`"));
        }
        if let Some(wrong) = std::iter::once(&address).chain(&read_address).find(|address| !is_address(address)) {
            return Err(format!("expected a host and a port, got `{wrong}`"));
        }
        Ok(Self { name, address, read_address: read_address.unwrap_or_default(), zone })
    }
}

impl TryFrom<Fields> for Member {
    type Error = String;

    fn try_from(Fields { name, address, read_address, zone }: Fields) -> Result<Self, String> {
        Self::new(name, address, read_address, zone)
    }
}

/// A host and a port above 0.
fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    // A number may have a sign, a port has none.
    is_host(host) && !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')),
    }
}
