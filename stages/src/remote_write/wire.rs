//! Protobuf's wire format, as far as remote write needs it: a checked cursor over one buffer, and writers.

use std::fmt;

pub(super) use weir_pipeline::varint::put_varint;

/// The wire type of integers.
pub(crate) const VARINT: u32 = 0;
/// The wire type of doubles.
pub(crate) const FIXED64: u32 = 1;
/// The wire type of strings, messages and packed lists.
pub(crate) const LEN: u32 = 2;
const FIXED32: u32 = 5;

/// What stands before a value: the field's number and the wire type.
pub(crate) const fn key(field: u32, wire: u32) -> u32 {
    field << 3 | wire
}

/// Reads one message. Nested messages share the buffer, so that positions in errors are those of the whole body.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    /// Ends where the message ends.
    buf: &'a [u8],
    pos: usize,
}

/// The bytes are no protobuf message, or not one of the expected type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// The byte at which that shows.
    pub(crate) at: usize,
    /// What is there.
    pub(crate) what: &'static str,
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    pub(crate) fn new(buf: &'a [u8]) -> Self {
        Self { buf, pos: 0 }
    }

    /// How far it has read, from the start of the body.
    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    /// The body from `start` to here.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        self.buf.get(start..self.pos).unwrap_or_default()
    }

    /// Whether the message ends here.
    pub(crate) fn is_empty(&self) -> bool {
        self.pos >= self.buf.len()
    }

    /// The next field's key, or `None` at the end of the message.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<Option<u32>, Malformed> {
        if self.is_empty() {
            return Ok(None);
        }
        let at = self.pos;
        match u32::try_from(self.varint()?) {
            Ok(key) if key >> 3 != 0 => Ok(Some(key)),
            _ => Err(Malformed { at, what: "a field number that does not exist" }),
        }
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        match self.buf.get(self.pos) {
            Some(&byte) if byte < 0x80 => {
                self.pos += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let at = self.pos;
        let mut value = 0u64;
        for (i, &byte) in self.buf.get(at..).unwrap_or_default().iter().take(10).enumerate() {
            if i == 9 && byte > 1 {
                return Err(Malformed { at, what: "a varint of more than 64 bits" });
            }
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.pos = at + i + 1;
                return Ok(value);
            }
        }
        Err(Malformed { at, what: "a varint that is cut short" })
    }

    #[inline]
    pub(crate) fn double(&mut self) -> Result<f64, Malformed> {
        let cut = Malformed { at: self.pos, what: "a double that is cut short" };
        let (bytes, _) = self.buf.get(self.pos..).and_then(|rest| rest.split_first_chunk::<8>()).ok_or(cut)?;
        self.pos += 8;
        Ok(f64::from_bits(u64::from_le_bytes(*bytes)))
    }

    /// An integer of eight bytes.
    #[inline]
    pub(crate) fn fixed64(&mut self) -> Result<u64, Malformed> {
        self.double().map(f64::to_bits)
    }

    /// A string in UTF-8.
    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let at = self.pos;
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed { at, what: "a text that is not UTF-8" })
    }

    /// A string, or whatever else has a length.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let message = self.message()?;
        Ok(message.buf.get(message.pos..).unwrap_or_default())
    }

    /// A nested message.
    #[inline]
    pub(crate) fn message(&mut self) -> Result<Self, Malformed> {
        let at = self.pos;
        let len = self.varint()?;
        let pos = self.pos;
        let end = usize::try_from(len).ok().and_then(|len| pos.checked_add(len));
        let cut = Malformed { at, what: "a length beyond the end of the message" };
        let buf = end.and_then(|end| self.buf.get(..end)).ok_or(cut)?;
        self.pos = buf.len();
        Ok(Self { buf, pos })
    }

    /// A nested message of exactly two short strings, fields 1 and 2 in this order, as nearly every label is: read in
    /// one go. `None`, with nothing read, for anything else.
    #[inline]
    pub(super) fn short_pair(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        const FIRST: u8 = key(1, LEN) as u8;
        const SECOND: u8 = key(2, LEN) as u8;
        let (&[len, first, first_len], rest) = self.buf.get(self.pos..)?.split_first_chunk()?;
        let (one, rest) = rest.split_at_checked(first_len.into())?;
        let (&[second, second_len], rest) = rest.split_first_chunk()?;
        let two = rest.get(..second_len.into())?;
        let short = (len | first_len | second_len) < 0x80;
        if !short || first != FIRST || second != SECOND || usize::from(len) != 4 + one.len() + two.len() {
            return None;
        }
        self.pos += 1 + usize::from(len);
        Some((one, two))
    }

    /// Skips the value of a field that is not read. `known` has a bit for each field of the message: one of those is
    /// here only because its wire type is wrong, and a guess at what the sender meant could store nonsense.
    pub(crate) fn skip(&mut self, key: u32, known: u32) -> Result<(), Malformed> {
        let at = self.pos;
        let (field, wire) = (key >> 3, key & 7);
        if field < 32 && known & (1 << field) != 0 {
            return Err(Malformed { at, what: "a field of the wrong wire type" });
        }
        match wire {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed(8),
            LEN => self.message().map(drop),
            FIXED32 => self.fixed(4),
            _ => Err(Malformed { at, what: "a wire type that does not exist" }),
        }
    }

    fn fixed(&mut self, len: usize) -> Result<(), Malformed> {
        if self.buf.len() - self.pos < len {
            return Err(Malformed { at: self.pos, what: "a number that is cut short" });
        }
        self.pos += len;
        Ok(())
    }
}

// === impl Malformed ===

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

// === writers ===

/// How many bytes `value` takes as a varint.
pub(super) fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// How many bytes a string, message or packed list of `len` bytes takes with its length and a one-byte key.
pub(super) fn field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// The key and the length of a string, message or packed list.
pub(super) fn put_len(field: u32, len: usize, out: &mut Vec<u8>) {
    put_varint(u64::from(key(field, LEN)), out);
    put_varint(len as u64, out);
}

pub(crate) fn put_bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_len(field, bytes.len(), out);
    out.extend_from_slice(bytes);
}

pub(crate) fn put_integer(field: u32, value: u64, out: &mut Vec<u8>) {
    put_varint(u64::from(key(field, VARINT)), out);
    put_varint(value, out);
}

pub(crate) fn put_double(field: u32, value: f64, out: &mut Vec<u8>) {
    put_varint(u64::from(key(field, FIXED64)), out);
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}
