//! Reading a log back, record by record.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::AddAssign;
use std::path::PathBuf;
use std::sync::Arc;

use weir_pipeline::{Batch, Error, Result};

use super::format::{
    BadSegment, MAX_PAYLOAD, RECORD_HEADER, RecordHeader, SEGMENT_HEADER, SegmentHeader, VERSION, version_for,
};
use super::known::Known;
use super::record;
use super::segments::{Hold, file_name, is_gone, number_of};
use crate::seam::Fs;

/// So many bytes are read at once.
const READ_BYTES: usize = 64 << 10;

/// What was found damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Segments whose end was torn and has been cut off.
    pub torn: u64,
    /// Records, or stretches between good records, that were skipped.
    pub bad_records: u64,
    /// Segments without a readable header, set aside as `*.log.bad`.
    pub bad_segments: u64,
    /// Bytes that were cut off, skipped or set aside.
    pub bytes: u64,
    /// Samples whose series was defined in a record that is lost.
    pub orphans: u64,
}

/// Reads all segments of a log, from the oldest, and never holds more than a few records.
pub struct Replay {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    on_loss: Box<OnLoss>,
    left: VecDeque<Hold>,
    segment: Option<Segment>,
    damage: Damage,
    bytes: u64,
}

/// What is done before it goes on where records were lost.
type OnLoss = dyn FnMut() -> Result<()> + Send;

/// The segment that is being read.
struct Segment {
    version: u16,
    window: Window,
    salt: u64,
    known: Known,
    hold: Hold,
}

/// A stretch of a file in memory, which moves along it.
struct Window {
    file: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// Where the window begins in `buffer`.
    start: usize,
    /// Where the window begins in the file.
    offset: u64,
}

/// What stands at the window's start.
enum Found {
    Record(RecordHeader),
    /// Nothing good until the end of the file.
    Torn,
    End,
}

// === impl Damage ===

impl Damage {
    /// Whether nothing was damaged.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether records are lost that may have been acknowledged: a torn end is of one that was not.
    pub fn is_loss(&self) -> bool {
        self.bad_records + self.bad_segments + self.orphans > 0
    }
}

impl AddAssign for Damage {
    fn add_assign(&mut self, other: Self) {
        self.torn += other.torn;
        self.bad_records += other.bad_records;
        self.bad_segments += other.bad_segments;
        self.bytes += other.bytes;
        self.orphans += other.orphans;
    }
}

// === impl Replay ===

impl Replay {
    /// Begins to read the log in `dir`.
    ///
    /// # Errors
    /// The directory can't be listed.
    pub fn new(fs: Arc<dyn Fs>, dir: PathBuf) -> Result<Self> {
        let unlisted = |error| {
            Error::internal(format!("the log directory `{}` can't be listed", dir.display())).with_source(error)
        };
        let (names, mut left) = (fs.list(&dir).map_err(unlisted)?, Vec::new());
        for gone in names.iter().filter(|name| is_gone(name)) {
            fs.remove(&dir.join(gone)).map_err(unlisted)?;
        }
        for number in names.iter().filter_map(|name| number_of(name)) {
            left.push(Hold::new(number, fs.len(&dir.join(file_name(number))).map_err(unlisted)?));
        }
        left.sort_unstable_by_key(Hold::number);
        let (on_loss, damage) = (Box::new(|| Ok(())), Damage::default());
        Ok(Self { fs, dir, on_loss, left: left.into(), segment: None, damage, bytes: 0 })
    }

    /// Does this once where it finds that records were lost, before anything is changed that tells it again.
    pub fn on_loss(mut self, does: impl FnMut() -> Result<()> + Send + 'static) -> Self {
        self.on_loss = Box::new(does);
        self
    }

    /// The segments that will be read, for the log that goes on after them.
    pub fn segments(&self) -> Vec<Hold> {
        self.left.iter().cloned().collect()
    }

