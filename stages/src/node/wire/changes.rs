//! What has changed of a tenant's samples on a node, as a message.

use weir_pipeline::{Changes, Result};

use super::reader::{Sections, unzigzag};
use super::writer::{Writer, put_varint, zigzag};
use super::{Limits, Message, Section};

const CHANGES: Section = Section::new(0x01, "changes");

/// Appends what has changed to `out` as one message.
pub fn encode_changes(changes: Option<Changes>, out: &mut Vec<u8>) {
    let mut writer = Writer::new(Message::Changes, out);
    if let Some(Changes { number, lowest }) = changes {
        writer.section(CHANGES, |out| {
            put_varint(number, out);
            put_varint(zigzag(lowest), out);
        });
    }
    writer.seal();
}

/// Reads a message that [`encode_changes`] wrote.
///
/// # Errors
/// `Invalid`, where the bytes are no such message or exceed `limits`.
pub fn decode_changes(bytes: &[u8], limits: &Limits) -> Result<Option<Changes>> {
    let sections = Sections::read(bytes, limits.message_bytes, Message::Changes, &[CHANGES], &[])?;
    let Some(mut changes) = sections.get(CHANGES) else { return Ok(None) };
    let (number, lowest) = (changes.varint()?, unzigzag(changes.varint()?));
    changes.end("changes")?;
    Ok(Some(Changes { number, lowest }))
}

#[cfg(test)]
mod tests;
