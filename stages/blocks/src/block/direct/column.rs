//! A column of a row group, of which some pages are at hand.

use std::cell::RefCell;
use std::ops::Range;

use bytes::Bytes;
use zstd::bulk::Decompressor;

use super::delta::{Delta, PADDING};
use super::header::Header;
use super::hybrid::Hybrid;

/// The most bytes of a page once decompressed.
const MAX_PAGE: usize = 16 << 20;

/// The encodings, and the kinds of pages.
const PLAIN: i64 = 0;
const PLAIN_DICTIONARY: i64 = 2;
const RLE: i64 = 3;
const DELTA_BINARY_PACKED: i64 = 5;
const RLE_DICTIONARY: i64 = 8;
const BYTE_STREAM_SPLIT: i64 = 9;
const DATA_PAGE: i64 = 0;
const DICTIONARY_PAGE: i64 = 2;

thread_local! {
    /// What decompresses, with the tables that it has.
    static ZSTD: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A page as it is in the file, and the rows of the row group that it has.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) rows: Range<usize>,
    pub(super) bytes: Bytes,
}

/// A column, read from its first row at hand to the last.
#[derive(Debug)]
pub(super) struct Column {
    nullable: bool,
    compressed: bool,
    /// The pages, and which is next.
    pages: Vec<Held>,
    next: usize,
    dictionary: Vec<i64>,
    /// The page that is open, padded, the next row, and the one after its last.
    page: Vec<u8>,
    row: usize,
    end: usize,
    levels: Hybrid,
    values: Values,
}

/// Where the reading of a page's values stands.
#[derive(Debug)]
enum Values {
    Integers(Delta),
    Places(Hybrid),
    /// Each byte of the values on its own: where they begin, how many values there are, and which is next.
    Split(usize, usize, usize),
}

// === impl Column ===

impl Column {
    /// A column with these pages, in their order, and the page of its dictionary where it has one. `None` where that is not one of
    /// integers of `width` bytes, 4 or 8.
    pub(super) fn new(
        width: usize,
        (nullable, compressed): (bool, bool),
        dictionary: Option<&Bytes>,
        pages: Vec<Held>,
    ) -> Option<Self> {
        let mut column = Self {
            nullable,
            compressed,
            pages,
            next: 0,
            dictionary: Vec::new(),
            page: Vec::new(),
            row: 0,
            end: 0,
            levels: Hybrid::default(),
            values: Values::Split(0, 0, 0),
        };
        if let Some(bytes) = dictionary {
            let header = column.unpack(bytes)?;
            if header.kind != DICTIONARY_PAGE || ![PLAIN, PLAIN_DICTIONARY].contains(&header.encoding) {
                return None;
            }
            let values = column.page.get(..column.page.len() - PADDING)?;
            column.dictionary = match width {
                4 => values.as_chunks().0.iter().map(|four| i64::from(i32::from_le_bytes(*four))).collect(),
                _ => values.as_chunks().0.iter().map(|eight| i64::from_le_bytes(*eight)).collect(),
            };
        }
        Some(column)
    }

    /// Goes on with `row`, which is at hand and not before the next one.
    pub(super) fn seek(&mut self, row: usize) -> Option<()> {
        if row >= self.end {
            self.next += self.pages.get(self.next..)?.iter().position(|page| page.rows.contains(&row))?;
            self.open()?;
        }
        while self.row < row {
            let (present, count) = self.run(row - self.row)?;
            if present {
                self.skip(count)?;
            }
        }
        (self.row == row).then_some(())
    }

    /// The next rows, at most so many, that all have a value or all have none: which, and how many. The values are to be read or
    /// passed over before the next run.
    pub(super) fn run(&mut self, most: usize) -> Option<(bool, usize)> {
        if self.row >= self.end {
            self.open()?;
        }
        let most = most.min(self.end - self.row);
        let (level, count) = if self.nullable { self.levels.next(&self.page, most)? } else { (1, most) };
        self.row += count;
        Some((level == 1, count))
    }

    /// Appends the next integers.
    pub(super) fn integers(&mut self, count: usize, out: &mut Vec<i64>) -> Option<()> {
        match &mut self.values {
            Values::Integers(delta) => delta.read(&self.page, count, out),
            _ => None,
        }
    }

