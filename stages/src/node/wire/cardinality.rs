//! What the recent series of a node are made of, as a message.

use weir_pipeline::{Cardinality, Result};

use super::reader::{Reader, Sections, unzigzag};
use super::writer::{Writer, put_text, put_varint, zigzag};
use super::{Limits, Message, Section};

const COUNTS: Section = Section::new(0x81, "counts");
const TIMES: Section = Section::new(0x02, "times");
const METRICS: Section = Section::new(0x83, "metrics");
const VALUES: Section = Section::new(0x84, "values");
const BYTES: Section = Section::new(0x85, "bytes");
const PAIRS: Section = Section::new(0x86, "pairs");

/// Appends what recent series are made of to `out` as one message.
pub fn encode_cardinality(found: &Cardinality, out: &mut Vec<u8>) {
    let mut writer = Writer::new(Message::Cardinality, out);
    writer.section(COUNTS, |out| {
        [found.series, found.label_pairs, found.chunks].into_iter().for_each(|count| put_varint(count, out));
    });
    if let Some((first, last)) = found.times {
        writer.section(TIMES, |out| {
            put_varint(zigzag(first), out);
            put_varint(zigzag(last), out);
        });
    }
    let mut list = |section, entries: &[(String, u64)]| {
        writer.section(section, |out| {
            put_varint(entries.len() as u64, out);
            for (name, count) in entries {
                put_text(name, out);
                put_varint(*count, out);
            }
        });
    };
    list(METRICS, &found.by_metric);
    list(VALUES, &found.values_by_label);
    list(BYTES, &found.bytes_by_label);
    list(PAIRS, &found.by_pair);
    writer.seal();
}

/// Reads a message that [`encode_cardinality`] wrote.
///
/// # Errors
/// `Invalid`, where the bytes are no such message or exceed `limits`.
pub fn decode_cardinality(bytes: &[u8], limits: &Limits) -> Result<Cardinality> {
    let known = [COUNTS, TIMES, METRICS, VALUES, BYTES, PAIRS];
    let sections = Sections::read(bytes, limits.message_bytes, Message::Cardinality, &known, &[])?;
    let mut counts = sections.must(COUNTS)?;
    let (series, label_pairs, chunks) = (counts.varint()?, counts.varint()?, counts.varint()?);
    counts.end("counts")?;
    let times = match sections.get(TIMES) {
        Some(mut times) => {
            let both = (unzigzag(times.varint()?), unzigzag(times.varint()?));
            times.end("times")?;
            Some(both)
        }
        None => None,
    };
    let list = |section| read_list(sections.must(section)?, limits);
    Ok(Cardinality {
        series,
        label_pairs,
        chunks,
        times,
        by_metric: list(METRICS)?,
        values_by_label: list(VALUES)?,
        bytes_by_label: list(BYTES)?,
        by_pair: list(PAIRS)?,
    })
}

fn read_list(mut reader: Reader<'_>, limits: &Limits) -> Result<Vec<(String, u64)>> {
    // A name and a count take a byte each at least.
    let count = reader.count(limits.dictionary, 2, "entries")?;
    let mut entries = Vec::with_capacity(count);
    // A pair has a name, a value, and a sign between them.
    let most = limits.name_bytes.saturating_add(limits.value_bytes).saturating_add(1);
    for _ in 0..count {
        let name = reader.text(most, "a name")?.text.to_owned();
        entries.push((name, reader.varint()?));
    }
    reader.end("entries")?;
    Ok(entries)
}

#[cfg(test)]
mod tests;
