//! The bytes of a segment's and of a record's header, versions 1 and 2.
//!
//! ```text
//! segment   two copies of: "WEIRLOG\n", version u16, label encoding version u8, 0 u8, number u64, salt u64, crc u32;
//!           then records
//! record    0xA7 u8, kind u8, flags u16, payload length u32, payload crc u32, header crc u32; then the payload
//! ```
//! All little-endian, all checksums CRC32C. Those of records begin with the segment's random salt, so that bytes within
//! a payload (a label's value) can't pass for a record when the next good header is searched for.
//!
//! A segment of version 1 holds records of floats alone. One that is to hold others has version 2, so that a program that
//! knows none of these refuses it; where there are only floats, version 1 is written as before.

use weir_pipeline::labels::ENCODING_VERSION;

/// The latest version of the format. Older ones are read, newer ones refused.
pub(super) const VERSION: u16 = 2;

/// The version of segments that hold floats alone.
pub(super) const FLOATS_VERSION: u16 = 1;

/// How long both copies of a segment's header are.
pub(super) const SEGMENT_HEADER: usize = 2 * COPY;

/// How long a record's header is.
pub(super) const RECORD_HEADER: usize = 16;

/// No payload is longer, in bytes.
pub(super) const MAX_PAYLOAD: usize = 8 << 20;

/// A record of floats.
pub(super) const SAMPLES: u8 = 1;

/// A record of native histograms.
pub(super) const HISTOGRAMS: u8 = 2;

/// A record of exemplars.
pub(super) const EXEMPLARS: u8 = 3;

/// A record of what is said of metrics. Not in the log itself, which has it as definitions: see [`SAYS`].
pub(super) const METADATA: u8 = 4;

/// A flag of samples records: a start timestamp comes with each sample.
pub(super) const HAS_STARTS: u16 = 1;

/// A flag of samples records: there are no samples, and what is defined is no series but what is said of metrics, see
/// `log::told`. Who does not know the flag defines a series that no sample is of, so that segments of version 1 may have it.
pub(super) const SAYS: u16 = 2;

const MAGIC: &[u8; 8] = b"WEIRLOG\n";
const COPY: usize = 32;
const MARK: u8 = 0xa7;

/// A segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) version: u16,
    pub(super) number: u64,
    pub(super) salt: u64,
}

/// Why there is no segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadSegment {
    /// Neither copy is whole.
    Damaged,
    /// A newer program wrote it: the log's version, and that of the label encoding.
    Newer(u16, u8),
}

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) kind: u8,
    pub(super) flags: u16,
    pub(super) len: u32,
    pub(super) crc: u32,
}

// === impl SegmentHeader ===

impl SegmentHeader {
    pub(super) fn encode(self) -> [u8; SEGMENT_HEADER] {
        let mut copy = Vec::with_capacity(COPY);
        copy.extend_from_slice(MAGIC);
        copy.extend_from_slice(&self.version.to_le_bytes());
        copy.extend_from_slice(&[ENCODING_VERSION, 0]);
        copy.extend_from_slice(&self.number.to_le_bytes());
        copy.extend_from_slice(&self.salt.to_le_bytes());
        copy.extend_from_slice(&crc32c::crc32c(&copy).to_le_bytes());
        let mut out = [0; SEGMENT_HEADER];
        for half in out.chunks_exact_mut(COPY) {
            half.copy_from_slice(&copy);
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BadSegment> {
        let mut copies = bytes.chunks_exact(COPY).take(2).map(Self::decode_copy);
        copies.find(|copy| *copy != Err(BadSegment::Damaged)).unwrap_or(Err(BadSegment::Damaged))
    }

    fn decode_copy(bytes: &[u8]) -> Result<Self, BadSegment> {
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or(BadSegment::Damaged)?;
        if u32::from_le_bytes(*crc) != crc32c::crc32c(body) {
            return Err(BadSegment::Damaged);
        }
        let (magic, body) = body.split_first_chunk::<8>().ok_or(BadSegment::Damaged)?;
        let (versions, body) = body.split_first_chunk::<4>().ok_or(BadSegment::Damaged)?;
        let (number, body) = body.split_first_chunk::<8>().ok_or(BadSegment::Damaged)?;
        let (salt, _) = body.split_first_chunk::<8>().ok_or(BadSegment::Damaged)?;
        let [low, high, encoding, _] = *versions;
        let version = u16::from_le_bytes([low, high]);
        if magic != MAGIC || version == 0 {
            return Err(BadSegment::Damaged);
        }
        if version > VERSION || encoding > ENCODING_VERSION {
            return Err(BadSegment::Newer(version, encoding));
        }
        Ok(Self { version, number: u64::from_le_bytes(*number), salt: u64::from_le_bytes(*salt) })
    }
}

// === impl RecordHeader ===

impl RecordHeader {
    /// The header of `payload`.
    pub(super) fn of(kind: u8, flags: u16, payload: &[u8], salt: u64) -> Self {
        Self { kind, flags, len: payload.len() as u32, crc: Self::checksum(payload, salt) }
    }

    pub(super) fn encode(self, salt: u64) -> [u8; RECORD_HEADER] {
        let mut out = [0; RECORD_HEADER];
        let (body, check) = out.split_at_mut(12);
        body[0] = MARK;
        body[1] = self.kind;
        body[2..4].copy_from_slice(&self.flags.to_le_bytes());
        body[4..8].copy_from_slice(&self.len.to_le_bytes());
        body[8..12].copy_from_slice(&self.crc.to_le_bytes());
        check.copy_from_slice(&Self::checksum(body, salt).to_le_bytes());
        out
    }

    /// The header in `bytes`, where it is one.
    pub(super) fn decode(bytes: &[u8; RECORD_HEADER], salt: u64) -> Option<Self> {
        let (body, check) = bytes.split_last_chunk::<4>()?;
        let [mark, kind, f0, f1, l0, l1, l2, l3, c0, c1, c2, c3] = *body.first_chunk::<12>()?;
        if mark != MARK || u32::from_le_bytes(*check) != Self::checksum(body, salt) {
            return None;
        }
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        let header = Self { kind, flags: u16::from_le_bytes([f0, f1]), len, crc: u32::from_le_bytes([c0, c1, c2, c3]) };
        (len as usize <= MAX_PAYLOAD).then_some(header)
    }

    /// Whether `payload` is the one that the header was made for.
    pub(super) fn holds(self, payload: &[u8], salt: u64) -> bool {
        self.len as usize == payload.len() && self.crc == Self::checksum(payload, salt)
    }

    fn checksum(bytes: &[u8], salt: u64) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), bytes)
    }
}

/// The version of a segment that may hold records of this kind.
pub(super) fn version_for(kind: u8) -> u16 {
    if kind == SAMPLES { FLOATS_VERSION } else { VERSION }
}
