//! Reads messages: a checked cursor over one buffer, and the frame around sections.

use std::fmt::Display;

pub(super) use weir_pipeline::varint::unzigzag;
use weir_pipeline::{Error, Result};

use super::{Message, REQUIRED, Section, VERSION};

/// Magic and version.
const HEAD: usize = 4;
/// The checksum.
const TAIL: usize = 4;

/// Reads one section. All share the buffer, so that positions in errors are those of the whole message.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    /// Ends where the section ends.
    buf: &'a [u8],
    pos: usize,
}

/// A string as it is read.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    /// With its length in front, as a canonical encoding of labels has it.
    pub(super) encoded: &'a [u8],
    /// Where it starts.
    pub(super) at: usize,
}

/// The sections of one message.
pub(super) struct Sections<'a> {
    found: Vec<(u8, Reader<'a>)>,
    end: usize,
}

// === errors ===

/// An error about byte `at`.
#[cold]
pub(super) fn bad(at: usize, expected: impl Display) -> Error {
    Error::invalid(format!("expected {expected} at byte {at}"))
}

/// An error about byte `at`, and what is there.
#[cold]
pub(super) fn got(at: usize, expected: impl Display, got: impl Display) -> Error {
    Error::invalid(format!("expected {expected}, got `{got}` at byte {at}"))
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(buf: &'a [u8]) -> Self {
        Self { buf, pos: 0 }
    }

    pub(super) fn pos(&self) -> usize {
        self.pos
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> u64 {
        (self.buf.len() - self.pos) as u64
    }

    /// The bytes that are left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.buf.get(self.pos..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8> {
        let byte = *self.buf.get(self.pos).ok_or_else(|| bad(self.pos, "one more byte"))?;
        self.pos += 1;
        Ok(byte)
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64> {
        match self.rest() {
            [a, ..] if *a < 0x80 => {
                self.pos += 1;
                Ok(u64::from(*a))
            }
            [a, b, ..] if *b < 0x80 && *b != 0 => {
                self.pos += 2;
                Ok(u64::from(a & 0x7f) | u64::from(*b) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64> {
        let at = self.pos;
        let mut value = 0u64;
        for (i, &byte) in self.rest().iter().take(10).enumerate() {
            if i == 9 && byte > 1 {
                return Err(bad(at, "a varint of at most 64 bits"));
            }
            if i > 0 && byte == 0 {
                return Err(bad(at, "a varint in its shortest form"));
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.pos = at + i + 1;
                return Ok(value);
            }
        }
        Err(bad(at, "a whole varint"))
    }

    /// A number of `what` that is at most `most`.
    pub(super) fn at_most(&mut self, most: u64, what: impl Display) -> Result<u64> {
        let at = self.pos;
        let value = self.varint()?;
        if value > most { Err(got(at, format_args!("at most {most} {what}"), value)) } else { Ok(value) }
    }

    /// How many items follow, each of at least `each` bytes.
    pub(super) fn count(&mut self, most: u64, each: u64, what: &str) -> Result<usize> {
        let at = self.pos;
        let count = self.at_most(most, what)?;
        if count > self.left() / each {
            return Err(got(at, format_args!("{what} within the {} bytes that are left", self.left()), count));
        }
        Ok(count as usize)
    }

    #[inline]
    pub(super) fn take(&mut self, len: u64, what: &str) -> Result<&'a [u8]> {
        let taken = usize::try_from(len).ok().and_then(|len| self.rest().get(..len));
        let taken = taken.ok_or_else(|| got(self.pos, format_args!("{what} within {} bytes", self.left()), len))?;
        self.pos += taken.len();
        Ok(taken)
    }

    /// A string of at most `most` bytes.
    pub(super) fn text(&mut self, most: u64, what: &str) -> Result<Text<'a>> {
        let at = self.pos;
        let from = self.rest();
        let len = self.varint()?;
        if len > most {
            return Err(got(at, format_args!("{what} of at most {most} bytes"), len));
        }
        let bytes = self.take(len, what)?;
        let text = std::str::from_utf8(bytes).map_err(|_| bad(at, format_args!("{what} in UTF-8")))?;
        Ok(Text { text, encoded: from.get(..self.pos - at).unwrap_or_default(), at })
    }

    /// Everything is read.
    pub(super) fn end(&self, what: &str) -> Result<()> {
        if self.left() > 0 { Err(bad(self.pos, format_args!("the end of {what}"))) } else { Ok(()) }
    }
}

// === impl Sections ===

impl<'a> Sections<'a> {
    /// Checks the frame of `bytes` and finds the sections that are `known`; `reserved` ones have a name, no more.
    pub(super) fn read(
        bytes: &'a [u8],
        most: u64,
        message: Message,
        known: &[Section],
        reserved: &[Section],
    ) -> Result<Self> {
        let mut reader = open(bytes, most, message)?;
        let (mut found, mut last) = (Vec::with_capacity(known.len()), 0);
        while reader.left() > 0 {
            let at = reader.pos;
            let id = reader.byte()?;
            let order = id & !REQUIRED;
            let named = known.iter().chain(reserved).find(|s| s.id == id).map(|s| s.name);
            if order <= last {
                return Err(got(at, format_args!("a section after `{last:02x}`"), format_args!("{order:02x}")));
            }
            last = order;
            let is_known = known.iter().any(|s| s.id == id);
            if !is_known && id & REQUIRED != 0 {
                let what = named.map_or_else(|| format!("{id:02x}"), |name| format!("{id:02x} {name}"));
                return Err(got(at, format_args!("sections that version {VERSION} knows"), what));
            }
            let what = named.unwrap_or("a section");
            let len = reader.varint()?;
            reader.take(len, what)?;
            if is_known {
                let pos = reader.pos - len as usize;
                found.push((id, Reader { buf: reader.buf.get(..reader.pos).unwrap_or_default(), pos }));
            }
        }
        Ok(Self { found, end: reader.pos })
    }

    pub(super) fn get(&self, section: Section) -> Option<Reader<'a>> {
        self.found.iter().find(|(id, _)| *id == section.id).map(|(_, reader)| *reader)
    }

    pub(super) fn must(&self, section: Section) -> Result<Reader<'a>> {
        self.get(section).ok_or_else(|| bad(self.end, format_args!("a section `{}`", section.name)))
    }
}

/// Checks what is around the sections. A newer version is told from damage, so the version comes before the checksum.
fn open(bytes: &[u8], most: u64, message: Message) -> Result<Reader<'_>> {
    let (len, name) = (bytes.len(), message.name());
    if len as u64 > most {
        return Err(Error::invalid(format!("expected {name} of at most {most} bytes, got `{len}`")));
    }
    let Some((magic, [version])) = bytes.get(..HEAD).and_then(|head| head.split_first_chunk::<3>()) else {
        return Err(bad(len, format_args!("{name}, of at least {} bytes,", HEAD + TAIL)));
    };
    if magic != message.magic() {
        let expected = format_args!("{name}, which begins with `{}`", message.magic().escape_ascii()).to_string();
        return Err(got(0, expected, magic.escape_ascii()));
    }
    if !(1..=VERSION).contains(version) {
        return Err(got(3, format_args!("{name} of version {VERSION} or older"), version));
    }
    let Some((body, crc)) = bytes.split_last_chunk::<TAIL>().filter(|(body, _)| body.len() >= HEAD) else {
        return Err(bad(len, "a checksum of 4 bytes"));
    };
    let (said, is) = (u32::from_le_bytes(*crc), crc32c::crc32c(body));
    if said != is {
        return Err(got(body.len(), format_args!("the checksum `{is:08x}`"), format_args!("{said:08x}")));
    }
    Ok(Reader { buf: body, pos: HEAD })
}
