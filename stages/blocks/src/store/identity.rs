//! Who a store is, and which of its lives this is: what the catalog knows its blocks by.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use ulid::Ulid;
use weir_pipeline::{Error, Result};

use crate::seam::Fs;

/// The first line of the file of a store that has all that it ever acknowledged.
const WHOLE: &str = "weir-store 1";

/// That of one that lost something: a line more says when it began anew.
const RENEWED: &str = "weir-store 2";

/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 1024;

/// Who a store is. A clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Its name, for ever.
    pub(super) writer: String,
    /// Since when it has all that it acknowledged, in milliseconds since the Unix epoch: when it got its name, as it came
    /// empty then, or when it was last found to have lost something.
    began: Arc<AtomicI64>,
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
                let (writer, began) = parse(&text).ok_or_else(|| failed("read", io::Error::other("it is damaged")))?;
                Ok(Self { writer, began: Arc::new(began.into()), life })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let writer = Ulid::from_parts(now.max(0) as u64, Ulid::generate().random());
                let (writer, began) = (writer.to_string(), Arc::new(named(writer).into()));
                write(fs, dir, &file, &text(&writer, None)).map_err(|e| failed("written", e))?;
                Ok(Self { writer, began, life })
            }
            Err(error) => Err(failed("read", error)),
        }
    }

    /// When it began.
    pub(super) fn began(&self) -> i64 {
        self.began.load(Relaxed)
    }

    /// Begins anew, `now`: it keeps its name, but has no longer all that it acknowledged before.
    ///
    /// # Errors
    /// The disk fails.
    pub(super) fn renew(&self, fs: &dyn Fs, dir: &Path, now: i64) -> Result<()> {
        let file = dir.join("identity");
        write(fs, dir, &file, &text(&self.writer, Some(now))).map_err(|error| {
            Error::internal(format!("the file `{}` can't be written", file.display())).with_source(error)
        })?;
        self.began.store(now, Relaxed);
        Ok(())
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

/// What the file of a store of this name has, where it began anew then.
fn text(writer: &str, anew: Option<i64>) -> String {
    let body = match anew {
        None => format!("{WHOLE}\n{writer}\n"),
        Some(at) => format!("{RENEWED}\n{writer}\n{at}\n"),
    };
    format!("{body}{:08x}\n", crc32c::crc32c(body.as_bytes()))
}

/// The name in a file, and when the store began; `None` where it is damaged.
fn parse(whole: &str) -> Option<(String, i64)> {
    let mut lines = whole.lines();
    let (magic, writer) = (lines.next()?, lines.next()?);
    let name = Ulid::from_string(writer).ok()?;
    let anew = if magic == RENEWED { Some(lines.next()?.parse().ok()?) } else { None };
    (text(writer, anew) == whole).then(|| (writer.to_owned(), anew.unwrap_or_else(|| named(name))))
}

/// When a name was given.
fn named(writer: Ulid) -> i64 {
    i64::try_from(writer.timestamp_ms()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
