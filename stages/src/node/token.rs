//! What a node shows to others that ask who asks.

use std::path::{Path, PathBuf};

use hyper::header::HeaderValue;
use weir_pipeline::{Error, Result};

use crate::outbound::{Auth, BasicAuth, base64};
use crate::tls::renew::Renewed;

/// What is shown, of a file that is read again when it changes.
#[derive(Debug)]
pub(super) struct Shown {
    what: What,
    current: Renewed<HeaderValue>,
}

#[derive(Debug)]
enum What {
    /// The first line of a file.
    Token(PathBuf),
    Password(BasicAuth),
}

// === impl Shown ===

impl Shown {
    /// Reads the file of one of the two; `None` where there is neither.
    ///
    /// # Errors
    /// There are both, the file can't be read, or what it has is no token or password.
    pub(super) fn new(basic: Option<&BasicAuth>, token: Option<&Path>) -> Result<Option<Self>> {
        Auth::new(basic.cloned(), None, None, token.map(Path::to_owned)).map_err(Error::invalid)?;
        let (what, name, file) = match (basic, token) {
            (None, None) => return Ok(None),
            (Some(basic), _) => (What::Password(basic.clone()), "password", basic.password_file.clone()),
            (None, Some(file)) => (What::Token(file.to_owned()), "token", Some(file.to_owned())),
        };
        let current = Renewed::new(name, file.into_iter().collect(), || what.load())?;
        Ok(Some(Self { what, current }))
    }

    /// The value of the header `Authorization`.
    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::clone(&self.current.config(|| self.what.load()))
    }
}

// === impl What ===

impl What {
    fn load(&self) -> Result<HeaderValue> {
        match self {
            Self::Token(file) => {
                let token = first_line(file, "token")?;
                header(&format!("Bearer {token}")).ok_or_else(|| wrong(file, "token"))
            }
            Self::Password(BasicAuth { username, password, password_file }) => {
                let password = match (password, password_file) {
                    (Some(password), _) => password.reveal().to_owned(),
                    (None, Some(file)) => first_line(file, "password")?,
                    (None, None) => String::new(),
                };
                let text = format!("Basic {}", base64(format!("{username}:{password}").as_bytes()));
                header(&text).ok_or_else(|| Error::invalid("expected a name and a password that a header may have"))
            }
        }
    }
}

/// What is wrong with it is not told: it is a secret.
fn wrong(file: &Path, what: &str) -> Error {
    Error::invalid(format!("expected a {what} in the file `{}`", file.display()))
}

/// The first line of a file, which is not empty.
fn first_line(file: &Path, what: &str) -> Result<String> {
    let text = std::fs::read_to_string(file).map_err(|e| wrong(file, what).with_source(e))?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() { Err(wrong(file, what)) } else { Ok(line.to_owned()) }
}

fn header(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