    /// The next integer of a dictionary, and how often it comes: at least once, at most `most` times.
    pub(super) fn listed(&mut self, most: usize) -> Option<(i64, usize)> {
        match &mut self.values {
            Values::Places(places) => {
                let (place, count) = places.next(&self.page, most)?;
                Some((*self.dictionary.get(place as usize)?, count))
            }
            _ => None,
        }
    }

    /// Hands on the next floats.
    pub(super) fn floats(&mut self, count: usize, mut each: impl FnMut(f64)) -> Option<()> {
        let Values::Split(start, total, next) = &mut self.values else { return None };
        for i in *next..*next + count {
            let mut bytes = [0; 8];
            for (part, byte) in bytes.iter_mut().enumerate() {
                *byte = *self.page.get(*start + part * *total + i).filter(|_| i < *total)?;
            }
            each(f64::from_le_bytes(bytes));
        }
        *next += count;
        Some(())
    }

    fn skip(&mut self, mut count: usize) -> Option<()> {
        match &mut self.values {
            Values::Integers(delta) => delta.skip(&self.page, count)?,
            Values::Places(places) => {
                while count > 0 {
                    count -= places.next(&self.page, count)?.1;
                }
            }
            Values::Split(_, total, next) => {
                *next += count;
                (*next <= *total).then_some(())?;
            }
        }
        Some(())
    }

    /// Opens the next page.
    fn open(&mut self) -> Option<()> {
        let held = self.pages.get_mut(self.next)?;
        let (rows, bytes) = (held.rows.clone(), std::mem::take(&mut held.bytes));
        self.next += 1;
        let header = self.unpack(&bytes)?;
        if header.kind != DATA_PAGE || usize::try_from(header.values) != Ok(rows.len()) {
            return None;
        }
        let mut at = 0;
        if self.nullable {
            let length = self.page.first_chunk::<4>().map(|length| u32::from_le_bytes(*length) as usize)?;
            at = length.checked_add(4).filter(|at| *at <= self.page.len() - PADDING && header.levels == RLE)?;
            self.levels.begin(4, at, 1)?;
        }
        let bytes = self.page.len() - PADDING - at;
        self.values = match header.encoding {
            // Where all rows are null there is nothing that could begin.
            _ if bytes == 0 => Values::Split(at, 0, 0),
            DELTA_BINARY_PACKED => {
                let mut delta = match std::mem::replace(&mut self.values, Values::Split(0, 0, 0)) {
                    Values::Integers(delta) => delta,
                    _ => Delta::default(),
                };
                delta.begin(&self.page, at)?;
                Values::Integers(delta)
            }
            PLAIN_DICTIONARY | RLE_DICTIONARY => {
                let mut places = Hybrid::default();
                let width = *self.page.get(at)?;
                places.begin(at + 1, at + bytes, usize::from(width))?;
                Values::Places(places)
            }
            BYTE_STREAM_SPLIT if bytes.is_multiple_of(8) => Values::Split(at, bytes / 8, 0),
            _ => return None,
        };
        (self.row, self.end) = (rows.start, rows.end);
        Some(())
    }

    /// Decompresses a page, and returns what it says of itself.
    fn unpack(&mut self, bytes: &[u8]) -> Option<Header> {
        let (header, rest) = Header::read(bytes)?;
        let size = usize::try_from(header.size).ok().filter(|size| *size <= MAX_PAGE)?;
        let packed = rest.get(..usize::try_from(header.compressed).ok()?)?;
        self.page.clear();
        if self.compressed {
            self.page.reserve(size + PADDING);
            decompress(packed, &mut self.page).filter(|found| *found == size)?;
        } else {
            self.page.extend_from_slice(packed);
        }
        (self.page.len() == size).then_some(())?;
        self.page.extend_from_slice(&[0; PADDING]);
        Some(header)
    }
}

/// Decompresses into what there is room for; how many bytes it is.
fn decompress(packed: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    ZSTD.with_borrow_mut(|context| {
        let context = match context {
            Some(context) => context,
            None => context.insert(Decompressor::new().ok()?),
        };
        context.decompress_to_buffer(packed, out).ok()
    })
}
