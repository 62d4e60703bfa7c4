//! From files to documents.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Document;
use crate::config::parse::MAX_FILE_BYTES;
use crate::config::{Mistake, Position};

/// The files that can be read, and why others can't.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) documents: Vec<Document>,
    pub(super) unread: Vec<Mistake>,
}

/// What files are: to know whether they changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents(Vec<(String, String)>);

// === impl Contents ===

impl Contents {
    /// What those files are that [`Plan::load`](super::Plan::load) reads; in place of one that can't be read, why it can't.
    pub fn of(paths: &[PathBuf]) -> Self {
        let Loaded { documents, unread } = Loaded::paths(paths);
        let read = documents.into_iter().map(|document| (document.name, document.text));
        Self(read.chain(unread.into_iter().map(|mistake| (mistake.file, mistake.message))).collect())
    }
}

// === impl Loaded ===

impl Loaded {
    /// Files, and the `*.yaml` and `*.yml` files of directories in the order of their names. Each file is read once, by the
    /// first of its names.
    pub(super) fn paths(paths: &[PathBuf]) -> Self {
        let (mut loaded, mut seen) = (Self::default(), BTreeSet::new());
        for path in paths {
            if !path.is_dir() {
                loaded.file(path, &mut seen);
            } else if loaded.directory(path, &mut seen) == 0 {
                loaded.unread.push(unreadable(path, "expected `*.yaml` files in this directory, found none"));
            }
        }
        loaded
    }

    /// A file, and those of its directory; or those of a directory.
    pub(super) fn beside(path: &Path) -> Self {
        if path.is_dir() {
            return Self::paths(&[path.to_owned()]);
        }
        let (mut loaded, mut seen) = (Self::default(), BTreeSet::new());
        loaded.file(path, &mut seen);
        let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
        loaded.directory(directory.unwrap_or(Path::new(".")), &mut seen);
        loaded
    }

    /// Reads the files of a directory. The number of mistakes and of files that it has.
    fn directory(&mut self, path: &Path, seen: &mut BTreeSet<PathBuf>) -> usize {
        let entries = std::fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                self.unread.push(unreadable(path, &format!("can't be read: {error}")));
                return 1;
            }
        };
        let is_yaml = |path: &PathBuf| path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        let files: BTreeSet<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(is_yaml).collect();
        files.iter().for_each(|file| self.file(file, seen));
        files.len()
    }

    fn file(&mut self, path: &Path, seen: &mut BTreeSet<PathBuf>) {
        // What is not there has only the name that it was given.
        if !seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned())) {
            return;
        }
        match document(path) {
            Ok(document) => self.documents.push(document),
            Err(message) => self.unread.push(unreadable(path, &message)),
        }
    }
}

fn document(path: &Path) -> Result<Document, String> {
    // Not more than that: it may be any file.
    let limit = MAX_FILE_BYTES + 1;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit as u64).read_to_end(&mut bytes));
    read.map_err(|e| format!("can't be read: {e}"))?;
    if bytes.len() == limit {
        return Err(format!("expected at most {MAX_FILE_BYTES} bytes, got more"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|e| format!("expected UTF-8, got other bytes from byte {} on", e.utf8_error().valid_up_to()))?;
    Ok(Document { name: path.display().to_string(), text })
}

fn unreadable(path: &Path, message: &str) -> Mistake {
    let at = Position { line: 1, column: 1 };
    Mistake { file: path.display().to_string(), at, path: String::new(), message: message.to_owned() }
}
