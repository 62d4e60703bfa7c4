//! What is appended to a queue's files: all that came at the same time, in one go.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_pipeline::{Error, Result};

use super::segment::{self, Bad, HEADER, Position, Record};

/// A batch to be appended.
pub(super) struct Entry {
    /// The batch as a message.
    pub(super) payload: Vec<u8>,
    pub(super) samples: u64,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub(super) accepted: i64,
}

/// The files of a queue, and the end of the last one.
pub(super) struct Files {
    dir: PathBuf,
    /// The length at which a new segment begins.
    segment_bytes: u64,
    /// The segment that is appended to.
    open: Option<Open>,
    /// The number of the next segment.
    next: u64,
    /// Held so long as the queue lives, and let go before others are told.
    _lock: File,
    _owned: Owned,
}

/// A directory, and the pipeline of this program whose queue has it.
struct Owned(PathBuf);

/// The directories that queues of this program have, with their pipelines.
static OWNED: Mutex<BTreeMap<PathBuf, Arc<str>>> = Mutex::new(BTreeMap::new());

/// Why a queue can't have its directory.
pub(super) enum Refused {
    /// It is that of a queue of the same pipeline, as it was before it changed.
    Owned,
    /// For good.
    Wrong(Error),
}

struct Open {
    file: File,
    number: u64,
    salt: u64,
    len: u64,
}

/// The segments that there are: how far each can be read.
pub(super) type Ends = BTreeMap<u64, u64>;

/// What is found in a directory.
pub(super) struct Found {
    pub(super) files: Files,
    pub(super) ends: Ends,
    /// What is to be sent first.
    pub(super) cursor: Position,
}

/// The file of the segment `number`.
pub(super) fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}.queue"))
}

fn cursor_of(dir: &Path) -> PathBuf {
    dir.join("cursor")
}

/// Opens the directory of a queue of `pipeline`, which is made where there is none.
///
/// # Errors
/// It can't be used, another queue has it, or a newer program wrote it.
pub(super) fn open(dir: &Path, segment_bytes: u64, pipeline: &Arc<str>) -> Result<Found, Refused> {
    match lock(dir)? {
        Some(lock) => find(dir, segment_bytes, lock, pipeline).map_err(Refused::Wrong),
        None if owned().get(dir) == Some(pipeline) => Err(Refused::Owned),
        None => {
            let shown = dir.display();
            Err(Refused::Wrong(Error::unavailable(format!("another queue has the directory `{shown}`"))))
        }
    }
}

fn owned() -> MutexGuard<'static, BTreeMap<PathBuf, Arc<str>>> {
    OWNED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lock of a directory, where nobody has it.
fn lock(dir: &Path) -> Result<Option<File>, Refused> {
    let open = || {
        std::fs::create_dir_all(dir)?;
        File::options().create(true).truncate(false).write(true).open(dir.join("lock"))
    };
    let lock = open().map_err(|e| Refused::Wrong(unusable(dir, e)))?;
    Ok(lock.try_lock().is_ok().then_some(lock))
}

fn unusable(dir: &Path, error: io::Error) -> Error {
    Error::unavailable(format!("expected a directory for the queue at `{}`", dir.display())).with_source(error)
}

/// What is found in a directory.
fn find(dir: &Path, segment_bytes: u64, lock: File, pipeline: &Arc<str>) -> Result<Found> {
    let wrong = |e| unusable(dir, e);
    let mut ends = Ends::new();
    for entry in std::fs::read_dir(dir).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".queue")?.parse::<u64>().ok());
        let Some(number) = number else { continue };
        let path = entry.path();
        if let Err(Bad::Newer(version)) = segment::decode_header(&head(&path).map_err(wrong)?) {
            return Err(newer(&path, version));
        }
        ends.insert(number, entry.metadata().map_err(wrong)?.len());
    }
    let cursor = read_cursor(dir)?;
    let first = ends.keys().next().copied().unwrap_or(0);
    let start = Position { segment: first, offset: HEADER as u64 };
    // A segment goes once the cursor beyond it is kept. Without a cursor everything that is there is sent.
    let cursor = cursor.filter(|cursor| ends.contains_key(&cursor.segment)).unwrap_or(start);
    let last = ends.keys().next_back().copied().max(Some(cursor.segment)).unwrap_or(0);
    owned().insert(dir.to_owned(), pipeline.clone());
    let owned = Owned(dir.to_owned());
    let files = Files { dir: dir.to_owned(), segment_bytes, open: None, next: last + 1, _lock: lock, _owned: owned };
    Ok(Found { files, ends, cursor })
}

