//! What the one thread does that writes.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use weir_pipeline::Result;

use super::format::{FLOATS_VERSION, RECORD_HEADER, RecordHeader, version_for};
use super::record::{Defined, Entry, Part};
use super::segments::{Hold, Segments};
use super::{Answer, Job, Observer, failed};
use crate::seam::Append;

/// So many bytes are written at once before they are synced.
const GROUP_BYTES: usize = 4 << 20;

pub(super) struct Writer {
    segments: Segments,
    segment_bytes: u64,
    /// The version of segments that begin: of the latest that was needed so far, so that few are cut short for it.
    version: u16,
    observer: Arc<dyn Observer>,
    current: Option<Current>,
    buffer: Vec<u8>,
    records: u64,
    /// Those whose last record is in the buffer, or was synced but for a later one.
    waiting: Vec<(Vec<Hold>, Answer<Vec<Hold>>)>,
    /// Since when writing fails.
    failing: Option<Instant>,
}

/// The segment that grows.
struct Current {
    version: u16,
    file: Box<dyn Append>,
    salt: u64,
    hold: Hold,
    defined: Defined,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(segments: Segments, segment_bytes: u64, observer: Arc<dyn Observer>) -> Self {
        let buffer = Vec::new();
        Self {
            segments,
            segment_bytes,
            version: FLOATS_VERSION,
            observer,
            current: None,
            buffer,
            records: 0,
            waiting: Vec::new(),
            failing: None,
        }
    }

    /// Writes a group, and answers each of its jobs once it is durable or has failed.
    pub(super) fn write(&mut self, group: VecDeque<Job>) {
        for job in group {
            match job {
                Job::Append(entry, answer) => {
                    match self.append(&entry) {
                        Ok(holds) => self.waiting.push((holds, answer)),
                        Err(error) => reply(answer, Err(failed(error))),
                    }
                    if self.buffer.len() >= GROUP_BYTES {
                        // Its failure was answered to all who wait.
                        let _ = self.flush();
                    }
                }
                Job::Rotate(answer) => {
                    let _ = self.flush();
                    self.current = None;
                    reply(answer, Ok(()));
                }
            }
        }
        let _ = self.flush();
        // A burst's buffer is not kept.
        self.buffer.shrink_to(GROUP_BYTES);
    }

    /// Puts an entry's records into the buffer. Where it fails, all that waited for the buffer has been answered.
    fn append(&mut self, entry: &Entry) -> io::Result<Vec<Hold>> {
        let mut holds: Vec<Hold> = Vec::with_capacity(1);
        for part in entry.parts() {
            self.version = self.version.max(version_for(part.kind));
            let filled = |c: &Current| {
                c.version < self.version || c.hold.bytes() + self.buffer.len() as u64 >= self.segment_bytes
            };
            if self.current.as_ref().is_some_and(filled) || self.buffer.len() >= 2 * GROUP_BYTES {
                let full = self.current.as_ref().is_some_and(filled);
                self.flush()?;
                if full {
                    self.current = None;
                }
            }
            let hold = self.put(entry, part)?;
            if holds.last().is_none_or(|last| last.number() != hold.number()) {
                holds.push(hold);
            }
        }
        Ok(holds)
    }

    fn put(&mut self, entry: &Entry, part: &Part) -> io::Result<Hold> {
        let current = match &mut self.current {
            Some(current) => current,
            empty => match open(&self.segments, self.version) {
                Ok(opened) => empty.insert(opened),
                Err(error) => {
                    self.tell(Some(&error));
                    return Err(error);
                }
            },
        };
        let at = self.buffer.len();
        self.buffer.extend_from_slice(&[0; RECORD_HEADER]);
        let flags = entry.write(part, &mut current.defined, &mut self.buffer);
        let (header, payload) = self.buffer[at..].split_at_mut(RECORD_HEADER);
        header.copy_from_slice(&RecordHeader::of(part.kind, flags, payload, current.salt).encode(current.salt));
        self.records += 1;
        Ok(current.hold.clone())
    }

    /// Makes the buffer durable and answers all who wait for it. After a failure the segment is given up.
    fn flush(&mut self) -> io::Result<()> {
        let written = match &mut self.current {
            Some(current) if !self.buffer.is_empty() => {
                let begin = Instant::now();
                let done = current.file.write_all(&self.buffer).and_then(|()| current.file.sync());
                current.hold.grow(self.buffer.len() as u64);
                if done.is_ok() {
                    self.observer.synced(self.records, self.buffer.len() as u64, begin.elapsed().as_secs_f64());
                }
                done
            }
            _ => Ok(()),
        };
        if written.is_err() {
            self.current = None;
        }
        if !self.buffer.is_empty() {
            self.tell(written.as_ref().err());
        }
        self.buffer.clear();
        self.records = 0;
        for (holds, answer) in self.waiting.drain(..) {
            let same = written.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()));
            reply(answer, same.map(|()| holds).map_err(failed));
        }
        written
    }

    /// Counts a failure. Logs the first of a row of them, and its end: senders try again many times a second.
    fn tell(&mut self, error: Option<&io::Error>) {
        match (error, self.failing) {
            (Some(error), since) => {
                self.observer.failed();
                if since.is_none() {
                    self.failing = Some(Instant::now());
                    tracing::error!(%error, "the log can't be written; what comes is refused until it can");
                }
            }
            (None, Some(since)) => {
                self.failing = None;
                tracing::info!(after = ?since.elapsed(), "the log is written again");
            }
            (None, None) => {}
        }
    }
}

fn open(segments: &Segments, version: u16) -> io::Result<Current> {
    let (file, header, hold) = segments.create(version)?;
    Ok(Current { version, file, salt: header.salt, hold, defined: Defined::default() })
}

/// Answers; nobody may be there any more.
fn reply<T>(answer: Answer<T>, result: Result<T>) {
    let _ = answer.send(result);
}
