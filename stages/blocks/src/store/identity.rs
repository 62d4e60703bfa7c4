//! Who a store is, and which of its lives this is: what the catalog knows its blocks by.

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
    /// When it got its name, in milliseconds since the Unix epoch: it came empty then.
    pub(super) began: i64,
    /// A number by chance for the time from one opening to the next, above 0. Not a count: of a directory that was copied
    /// both would count alike, and take what the other uploaded for theirs.
    pub(super) life: u32,
}

// === impl Identity ===

impl Identity {
    /// Reads the file `identity` in a store's directory, and begins a life; a store that has none gets one, `now`.
    ///
    /// # Errors
    /// The file is damaged, or the disk is.
    pub(super) fn next(fs: &dyn Fs, dir: &Path, now: i64) -> Result<Self> {
        let life = (Ulid::generate().random() as u32).max(1);
        let file = dir.join("identity");
        let failed = |what: &str, error: io::Error| {
            Error::internal(format!("the file `{}` can't be {what}", file.display())).with_source(error)
        };
        match fs.open(&file) {
            Ok(reader) => {
                let mut text = String::new();
                reader.take(MAX_BYTES).read_to_string(&mut text).map_err(|e| failed("read", e))?;
                let writer = parse(&text).ok_or_else(|| failed("read", io::Error::other("it is damaged")))?;
                Ok(Self { writer: writer.to_string(), began: began(writer), life })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let writer = Ulid::from_parts(now.max(0) as u64, Ulid::generate().random());
                write(fs, dir, &file, &text(&writer.to_string())).map_err(|e| failed("written", e))?;
                Ok(Self { writer: writer.to_string(), began: began(writer), life })
            }
            Err(error) => Err(failed("read", error)),
        }
    }
}

/// Makes the file, whole or not at all.
fn write(fs: &dyn Fs, dir: &Path, file: &Path, text: &str) -> io::Result<()> {
    let new = dir.join("identity.new");
    match fs.remove(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = fs.create(&new)?;
    written.write_all(text.as_bytes())?;
    written.sync()?;
    fs.rename(&new, file)?;
    fs.sync_dir(dir)
}

fn text(writer: &str) -> String {
    let body = format!("{MAGIC}\n{writer}\n");
    format!("{body}{:08x}\n", crc32c::crc32c(body.as_bytes()))
}

/// The name in a file; `None` where it is damaged.
fn parse(whole: &str) -> Option<Ulid> {
    let mut lines = whole.lines();
    let (_, writer) = (lines.next()?, lines.next()?);
    let name = Ulid::from_string(writer).ok()?;
    (text(writer) == whole).then_some(name)
}

/// When a name was given.
fn began(writer: Ulid) -> i64 {
    i64::try_from(writer.timestamp_ms()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
