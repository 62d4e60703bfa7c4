//! What is read of a queue's files, in order.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use weir_pipeline::Batch;

use super::segment::{self, First, HEADER, Position};
use super::write::path_of;
use crate::node::wire;

/// How much is read at once, in bytes. A longer record is read alone.
const CHUNK: usize = 1 << 20;

/// What stands at a place, up to where the next one begins.
pub(super) struct Item {
    pub(super) what: What,
    /// Where the next one begins.
    pub(super) next: Position,
    /// How many bytes it takes.
    pub(super) len: u64,
}

pub(super) enum What {
    /// A batch, and when it was accepted.
    Batch(Batch, i64),
    /// Bytes that can't be read; of so many samples, where that is known.
    Damaged(u64),
    /// The end of a segment that nothing is appended to any more.
    End,
}

/// Reads the segments of a directory.
pub(super) struct Reader {
    dir: PathBuf,
    /// The segment that is read, with its salt; none where its header can't be.
    open: Option<(u64, Option<(File, u64)>)>,
}

// === impl Reader ===

impl Reader {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), open: None }
    }

    /// Reads some items from `at` on, where the segment ends at `end`. At least one where there is anything.
    ///
    /// # Errors
    /// The disk can't be read now.
    pub(super) fn read(&mut self, at: Position, end: u64) -> io::Result<VecDeque<Item>> {
        let left = end.saturating_sub(at.offset);
        let Some((file, salt)) = self.segment(at.segment)? else { return Ok(VecDeque::from([damaged(at, left)])) };
        let mut want = CHUNK;
        loop {
            let mut bytes = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(want)];
            file.read_exact_at(&mut bytes, at.offset)?;
            let (items, short) = take(&bytes, at, left, *salt);
            match short {
                // One that is longer than a chunk, and is there as a whole.
                Some(whole) if items.is_empty() && whole as u64 <= left && whole > bytes.len() => want = whole,
                _ => return Ok(items),
            }
        }
    }

    /// The segment `number`, where its header can be read.
    fn segment(&mut self, number: u64) -> io::Result<&Option<(File, u64)>> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            let file = File::open(path_of(&self.dir, number))?;
            let mut head = [0; HEADER];
            let whole = file.read_exact_at(&mut head, 0).is_ok();
            let salt = segment::decode_header(&head).ok().filter(|(own, _)| whole && *own == number);
            self.open = Some((number, salt.map(|(_, salt)| (file, salt))));
        }
        Ok(self.open.as_ref().map_or(&None, |(_, open)| open))
    }
}

/// The items that `bytes` at `at` begin with, where so many are left of the segment. Where the last one is cut short by the
/// end of `bytes` alone, how long it is as a whole.
pub(super) fn take(bytes: &[u8], mut at: Position, mut left: u64, salt: u64) -> (VecDeque<Item>, Option<usize>) {
    let (mut items, mut rest) = (VecDeque::new(), bytes);
    loop {
        let (what, size) = match segment::first(rest, salt) {
            First::Nothing if rest.is_empty() => return (items, None),
            First::Nothing => {
                items.push_back(damaged(at, left));
                return (items, None);
            }
            First::Short(whole) if whole as u64 <= left => return (items, Some(whole)),
            // It is cut short by the end of the segment: half written when the program ended.
            First::Short(_) => {
                items.push_back(damaged(at, left));
                return (items, None);
            }
            First::Damaged(record) => (What::Damaged(record.samples.into()), record.size()),
            First::Whole(record, payload) => {
                let batch = wire::decode_batch(payload, &limits());
                let damaged = |_| What::Damaged(record.samples.into());
                (batch.map_or_else(damaged, |batch| What::Batch(batch, record.accepted)), record.size())
            }
        };
        at.offset += size as u64;
        left = left.saturating_sub(size as u64);
        items.push_back(Item { what, next: at, len: size as u64 });
        rest = rest.get(size..).unwrap_or_default();
    }
}

/// All that is left of a segment can't be read.
fn damaged(at: Position, left: u64) -> Item {
    let next = Position { offset: at.offset.saturating_add(left), ..at };
    Item { what: What::Damaged(0), next, len: left }
}

/// What is on disk was taken, and is written with a checksum.
fn limits() -> wire::Limits {
    wire::Limits {
        message_bytes: segment::MAX_PAYLOAD as u64,
        batch_bytes: u64::from(u32::MAX),
        series: u64::from(u32::MAX),
        samples: u64::from(u32::MAX),
        dictionary: u64::from(u32::MAX),
        labels: u64::from(u32::MAX),
        name_bytes: segment::MAX_PAYLOAD as u64,
        value_bytes: segment::MAX_PAYLOAD as u64,
        ..wire::Limits::default()
    }
}

/// The end of the segment that ends at `at`; the next one is `next`.
pub(super) fn end_of_segment(next: u64) -> Item {
    Item { what: What::End, next: Position { segment: next, offset: HEADER as u64 }, len: 0 }
}

#[cfg(test)]
mod tests;
