//! The bytes of a queue's files, version 1.
//!
//! ```text
//! segment   "WEIRQUE\n", version u16, 0 u16, number u64, salt u64, crc u32; then records
//! record    0xA5 u8, kind u8, 0 u16, payload length u32, samples u32, accepted i64, payload crc u32, header crc u32; then the
//!           payload
//! cursor    "WEIRCUR\n", version u16, 0 u16, segment u64, offset u64, crc u32
//! ```
//! All little-endian, all checksums CRC-32C. Those of records begin with the segment's random salt, so that what an older file
//! left on the disk can't pass for a record. A payload is a batch as nodes send it to each other ([`wire`](crate::node::wire));
//! `accepted` is in milliseconds since the Unix epoch.

/// The version of the format that is written. Older ones are read, newer ones refused.
pub(super) const VERSION: u16 = 1;

/// How long a segment's header is.
pub(super) const HEADER: usize = 32;

/// How long a record's header is.
pub(super) const RECORD: usize = 28;

/// No payload is longer, in bytes.
pub(super) const MAX_PAYLOAD: usize = 256 << 20;

const SEGMENT: &[u8; 8] = b"WEIRQUE\n";
const CURSOR: &[u8; 8] = b"WEIRCUR\n";
const MARK: u8 = 0xa5;
/// A record that holds a batch.
const BATCH: u8 = 1;

/// Where something stands: a segment's number, and a byte in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// Why a header can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// It is damaged.
    Damaged,
    /// A newer program wrote it, with this version.
    Newer(u16),
}

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) len: u32,
    pub(super) samples: u32,
    pub(super) accepted: i64,
    crc: u32,
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First<'a> {
    /// A record with its payload.
    Whole(Record, &'a [u8]),
    /// A record whose payload is another one than it was.
    Damaged(Record),
    /// The beginning of a record that is so long as a whole.
    Short(usize),
    /// Nothing.
    Nothing,
}

/// A segment's header.
pub(super) fn encode_header(number: u64, salt: u64) -> [u8; HEADER] {
    frame(SEGMENT, number, salt)
}

/// The number and the salt of a segment.
pub(super) fn decode_header(bytes: &[u8]) -> Result<(u64, u64), Bad> {
    unframe(SEGMENT, bytes)
}

/// What the file of the cursor has.
pub(super) fn encode_cursor(at: Position) -> [u8; HEADER] {
    frame(CURSOR, at.segment, at.offset)
}

/// What a file of the cursor says.
pub(super) fn decode_cursor(bytes: &[u8]) -> Result<Position, Bad> {
    unframe(CURSOR, bytes).map(|(segment, offset)| Position { segment, offset })
}

fn frame(magic: &[u8; 8], first: u64, second: u64) -> [u8; HEADER] {
    let mut body = Vec::with_capacity(HEADER);
    body.extend_from_slice(magic);
    body.extend_from_slice(&VERSION.to_le_bytes());
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(&first.to_le_bytes());
    body.extend_from_slice(&second.to_le_bytes());
    body.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    let mut out = [0; HEADER];
    out.iter_mut().zip(body).for_each(|(to, from)| *to = from);
    out
}

fn unframe(magic: &[u8; 8], bytes: &[u8]) -> Result<(u64, u64), Bad> {
    let bytes = bytes.first_chunk::<HEADER>().ok_or(Bad::Damaged)?;
    let (body, crc) = bytes.split_last_chunk::<4>().ok_or(Bad::Damaged)?;
    let (found, rest) = body.split_first_chunk::<8>().ok_or(Bad::Damaged)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(Bad::Damaged)?;
    let (_, rest) = rest.split_first_chunk::<2>().ok_or(Bad::Damaged)?;
    let (first, rest) = rest.split_first_chunk::<8>().ok_or(Bad::Damaged)?;
    let (second, _) = rest.split_first_chunk::<8>().ok_or(Bad::Damaged)?;
    let version = u16::from_le_bytes(*version);
    if found != magic || u32::from_le_bytes(*crc) != crc32c::crc32c(body) || version == 0 {
        return Err(Bad::Damaged);
    }
    if version > VERSION {
        return Err(Bad::Newer(version));
    }
    Ok((u64::from_le_bytes(*first), u64::from_le_bytes(*second)))
}

/// What `bytes` of a segment with this salt begin with.
pub(super) fn first(bytes: &[u8], salt: u64) -> First<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<RECORD>() else {
        return if bytes.is_empty() { First::Nothing } else { First::Short(RECORD) };
    };
    let Some(record) = Record::decode(header, salt) else { return First::Nothing };
    match rest.get(..record.len as usize) {
        None => First::Short(record.size()),
        Some(payload) if record.crc == checksum(payload, salt) => First::Whole(record, payload),
        Some(_) => First::Damaged(record),
    }
}

fn checksum(bytes: &[u8], salt: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), bytes)
}

// === impl Record ===

impl Record {
    /// The header of `payload`.
    pub(super) fn of(payload: &[u8], samples: u64, accepted: i64, salt: u64) -> Self {
        let samples = u32::try_from(samples).unwrap_or(u32::MAX);
        Self { len: payload.len() as u32, samples, accepted, crc: checksum(payload, salt) }
    }

    /// How many bytes the record takes as a whole.
    pub(super) fn size(self) -> usize {
        RECORD + self.len as usize
    }

    /// Appends the header.
    pub(super) fn encode(self, salt: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[MARK, BATCH, 0, 0]);
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(&self.samples.to_le_bytes());
        out.extend_from_slice(&self.accepted.to_le_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
        let crc = checksum(out.get(start..).unwrap_or_default(), salt);
        out.extend_from_slice(&crc.to_le_bytes());
    }

    fn decode(bytes: &[u8; RECORD], salt: u64) -> Option<Self> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        let ([mark, kind, ..], rest) = body.split_first_chunk::<4>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (samples, rest) = rest.split_first_chunk::<4>()?;
        let (accepted, rest) = rest.split_first_chunk::<8>()?;
        let (payload, _) = rest.split_first_chunk::<4>()?;
        let len = u32::from_le_bytes(*len);
        let is_one = *mark == MARK && *kind == BATCH && u32::from_le_bytes(*crc) == checksum(body, salt);
        (is_one && len as usize <= MAX_PAYLOAD).then_some(Self {
            len,
            samples: u32::from_le_bytes(*samples),
            accepted: i64::from_le_bytes(*accepted),
            crc: u32::from_le_bytes(*payload),
        })
    }
}

#[cfg(test)]
mod tests;
