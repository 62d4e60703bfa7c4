//! A file that makes place for another one once it is large.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::File as Settings;

/// A file that is written to, whichever it is.
pub(super) struct Rotated {
    settings: Settings,
    file: File,
}

// === impl Rotated ===

impl Rotated {
    /// Opens the file to append to it, and makes it where there is none.
    pub(super) fn open(settings: Settings) -> io::Result<Self> {
        let file = append(&settings.path)?;
        Ok(Self { settings, file })
    }

    /// Has the disk keep what was written.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Has so many bytes fit.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let mut here = self.file.metadata()?;
        let is_there = |there: Metadata| (there.dev(), there.ino()) == (here.dev(), here.ino());
        if !fs::metadata(&self.settings.path).is_ok_and(is_there) {
            self.file = append(&self.settings.path)?;
            here = self.file.metadata()?;
        }
        match self.settings.max_bytes {
            Some(most) if here.len() > 0 && here.len().saturating_add(bytes) > most.get() => self.rotate(),
            _ => Ok(()),
        }
    }

    /// Begins another file.
    fn rotate(&mut self) -> io::Result<()> {
        let path = &self.settings.path;
        // Up to the first gap each takes the place of the one before it; where there is none the last one is no more.
        let most = self.settings.max_files.get();
        let last = (1..most).find(|number| !numbered(path, *number).exists()).unwrap_or(most);
        for number in (1..last).rev() {
            fs::rename(numbered(path, number), numbered(path, number + 1))?;
        }
        fs::rename(path, numbered(path, 1))?;
        self.file = append(path)?;
        if self.settings.sync {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(())
    }
}

impl Write for Rotated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.make_room(bytes.len() as u64)?;
        // All of it: the rest must not begin another file.
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn append(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

/// The file that was so many files before.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}
