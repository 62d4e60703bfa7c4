//! An ack as a message.

use weir_pipeline::ack::Entry;
use weir_pipeline::{Ack, Outcome, Result};

use super::reader::{Sections, bad, got};
use super::writer::{Writer, put_text, put_varint, shortened};
use super::{Limits, Message, Section, TEXT_BYTES};

const ENTRIES: Section = Section::new(0x81, "entries");

/// The bits of an entry's first byte beside its outcome.
const HAS_DETAIL: u8 = 8;
const HAS_PLACE: u8 = 16;

/// What stands for a reason that is not known here: that of a newer peer.
const PEER: &str = "peer";

/// The reasons that stages and sinks give. In memory a reason is static text, so only these can be read as they are.
const REASONS: [&str; 10] = [
    "",
    "duplicate_timestamp",
    "filter",
    "id_collision",
    "invalid_label_name",
    "labels_too_long",
    PEER,
    "relabel",
    "too_far_in_future",
    "too_old",
];

/// Appends `ack` to `out` as one message. Reasons, details and places beyond 16 KiB are cut short.
pub fn encode_ack(ack: &Ack, out: &mut Vec<u8>) {
    let mut writer = Writer::new(Message::Ack, out);
    writer.section(ENTRIES, |out| {
        put_varint(ack.created, out);
        put_varint(ack.entries().len() as u64, out);
        for entry in ack.entries() {
            let outcome = Outcome::ALL.iter().position(|outcome| *outcome == entry.outcome).unwrap_or(0) as u8;
            let has = |is: bool, bit: u8| if is { bit } else { 0 };
            out.push(outcome | has(entry.detail.is_some(), HAS_DETAIL) | has(entry.place.is_some(), HAS_PLACE));
            put_text(shortened(entry.reason), out);
            for text in [entry.detail.as_deref(), entry.place.as_deref()].into_iter().flatten() {
                put_text(shortened(text), out);
            }
            put_varint(entry.count, out);
        }
    });
    writer.seal();
}

/// Reads a message that [`encode_ack`] wrote. Places are those of the peer. A reason that is not known here becomes
/// `peer`, and stands before the detail.
///
/// # Errors
/// `Invalid`, where the bytes are no such message, exceed `limits`, or count more than 2^64 - 1 samples.
pub fn decode_ack(bytes: &[u8], limits: &Limits) -> Result<Ack> {
    let sections = Sections::read(bytes, limits.message_bytes, Message::Ack, &[ENTRIES], &[])?;
    let mut reader = sections.must(ENTRIES)?;
    let mut ack = Ack::default();
    ack.created = reader.varint()?;
    let (most, mut total) = (TEXT_BYTES as u64, 0u64);
    // An entry takes its first byte, the length of its reason and its count at least.
    for _ in 0..reader.count(limits.entries, 3, "entries")? {
        let at = reader.pos();
        let bits = reader.byte()?;
        let outcome = Outcome::ALL.get(usize::from(bits & (HAS_DETAIL - 1)));
        let outcome = outcome.filter(|_| bits < HAS_PLACE << 1);
        let &outcome = outcome.ok_or_else(|| got(at, "an outcome", format_args!("{bits:02x}")))?;
        let said = reader.text(most, "a reason")?.text;
        let mut text = |bit, what| (bits & bit != 0).then(|| reader.text(most, what)).transpose();
        let detail = text(HAS_DETAIL, "a detail")?.map(|detail| detail.text);
        let place = text(HAS_PLACE, "a place")?.map(|place| place.text.into());
        let at = reader.pos();
        let count = reader.varint()?;
        if count == 0 {
            return Err(got(at, "a count of at least 1", count));
        }
        total = total.checked_add(count).ok_or_else(|| bad(at, "counts that add up to at most 64 bits"))?;
        let (reason, detail) = known(said, detail);
        ack.push(Entry { outcome, reason, detail, place, count });
    }
    reader.end("entries")?;
    Ok(ack)
}

/// The reason as static text, and the detail.
fn known(said: &str, detail: Option<&str>) -> (&'static str, Option<String>) {
    match REASONS.iter().find(|reason| **reason == said) {
        Some(reason) => (reason, detail.map(str::to_owned)),
        None => {
            let told = detail.map_or_else(|| said.to_owned(), |detail| format!("{said}: {detail}"));
            (PEER, Some(shortened(&told).to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
