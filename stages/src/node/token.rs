//! What a node shows to others that ask who asks.

use std::path::{Path, PathBuf};

use hyper::header::HeaderValue;
use weir_pipeline::{Error, Result};

use crate::tls::renew::Renewed;

/// The token of a file, read again when it changes.
#[derive(Debug)]
pub(super) struct Token {
    file: PathBuf,
    current: Renewed<HeaderValue>,
}

// === impl Token ===

impl Token {
    /// Reads the file.
    ///
    /// # Errors
    /// It can't be read, or its first line is no token.
    pub(super) fn new(file: &Path) -> Result<Self> {
        let current = Renewed::new("token", vec![file.to_owned()], || load(file))?;
        Ok(Self { file: file.to_owned(), current })
    }

    /// The value of the header `Authorization`.
    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::clone(&self.current.config(|| load(&self.file)))
    }
}

fn load(file: &Path) -> Result<HeaderValue> {
    let wrong = || Error::invalid(format!("expected a token in the file `{}`", file.display()));
    let text = std::fs::read_to_string(file).map_err(|e| wrong().with_source(e))?;
    let token = text.lines().next().unwrap_or_default().trim();
    // What is wrong with it is not told: it is a secret.
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| wrong())?;
    header.set_sensitive(true);
    if token.is_empty() { Err(wrong()) } else { Ok(header) }
}
