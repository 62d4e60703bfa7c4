//! Who a store is, and how many times it was opened: what the catalog knows it by.

use std::io::{self, Read, Write};
use std::path::Path;

use ulid::Ulid;
use weir_pipeline::{Error, Result};

use crate::seam::Fs;

/// The first line of the file.
const MAGIC: &str = "weir-store 1";

/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 1024;

/// Who a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its name, for ever.
    pub(super) writer: String,
    /// How many times it was opened.
    pub(super) life: u32,
}

// === impl Identity ===

impl Identity {
    /// Reads the file `identity` in a store's directory, and begins the next life there; a store that has none gets one.
    ///
    /// # Errors
    /// The file is damaged, or the disk is.
    pub(super) fn next(fs: &dyn Fs, dir: &Path) -> Result<Self> {
        let (file, new) = (dir.join("identity"), dir.join("identity.new"));
        let failed = |what: &str, error: io::Error| {
            Error::internal(format!("the file `{}` can't be {what}", file.display())).with_source(error)
        };
        let identity = match fs.open(&file) {
            Ok(reader) => {
                let mut text = String::new();
                reader.take(MAX_BYTES).read_to_string(&mut text).map_err(|e| failed("read", e))?;
                let before = Self::parse(&text);
                let before = before.ok_or_else(|| failed("read", io::Error::other("it is damaged")))?;
                Self { life: before.life + 1, ..before }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self { writer: Ulid::generate().to_string(), life: 1 }
            }
            Err(error) => return Err(failed("read", error)),
        };
        let write = || {
            match fs.remove(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut written = fs.create(&new)?;
            written.write_all(identity.text().as_bytes())?;
            written.sync()?;
            fs.rename(&new, &file)?;
            fs.sync_dir(dir)
        };
        write().map_err(|e| failed("written", e))?;
        Ok(identity)
    }

    fn text(&self) -> String {
        let body = format!("{MAGIC}\n{}\n{}\n", self.writer, self.life);
        format!("{body}{:08x}\n", crc32c::crc32c(body.as_bytes()))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (magic, writer, life) = (lines.next()?, lines.next()?, lines.next()?);
        let identity = Self { writer: writer.to_owned(), life: life.parse().ok().filter(|life| *life < u32::MAX)? };
        (magic == MAGIC && identity.text() == text).then_some(identity)
    }
}

#[cfg(test)]
mod tests;
