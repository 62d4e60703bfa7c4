//! What nodes of one cluster send each other, as bytes: batches down, acks and errors up, questions for samples.
//!
//! Shape: a message is the magic (three bytes that name its kind), the version (one byte), sections, and the CRC-32C of
//! all that, little-endian. A section is an id, a length (varint) and as many bytes; ids ascend, apart from their
//! highest bit. That bit says that a reader must know the section: it refuses the message where it does not, while a
//! section without it is passed over. So two versions of Weir work side by side. Varints are unsigned LEB128 in their
//! shortest form; a string is its length as a varint, then UTF-8. A batch of 4 KiB or more may go as one frame of zstd, which
//! says how long the message is, to a node that has said that it takes that (the header `weir-unpacks`); nothing else is
//! compressed. On disk (in a queue) batches are as they are.
//!
//! Sections by their ids in hexadecimal:
//!
//! * **Batch**, `WNB`: `81` tenant: its name. `82` counts: of series, of samples, of the bytes of all canonical
//!   encodings. `83` names: count, strings. `84` labels: count, then for each the index of its name and the value as a
//!   string. `85` series: see below. `86` sample counts: runs of (samples, series that have so many). `87` timestamps.
//!   `88` values. `89` start timestamps, where there are any. `8a` native histograms, `0b` exemplars, where there
//!   are any: see below. `0c` metadata: count, then for each kind, metric, help, unit.
//! * **Ack**, `WNA`: `81` entries: created, count, then for each a byte (outcome 0 to 4, 8: has a detail, 16: has a
//!   place), reason, detail, place, count. `02` kinds, where it is not floats alone that are lost: exemplars that are, then for
//!   each entry how many of its samples are native histograms.
//! * **Error**, `WNE`: `81` kind: its number; for `Unavailable` and `Overloaded` 0, or 1 with the seconds and
//!   nanoseconds to wait. `82` message. `03` place. `04` what the sources say. `05`, empty, that it is about the tenant
//!   alone, so that others are taken meanwhile.
//! * **Question**, `WNQ`: `81` tenant: its name. `82` span: start and end in milliseconds since the Unix epoch (zigzag), both
//!   included. `83` matchers: count, then for each a byte (0 to 3: `=`, `!=`, `=~`, `!~`), name, value. `84` options: a byte (1:
//!   the series without their samples). `05` milliseconds after which nobody waits. `06` the bucket that the asker reads itself.
//!   Instead of `82`, `83`, `84` and `06`: `87` what is known of metrics, all or the one named, which batches answer that have
//!   metadata alone; or `88` what recent series are made of, and how many of each kind; or `89` what has changed since the answer of
//!   a number: that number and 1, or 0 for none; or, with `82`, `8a` exemplars: how many selectors, and for each what `83` has, which
//!   batches answer that have exemplars alone; or `8c` what there is of tenants, all or the one named; or `8d`, empty, that all
//!   that there is of the tenant be deleted. `0b`: series that come without samples tell by an empty native histogram that they
//!   have such.
//! * **Cardinality**, `WNC`: `81` counts: series, pairs of labels, chunks. `02` times: first and last (zigzag). `83` metrics, `84`
//!   labels by values, `85` labels by bytes, `86` pairs: each count, then for each its name and how many.
//! * **Tenants**, `WNT`: `81` tenants: count, then for each its name, series and samples of the head, blocks on the disk (how many,
//!   samples, bytes), and 0, or 1 and the same of blocks in the bucket.
//! * **Changes**, `WNH`: `01` the number of this answer, and the least time that changed (zigzag); nothing where that can't be told.
//!
//! Columns of a batch:
//!
//! * **Series**: how many labels of the series before are kept at its front, how many at its back, how many others
//!   stand between them, and the index of each of these in the section of labels. Neighbours differ in few labels, so
//!   that a series takes some bytes, and reading it is two copies and a few. Ids are computed by who reads, never sent.
//! * **Timestamps**: what each differs by from a forecast (zigzag); a 0 stands before the length of a run of zeros. The
//!   forecast for the first of a series is the first of the last series that had any (0 at the start); for others it is
//!   the one before plus the step that that series took there, or else the last step of its own. Series
//!   scraped together take no bytes. Start timestamps likewise, and their forecast is the one before.
//! * **Values**: of each how many of its bytes, the highest first, are left when zeros at the end are cut off: four
//!   bits, the low ones first; then those bytes. Bit for bit, whatever NaN it is.
//!
//! * **Native histograms, exemplars**: for each series that has any, how many series without stand between it and the last
//!   one with, how many it has, and these, as `weir_pipeline::histogram` and `weir_pipeline::Exemplar` encode them. The count
//!   of samples is that of floats.
//!
//! Errors: `Invalid`, with what was expected and the byte at which it is not there. Nothing is allocated before its
//! length is found to be within what is left of the message and within [`Limits`].

mod ack;
mod batch;
mod cardinality;
mod changes;
mod error;
#[doc(hidden)]
pub mod fuzz;
mod limits;
mod packed;
mod query;
mod reader;
mod tenants;
mod writer;

pub use ack::{decode_ack, encode_ack};
pub use batch::{decode_batch, encode_batch};
pub use cardinality::{decode_cardinality, encode_cardinality};
pub use changes::{decode_changes, encode_changes};
pub use error::{decode_error, encode_error};
pub use limits::Limits;
pub use packed::{pack, unpack, unpacked_len};
pub use query::{decode_query, encode_query};
pub use tenants::{decode_tenants, encode_tenants};

/// The version that is written, and the latest that is read.
pub const VERSION: u8 = 1;

/// The longest text of acks and errors, in bytes: what is longer is cut short when it is written.
const TEXT_BYTES: usize = 16 << 10;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Batch,
    Ack,
    Error,
    Query,
    Cardinality,
    Changes,
    Tenants,
}

/// A section of a message: its id, of which the highest bit says that it must be known, and its name in errors.
#[derive(Clone, Copy, Debug)]
struct Section {
    id: u8,
    name: &'static str,
}

/// The bit of a section's id that says that a reader must know it.
const REQUIRED: u8 = 0x80;

// === impl Message ===

impl Message {
    fn magic(self) -> &'static [u8; 3] {
        match self {
            Self::Batch => b"WNB",
            Self::Ack => b"WNA",
            Self::Error => b"WNE",
            Self::Query => b"WNQ",
            Self::Cardinality => b"WNC",
            Self::Changes => b"WNH",
            Self::Tenants => b"WNT",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Batch => "a batch",
            Self::Ack => "an ack",
            Self::Error => "an error",
            Self::Query => "a question",
            Self::Cardinality => "a cardinality",
            Self::Changes => "changes",
            Self::Tenants => "tenants",
        }
    }
}

// === impl Section ===

impl Section {
    const fn new(id: u8, name: &'static str) -> Self {
        Self { id, name }
    }
}

#[cfg(test)]
mod tests;
