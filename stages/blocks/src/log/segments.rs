//! Which segments there are, and who still needs them.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};

use super::format::SegmentHeader;
use super::lock;
use crate::seam::{Append, Fs};

/// So many bytes of a file are freed at once.
const STEP: u64 = 8 << 20;

/// What follows the name of a segment that is being removed.
const GONE: &str = ".gone";

/// Keeps a segment: as long as anyone has one, the segment is not removed.
#[derive(Clone, Debug)]
pub struct Hold(Arc<Segment>);

/// Segments that were there at one moment. It keeps none of them.
pub struct Present(Vec<Weak<Segment>>);

/// The segments of a log. A clone shares them.
#[derive(Clone)]
pub(super) struct Segments(Arc<State>);

#[derive(Debug)]
struct Segment {
    number: u64,
    bytes: AtomicU64,
}

struct State {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    all: Mutex<BTreeMap<u64, Hold>>,
}

// === impl Hold ===

impl Hold {
    pub(super) fn new(number: u64, bytes: u64) -> Self {
        Self(Arc::new(Segment { number, bytes: bytes.into() }))
    }

    /// The segment's number; later segments have greater ones.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    pub(super) fn grow(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// Whether nobody else holds the segment.
    fn is_last(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

// === impl Present ===

impl Present {
    /// Whether none of them is there any more.
    pub fn is_gone(&self) -> bool {
        self.0.iter().all(|segment| segment.strong_count() == 0)
    }
}

// === impl Segments ===

impl Segments {
    pub(super) fn new(fs: Arc<dyn Fs>, dir: PathBuf, replayed: Vec<Hold>) -> Self {
        let all = replayed.into_iter().map(|hold| (hold.number(), hold)).collect();
        Self(Arc::new(State { fs, dir, all: Mutex::new(all) }))
    }

    /// Creates the next segment: its header and its name are durable when this returns.
    pub(super) fn create(&self, version: u16) -> io::Result<(Box<dyn Append>, SegmentHeader, Hold)> {
        let number = lock(&self.0.all).last_key_value().map_or(1, |(last, _)| last + 1);
        let header = SegmentHeader { version, number, salt: RandomState::new().hash_one(number) };
        let path = self.path(number);
        let begin = || {
            let mut file = self.0.fs.create(&path)?;
            let bytes = header.encode();
            file.write_all(&bytes)?;
            file.sync()?;
            self.0.fs.sync_dir(&self.0.dir)?;
            Ok((file, Hold::new(number, bytes.len() as u64)))
        };
        match begin() {
            Ok((file, hold)) => {
                lock(&self.0.all).insert(number, hold.clone());
                Ok((file, header, hold))
            }
            Err(error) => {
                // Nothing was acknowledged from it. Where it can't be removed, the next start finds an empty segment.
                if self.0.fs.remove(&path).is_err() {
                    lock(&self.0.all).insert(number, Hold::new(number, 0));
                }
                Err(error)
            }
        }
    }

    /// Removes the segments that nobody holds. Where they are large this takes its time: a file system that frees all of one at
    /// once lets no sync through meanwhile.
    pub(super) fn reclaim(&self) -> io::Result<usize> {
        let free: Vec<_> = lock(&self.0.all).values().filter(|hold| hold.is_last()).cloned().collect();
        let mut large = Vec::new();
        for (number, bytes) in free.iter().map(|hold| (hold.number(), hold.bytes())) {
            let path = self.path(number);
            if bytes > STEP {
                // What is cut short must not look like a segment.
                let gone = self.0.dir.join(gone_name(number));
                unless_absent(self.0.fs.rename(&path, &gone))?;
                large.push(gone);
            } else {
                unless_absent(self.0.fs.remove(&path))?;
            }
            lock(&self.0.all).remove(&number);
        }
        if !free.is_empty() {
            self.0.fs.sync_dir(&self.0.dir)?;
        }
        large.iter().try_for_each(|gone| unless_absent(self.shrink(gone)))?;
        Ok(free.len())
    }

    /// Removes a file a part at a time.
    fn shrink(&self, path: &Path) -> io::Result<()> {
        let mut left = self.0.fs.len(path)?;
        while left > STEP {
            left -= STEP;
            self.0.fs.truncate(path, left)?;
        }
        self.0.fs.remove(path)
    }

    pub(super) fn present(&self) -> Present {
        Present(lock(&self.0.all).values().map(|hold| Arc::downgrade(&hold.0)).collect())
    }

    pub(super) fn size(&self) -> (usize, u64) {
        let all = lock(&self.0.all);
        (all.len(), all.values().map(Hold::bytes).sum())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.0.dir.join(file_name(number))
    }
}

/// The outcome of what is done to a file, which may be gone already.
fn unless_absent(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// The name of a segment's file.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:020}.log")
}

/// The name of a segment that is being removed.
fn gone_name(number: u64) -> String {
    format!("{}{GONE}", file_name(number))
}

/// Whether a file was a segment, and is of no use any more.
pub(super) fn is_gone(name: &str) -> bool {
    name.strip_suffix(GONE).and_then(number_of).is_some()
}

/// The number in the name of a segment's file.
pub(super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}
