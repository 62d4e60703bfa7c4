//! The header of a page, in Thrift's compact protocol: what the decoders here need of it.

use weir_pipeline::varint::{take_varint, unzigzag};

/// How deep structures may lie in each other where they are passed over.
const MAX_DEPTH: u32 = 8;

/// What a page says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// 0 for data, 2 for a dictionary.
    pub(super) kind: i64,
    /// How many bytes it has once decompressed.
    pub(super) size: i64,
    /// How many bytes follow the header.
    pub(super) compressed: i64,
    pub(super) values: i64,
    pub(super) encoding: i64,
    /// How the levels of data are encoded.
    pub(super) levels: i64,
}

/// Reads fields one after the other.
struct Fields<'a>(&'a [u8]);

// === impl Header ===

impl Header {
    /// Reads a header, and returns what comes after it; `None` where it is none.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (mut header, mut fields, mut id) = (Self::default(), Fields(bytes), 0);
        while let Some(kind) = fields.next(&mut id)? {
            match id {
                1 => header.kind = fields.integer(kind)?,
                2 => header.size = fields.integer(kind)?,
                3 => header.compressed = fields.integer(kind)?,
                5 | 7 if kind == STRUCT => header.of_page(&mut fields)?,
                _ => fields.skip(kind, 0)?,
            }
        }
        Some((header, fields.0))
    }

    /// What is said of data and dictionaries alike, in the same places.
    fn of_page(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        let mut id = 0;
        while let Some(kind) = fields.next(&mut id)? {
            match id {
                1 => self.values = fields.integer(kind)?,
                2 => self.encoding = fields.integer(kind)?,
                3 if kind == I32 => self.levels = fields.integer(kind)?,
                _ => fields.skip(kind, 0)?,
            }
        }
        Some(())
    }
}

const I32: u8 = 5;
const STRUCT: u8 = 12;

// === impl Fields ===

impl Fields<'_> {
    /// The type of the next field, and its number; within, `None` at the end of the structure.
    fn next(&mut self, id: &mut i64) -> Option<Option<u8>> {
        let first = self.byte()?;
        if first == 0 {
            return Some(None);
        }
        *id = match first >> 4 {
            0 => unzigzag(self.varint()?),
            more => *id + i64::from(more),
        };
        Some(Some(first & 15))
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let (number, rest) = take_varint(self.0)?;
        self.0 = rest;
        Some(number)
    }

    fn integer(&mut self, kind: u8) -> Option<i64> {
        match kind {
            4..=6 => self.varint().map(unzigzag),
            _ => None,
        }
    }

    fn pass(&mut self, bytes: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(bytes).ok()?..)?;
        Some(())
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match kind {
            // Within a structure the type is the value.
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.pass(8),
            8 => {
                let length = self.varint()?;
                self.pass(length)
            }
            9 | 10 => self.skip_list(depth),
            STRUCT => {
                let mut id = 0;
                while let Some(kind) = self.next(&mut id)? {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn skip_list(&mut self, depth: u32) -> Option<()> {
        let first = self.byte()?;
        let count = if first >> 4 == 15 { self.varint()? } else { u64::from(first >> 4) };
        for _ in 0..count {
            match first & 15 {
                // In a list they take a byte.
                1 | 2 => self.pass(1)?,
                kind => self.skip(kind, depth + 1)?,
            }
        }
        Some(())
    }
}