    /// The next record's samples, and the segment that holds them; `None` at the end.
    ///
    /// # Errors
    /// A newer program wrote the log (`Invalid`), or the disk is broken.
    pub fn read(&mut self) -> Result<Option<(Batch, Hold)>> {
        loop {
            if self.segment.is_none() {
                let Some(hold) = self.left.pop_front() else { return Ok(None) };
                self.segment = self.begin(hold)?;
                continue;
            }
            let number = self.segment.as_ref().map_or(0, |segment| segment.hold.number());
            let lost = self.damage.is_loss();
            let found = self.step().map_err(|error| self.unreadable(number, error))?;
            if !lost && self.damage.is_loss() {
                (self.on_loss)()?;
            }
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// What was damaged so far.
    pub fn damage(&self) -> Damage {
        self.damage
    }

    /// How many bytes were read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn begin(&mut self, hold: Hold) -> Result<Option<Segment>> {
        let (number, len) = (hold.number(), hold.bytes());
        let path = self.dir.join(file_name(number));
        let read = || {
            let mut window = Window::new(self.fs.open(&path)?);
            let have = window.fill(SEGMENT_HEADER)?;
            Ok((window, have))
        };
        let (mut window, whole) = read().map_err(|error| self.unreadable(number, error))?;
        match SegmentHeader::decode(window.get(SEGMENT_HEADER)) {
            Ok(header) if whole => {
                window.skip(SEGMENT_HEADER);
                Ok(Some(Segment { version: header.version, window, salt: header.salt, known: Known::default(), hold }))
            }
            Err(BadSegment::Newer(version, encoding)) => Err(Error::invalid(format!(
                "log segment `{}` has format {version} with label encoding {encoding}; this program reads up to \
                 {VERSION} with {}: run the newer program, or let it cut all blocks first",
                path.display(),
                weir_pipeline::labels::ENCODING_VERSION,
            ))),
            // The header is synced before anything follows: a file without all of it never held a record.
            _ if !whole => {
                self.damage += Damage { torn: 1, bytes: len, ..Damage::default() };
                Ok(None)
            }
            _ => {
                let aside = path.with_extension("log.bad");
                tracing::error!(path = %aside.display(), bytes = len, "a log segment has no readable header; set aside");
                if !self.damage.is_loss() {
                    (self.on_loss)()?;
                }
                let moved = self.fs.rename(&path, &aside).and_then(|()| self.fs.sync_dir(&self.dir));
                moved.map_err(|error| self.unreadable(number, error))?;
                self.damage += Damage { bad_segments: 1, bytes: len, ..Damage::default() };
                Ok(None)
            }
        }
    }

    /// Reads one record; ends the segment where there is none.
    fn step(&mut self) -> io::Result<Option<(Batch, Hold)>> {
        let Some(segment) = &mut self.segment else { return Ok(None) };
        let before = segment.window.offset;
        let (found, skipped) = segment.find()?;
        if skipped > 0 {
            tracing::warn!(segment = segment.hold.number(), offset = before, bytes = skipped, "damage in the log");
        }
        self.damage.bytes += skipped;
        match found {
            Found::Record(header) => {
                self.damage.bad_records += u64::from(skipped > 0);
                let (decoded, damage) = segment.take(header);
                self.damage += damage;
                self.bytes += segment.window.offset - before;
                Ok(decoded.map(|batch| (batch, segment.hold.clone())))
            }
            Found::Torn => {
                self.damage.torn += 1;
                let path = self.dir.join(file_name(segment.hold.number()));
                self.segment = None;
                self.fs.truncate(&path, before)?;
                Ok(None)
            }
            Found::End => {
                self.segment = None;
                Ok(None)
            }
        }
    }

    fn unreadable(&self, number: u64, error: io::Error) -> Error {
        let path = self.dir.join(file_name(number));
        Error::internal(format!("log segment `{}` can't be read", path.display())).with_source(error)
    }
}

// === impl Segment ===

impl Segment {
    /// Moves the window to the next good record's header, and says how many bytes it skipped for that.
    fn find(&mut self) -> io::Result<(Found, u64)> {
        let begin = self.window.offset;
        loop {
            if !self.window.fill(RECORD_HEADER)? {
                let rest = self.window.get(RECORD_HEADER).len() as u64;
                let skipped = self.window.offset - begin + rest;
                return Ok((if skipped == 0 { Found::End } else { Found::Torn }, skipped));
            }
            let header = self.window.get(RECORD_HEADER).first_chunk();
            if let Some(header) = header.and_then(|bytes| RecordHeader::decode(bytes, self.salt)) {
                let whole = self.window.fill(RECORD_HEADER + header.len as usize)?;
                let skipped = self.window.offset - begin;
                if whole {
                    return Ok((Found::Record(header), skipped));
                }
                // Its end was never written; what of it was may still look like anything, but holds no record.
                let rest = self.window.get(usize::MAX).len() as u64;
                return Ok((Found::Torn, skipped + rest));
            }
            self.window.skip(1);
        }
    }

    /// Takes the record at the window's start, all of which is there.
    fn take(&mut self, header: RecordHeader) -> (Option<Batch>, Damage) {
        let len = RECORD_HEADER + header.len as usize;
        let payload = self.window.get(len).get(RECORD_HEADER..).unwrap_or(&[]);
        // Kinds that this version does not know are skipped and counted like damage.
        let good = header.holds(payload, self.salt) && self.version >= version_for(header.kind);
        let mut decode = || record::decode(header.kind, payload, header.flags, &mut self.known);
        let decoded = if good { decode() } else { None };
        self.window.skip(len);
        match decoded {
            Some(decoded) => (Some(decoded.batch), Damage { orphans: decoded.orphans, ..Damage::default() }),
            None => {
                tracing::warn!(
                    segment = self.hold.number(),
                    kind = header.kind,
                    bytes = len,
                    "a bad record in the log"
                );
                (None, Damage { bad_records: 1, bytes: len as u64, ..Damage::default() })
            }
        }
    }
}

// === impl Window ===

impl Window {
    fn new(file: Box<dyn Read + Send>) -> Self {
        Self { file, buffer: Vec::new(), start: 0, offset: 0 }
    }

    /// Reads until the window holds `len` bytes, and says whether it does: `false` is the end of the file.
    fn fill(&mut self, len: usize) -> io::Result<bool> {
        debug_assert!(len <= RECORD_HEADER + MAX_PAYLOAD);
        while self.buffer.len() - self.start < len {
            if self.start >= READ_BYTES {
                self.buffer.drain(..self.start);
                self.start = 0;
            }
            let had = self.buffer.len();
            let missing = len - (had - self.start);
            self.buffer.resize(had + missing.max(READ_BYTES), 0);
            let read = self.file.read(&mut self.buffer[had..]);
            self.buffer.truncate(had + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Ok(false),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
        Ok(true)
    }

    /// The first `len` bytes, or what there is of them.
    fn get(&self, len: usize) -> &[u8] {
        let all = &self.buffer[self.start..];
        &all[..len.min(all.len())]
    }

    fn skip(&mut self, len: usize) {
        self.start += len;
        self.offset += len as u64;
    }
}
