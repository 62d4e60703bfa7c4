//! Who may ask a listener.
//!
//! ```yaml
//! auth:
//!   basic: { users: { alice: "$2y$10$…" }, users_file: users.htpasswd }
//!   bearer: { tokens_file: tokens }
//! ```
//!
//! Shape: every request must show a name and its password (`basic`), or a token (`bearer`); where both are set, one of them.
//! Passwords are kept as bcrypt hashes: `htpasswd -nBC 10 alice` makes one. `users_file` has lines `name:hash`, `tokens_file`
//! one token a line, of at least 16 bytes; empty lines and those that begin with `#` are passed over. Files are looked at for
//! each request, and read again when they change; where what is new is wrong, it stays with what it has, and says so. What
//! was found of a password is remembered, so that its hash is computed once, and off the threads that serve connections. No
//! comparison tells by its time what would be right.
//!
//! For clients that ask once for a token and show that from then on, as those of Arrow Flight do, a name and its password have
//! one: [`token`]. It is these two again, so that nothing need be kept of it, and it ends with the password.
//!
//! All paths need it, probes and `/metrics` too. Who may ask may ask for any tenant. Use it with `tls_server_config`: without
//! TLS passwords and tokens are sent as they are.
//!
//! Errors: who is not let in gets 401 with `WWW-Authenticate`, or over gRPC the status `UNAUTHENTICATED`, and is counted in
//! `weir_http_unauthorized_total`.
//!
//! Source: `basic_auth_users` of Prometheus' `web.config.file` (prometheus/exporter-toolkit, `docs/web-configuration.md`,
//! `web/handler.go`).

mod guard;
mod known;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use weir_pipeline::units::{Secret, some_path, wordless};

pub(crate) use guard::Guard;

/// What begins a token that is a name and its password.
const PASSWORD: &str = "basic.";

/// Who may ask.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Auth {
    basic: Option<Basic>,
    bearer: Option<Bearer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    /// Names and passwords. Default none.
    #[serde(default)]
    basic: Option<Basic>,
    /// Tokens. Default none.
    #[serde(default)]
    bearer: Option<Bearer>,
}

/// Names and passwords.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "BasicFields")]
struct Basic {
    /// The bcrypt hash of each one's password.
    users: BTreeMap<String, Secret>,
    /// Where there are more.
    users_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BasicFields {
    /// Names, and the bcrypt hash of each one's password.
    #[serde(default, deserialize_with = "wordless")]
    users: BTreeMap<String, Secret>,
    /// A file with lines `name:hash`.
    #[serde(default)]
    users_file: Option<PathBuf>,
}

/// Tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bearer {
    /// A file with one token a line.
    #[serde(deserialize_with = "some_path")]
    tokens_file: PathBuf,
}

/// What a client may show from now on, as the header `authorization` has it, instead of what it shows there now: a token
/// for a name and its password, and a token itself. `None` where it shows neither.
pub fn token(shown: &str) -> Option<String> {
    let (scheme, rest) = shown.trim().split_once(' ')?;
    let is = |name: &str| scheme.eq_ignore_ascii_case(name);
    if is("Basic") {
        return Some(format!("Bearer {PASSWORD}{}", rest.trim_start()));
    }
    is("Bearer").then(|| shown.to_owned())
}

// === impl Auth ===

impl TryFrom<Fields> for Auth {
    type Error = String;

    fn try_from(Fields { basic, bearer }: Fields) -> Result<Self, String> {
        if basic.is_none() && bearer.is_none() {
            return Err("expected `basic`, `bearer` or both, got neither".into());
        }
        Ok(Self { basic, bearer })
    }
}

// === impl Basic ===

impl TryFrom<BasicFields> for Basic {
    type Error = String;

    fn try_from(BasicFields { users, users_file }: BasicFields) -> Result<Self, String> {
        if users.is_empty() && users_file.is_none() {
            return Err("expected `users`, `users_file` or both, got neither".into());
        }
        for (name, hash) in &users {
            known::check_user(name, hash.reveal())?;
        }
        Ok(Self { users, users_file })
    }
}

#[cfg(test)]
mod tests;
