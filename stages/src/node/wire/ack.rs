//! An ack as a message.

use weir_pipeline::ack::{Entry, reason};
use weir_pipeline::{Ack, Outcome, Result};

use super::reader::{Sections, bad, got};
use super::writer::{Writer, put_text, put_varint, shortened};
use super::{Limits, Message, Section, TEXT_BYTES};

const ENTRIES: Section = Section::new(0x81, "entries");
/// Which kinds are lost, where it is not floats alone. Who does not know it counts samples all the same.
const KINDS: Section = Section::new(0x02, "kinds");

/// The bits of an entry's first byte beside its outcome.
const HAS_DETAIL: u8 = 8;
const HAS_PLACE: u8 = 16;

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
    if ack.exemplars > 0 || ack.entries().iter().any(|entry| entry.histograms > 0) {
        writer.section(KINDS, |out| {
            put_varint(ack.exemplars, out);
            ack.entries().iter().for_each(|entry| put_varint(entry.histograms, out));
        });
    }
    writer.seal();
}

/// Reads a message that [`encode_ack`] wrote. Places are those of the peer. A reason that is not in [`reason`]'s list, as that of a
/// newer peer, or of a plugin, becomes `peer`, and stands before the detail. An older peer does not say which samples are
/// native histograms, nor how many exemplars were lost.
///
/// # Errors
/// `Invalid`, where the bytes are no such message, exceed `limits`, or count more than 2^64 - 1 samples.
pub fn decode_ack(bytes: &[u8], limits: &Limits) -> Result<Ack> {
    let sections = Sections::read(bytes, limits.message_bytes, Message::Ack, &[ENTRIES, KINDS], &[])?;
    let (mut reader, mut kinds) = (sections.must(ENTRIES)?, sections.get(KINDS));
    let mut ack = Ack::default();
    ack.created = reader.varint()?;
    if let Some(kinds) = &mut kinds {
        ack.exemplars = kinds.varint()?;
    }
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
        let histograms = match &mut kinds {
            Some(kinds) => kinds.at_most(count, "native histograms")?,
            None => 0,
        };
        let (reason, detail) = known(said, detail);
        ack.push(Entry { outcome, reason, detail, place, count, histograms });
    }
    reader.end("entries")?;
    kinds.map_or(Ok(()), |kinds| kinds.end("kinds"))?;
    Ok(ack)
}

/// The reason as static text, and the detail.
fn known(said: &str, detail: Option<&str>) -> (&'static str, Option<String>) {
    match reason::known(said) {
        Some(reason) => (reason, detail.map(str::to_owned)),
        None => {
            let told = detail.map_or_else(|| said.to_owned(), |detail| format!("{said}: {detail}"));
            (reason::PEER, Some(shortened(&told).to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