fn newer(path: &Path, version: u16) -> Error {
    let (shown, known) = (path.display(), segment::VERSION);
    Error::invalid(format!("expected a queue of version {known} or older in `{shown}`, got version {version}"))
}

/// The first bytes of a file.
fn head(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::with_capacity(HEADER);
    File::open(path)?.take(HEADER as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the cursor says, where there is one that can be read.
fn read_cursor(dir: &Path) -> Result<Option<Position>> {
    let path = cursor_of(dir);
    let Ok(bytes) = head(&path) else { return Ok(None) };
    match segment::decode_cursor(&bytes) {
        Ok(at) => Ok(Some(at)),
        Err(Bad::Newer(version)) => Err(newer(&path, version)),
        Err(Bad::Damaged) => {
            tracing::warn!(path = %path.display(), "the queue's cursor can't be read: some batches are sent again");
            Ok(None)
        }
    }
}

/// Keeps what is to be sent first after the next start.
pub(super) fn keep_cursor(dir: &Path, at: Position) -> io::Result<()> {
    let (path, new) = (cursor_of(dir), dir.join("cursor.new"));
    let mut file = File::create(&new)?;
    file.write_all(&segment::encode_cursor(at))?;
    file.sync_data()?;
    std::fs::rename(new, path)
}

// === impl Owned ===

impl Drop for Owned {
    fn drop(&mut self) {
        owned().remove(&self.0);
    }
}

// === impl Entry ===

impl Entry {
    /// How many bytes its record takes.
    pub(super) fn size(&self) -> u64 {
        (segment::RECORD + self.payload.len()) as u64
    }
}

// === impl Files ===

impl Files {
    /// Appends all of `entries`, syncs them, and says how far which segment can be read now.
    ///
    /// # Errors
    /// None of them may be counted on. The next ones go to a new segment.
    pub(super) fn append(&mut self, entries: &[Entry]) -> io::Result<(u64, u64)> {
        let appended = self.try_append(entries);
        if appended.is_err() {
            // What the disk has of it is told from a record by its checksum.
            self.open = None;
        }
        appended
    }

    fn try_append(&mut self, entries: &[Entry]) -> io::Result<(u64, u64)> {
        if self.open.as_ref().is_some_and(|open| open.len >= self.segment_bytes) {
            self.open = None;
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        let open = self.open.insert(open);
        let mut bytes = Vec::with_capacity(entries.iter().map(|entry| entry.size() as usize).sum());
        for Entry { payload, samples, accepted } in entries {
            Record::of(payload, *samples, *accepted, open.salt).encode(open.salt, &mut bytes);
            bytes.extend_from_slice(payload);
        }
        open.file.write_all(&bytes)?;
        open.file.sync_data()?;
        open.len += bytes.len() as u64;
        Ok((open.number, open.len))
    }

    /// Begins a segment, and syncs that there is one.
    fn begin(&mut self) -> io::Result<Open> {
        let number = self.next;
        self.next += 1;
        let salt = RandomState::new().hash_one(number);
        let mut file = File::options().create_new(true).write(true).open(path_of(&self.dir, number))?;
        file.write_all(&segment::encode_header(number, salt))?;
        file.sync_data()?;
        File::open(&self.dir)?.sync_all()?;
        Ok(Open { file, number, salt, len: HEADER as u64 })
    }
}
