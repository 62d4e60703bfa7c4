//! The seam between the log and the file system, so that tests can drop what was not synced.
//!
//! [`RealFs`] is the operating system. [`SimFs`](sim::SimFs) lives in memory, knows what has been synced, crashes on
//! demand and fails where it is told to.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

pub mod sim;

/// What the log needs from a file system.
///
/// A file's bytes are durable after [`Append::sync`]; its name is durable after [`Fs::sync_dir`] of its directory.
pub trait Fs: Send + Sync + 'static {
    /// Creates a directory and those above it. Durable when this returns.
    ///
    /// # Errors
    /// The operating system's.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// The names of the files in a directory, sorted.
    ///
    /// # Errors
    /// The operating system's.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Creates a file that must not exist, to append to.
    ///
    /// # Errors
    /// The operating system's.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Append>>;

    /// Opens a file to read it from its beginning.
    ///
    /// # Errors
    /// The operating system's.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>>;

    /// How long a file is, in bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn len(&self, path: &Path) -> io::Result<u64>;

    /// Cuts a file to `len` bytes. Durable when this returns.
    ///
    /// # Errors
    /// The operating system's.
    fn truncate(&self, path: &Path, len: u64) -> io::Result<()>;

    /// Gives a file another name.
    ///
    /// # Errors
    /// The operating system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The operating system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// The operating system's.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes the lock file at `path`, creating it where needed. The lock is held until the value is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where another process holds it; else the operating system's.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Held>>;
}

/// A file that grows at its end.
pub trait Append: Write + Send {
    /// Makes all bytes written so far durable. After a failure nobody knows which of them are: a second call that
    /// succeeds proves nothing, so the caller gives the file up.
    ///
    /// # Errors
    /// The operating system's.
    fn sync(&mut self) -> io::Result<()>;
}

/// A lock that is held while this lives.
pub trait Held: Send + Sync {}

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

// === impl RealFs ===

impl Fs for RealFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let missing: Vec<&Path> = dir.ancestors().take_while(|above| !above.exists()).collect();
        fs::create_dir_all(dir)?;
        for above in missing.iter().filter_map(|new| new.parent()) {
            self.sync_dir(if above.as_os_str().is_empty() { Path::new(".") } else { above })?;
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string().ok());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn Append>> {
        Ok(Box::new(fs::OpenOptions::new().append(true).create_new(true).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(fs::File::open(path)?))
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let file = fs::OpenOptions::new().write(true).open(path)?;
        file.set_len(len)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Held>> {
        let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Append for fs::File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Held for fs::File {}

#[cfg(test)]
mod tests;
