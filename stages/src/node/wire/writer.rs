//! Writes messages: varints, strings, sections, and the frame around them.

pub(super) use weir_pipeline::varint::{put_varint, zigzag};

use super::{Message, Section, TEXT_BYTES, VERSION};

/// Appends one message to a buffer.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// Where the message starts.
    start: usize,
    /// A section is written here first, because its length stands before it.
    scratch: Vec<u8>,
}

// === impl Writer ===

impl<'a> Writer<'a> {
    pub(super) fn new(message: Message, out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(message.magic());
        out.push(VERSION);
        Self { out, start, scratch: Vec::new() }
    }

    /// Appends a section. Sections come in the order of their ids.
    pub(super) fn section(&mut self, section: Section, write: impl FnOnce(&mut Vec<u8>)) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        write(&mut scratch);
        self.written(section, &scratch);
        self.scratch = scratch;
    }

    /// Appends a section that is written already.
    pub(super) fn written(&mut self, section: Section, bytes: &[u8]) {
        self.out.push(section.id);
        put_varint(bytes.len() as u64, self.out);
        self.out.extend_from_slice(bytes);
    }

    /// Ends the message.
    pub(super) fn seal(self) {
        let crc = crc32c::crc32c(self.out.get(self.start..).unwrap_or_default());
        self.out.extend_from_slice(&crc.to_le_bytes());
    }
}

// === what sections are made of ===

pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// As much of `text` as a message takes: an error that tells less is better than one that can't be read.
pub(super) fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES)).unwrap_or_default()
}
