//! TLS of listeners, of connections between nodes, and of those to servers of others.
//!
//! ```yaml
//! tls_server_config: { cert_file: node.crt, key_file: node.key, client_ca_file: ca.crt }
//! tls_config: { ca_file: ca.crt, cert_file: node.crt, key_file: node.key, server_name: weir }
//! ```
//!
//! The names are Prometheus'. Files are PEM. Both sides look at their files for each connection, and go on with those that
//! changed, so that certificates can be renewed; where what is new is wrong they stay with what they have, and say so. With
//! `client_ca_file` only clients are let in that have a certificate of these. TLS 1.2 and 1.3; the cryptography is `ring`'s.

mod accept;
mod anyone;
mod connect;
mod files;
pub(crate) mod renew;
mod subject;

use std::path::PathBuf;

use serde::Deserialize;
use weir_pipeline::units::some_path;

pub(crate) use accept::Acceptor;
pub(crate) use connect::Connector;
pub use subject::{CertificateField, PeerCertificate};

/// TLS of a listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsServer {
    /// The certificate of this node, and those between it and its root.
    #[serde(deserialize_with = "some_path")]
    pub cert_file: PathBuf,
    /// The certificate's private key.
    #[serde(deserialize_with = "some_path")]
    pub key_file: PathBuf,
    /// The roots of which clients must have a certificate. Without it no client needs one.
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
}

/// TLS of connections to other nodes and to servers of others.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Fields")]
pub struct TlsClient {
    ca_file: Option<PathBuf>,
    /// A certificate and its private key.
    own: Option<(PathBuf, PathBuf)>,
    server_name: Option<String>,
    insecure: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fields {
    /// The roots of which nodes must have a certificate. Default: those of the system.
    ca_file: Option<PathBuf>,
    /// The certificate of this node, where nodes ask for one.
    cert_file: Option<PathBuf>,
    /// The certificate's private key.
    key_file: Option<PathBuf>,
    /// The name that certificates of nodes must have. Default: the host of their address.
    server_name: Option<String>,
    /// Whether any certificate is taken, of whomever. Default false.
    insecure_skip_verify: bool,
}

// === impl TlsClient ===

impl TryFrom<Fields> for TlsClient {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let own = match (fields.cert_file, fields.key_file) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) => return Err("expected `key_file` beside `cert_file`".into()),
            (None, Some(_)) => return Err("expected `cert_file` beside `key_file`".into()),
        };
        if let Some(name) = fields.server_name.as_deref().filter(|name| connect::server_name(name).is_none()) {
            return Err(format!("expected a host as `server_name`, got `{name}`"));
        }
        let insecure = fields.insecure_skip_verify;
        Ok(Self { ca_file: fields.ca_file, own, server_name: fields.server_name, insecure })
    }
}

#[cfg(test)]
mod tests;
