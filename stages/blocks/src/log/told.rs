//! What is known beside samples, as a segment of its own: exemplars, and what senders said of metrics; and what they say of
//! metrics in the log.
//!
//! A record of metadata has the tenant, no definitions, and then until the end for each metric its kind (a byte), name, help
//! text and unit, each text behind its length.
//!
//! The log has it in a record of samples with the flag [`SAYS`], so that a segment with floats alone stays one of version 1:
//! for each metric the definition of the number 0, which no series has, with the labels `__name__`, `help`, `kind` (the
//! kind's number) and `unit`, of which those are left out that are empty.

use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::labels::METRIC;
use weir_pipeline::{Batch, BatchBuilder, LabelSet, Labels};

use super::format::{METADATA, RecordHeader, SAMPLES, SAYS, SegmentHeader, VERSION};
use super::record::{Decoded, Defined, Entry, PART_BYTES, Part, take_bytes};
use crate::varint::{put_varint, take_varint};

/// The bytes of a segment of this number with all that batches say, but for their samples.
pub(crate) fn segment(number: u64, salt: u64, batches: &[Batch]) -> Vec<u8> {
    let mut out = SegmentHeader { version: VERSION, number, salt }.encode().to_vec();
    let (mut defined, mut next) = (Defined::default(), 0);
    for batch in batches {
        let numbers = (0..batch.series_count() as u64).map(|i| Some(next + i));
        let entry = Entry::told(batch, numbers);
        next += batch.series_count() as u64;
        for part in entry.parts() {
            let mut payload = Vec::new();
            let flags = entry.write(part, &mut defined, &mut payload);
            out.extend_from_slice(&RecordHeader::of(part.kind, flags, &payload, salt).encode(salt));
            out.extend_from_slice(&payload);
        }
    }
    out
}

/// Encodes what is said of metrics.
pub(super) fn parts(batch: &Batch, parts: &mut Vec<Part>) {
    let mut part = Part::of(METADATA);
    for said in batch.metadata() {
        part.samples.push(said.kind.code());
        for text in [&said.metric, &said.help, &said.unit] {
            put_varint(text.len() as u64, &mut part.samples);
            part.samples.extend_from_slice(text.as_bytes());
        }
        if part.samples.len() >= PART_BYTES {
            parts.push(std::mem::replace(&mut part, Part::of(METADATA)));
        }
    }
    if !part.samples.is_empty() {
        parts.push(part);
    }
}

/// Reads the metadata of a record.
pub(super) fn decode(mut data: &[u8], mut batch: BatchBuilder) -> Option<Decoded> {
    while let Some((&kind, mut rest)) = data.split_first() {
        let mut text = || {
            let (len, after) = take_varint(rest)?;
            let (text, after) = after.split_at_checked(usize::try_from(len).ok()?)?;
            rest = after;
            std::str::from_utf8(text).ok().map(str::to_owned)
        };
        let (metric, help, unit) = (text()?, text()?, text()?);
        // A kind of the future is unknown here.
        batch.metadata(Metadata { metric, kind: MetricKind::of(kind).unwrap_or_default(), help, unit });
        data = rest;
    }
    Some(Decoded { batch: batch.build(), orphans: 0 })
}

/// Encodes what is said of metrics as definitions, for the log.
pub(super) fn define(said: &[Metadata], parts: &mut Vec<Part>) {
    let (mut definitions, mut count) = (Vec::new(), 0);
    let mut said = said.iter().peekable();
    while let Some(Metadata { metric, kind, help, unit }) = said.next() {
        let kind = kind.code().to_string();
        let pairs: [(&str, &str); 4] = [(METRIC, metric), ("help", help), ("kind", &kind), ("unit", unit)];
        let labels = LabelSet::from_iter(pairs);
        let labels = labels.as_labels().encoded();
        put_varint(0, &mut definitions);
        put_varint(labels.len() as u64, &mut definitions);
        definitions.extend_from_slice(labels);
        count += 1;
        if definitions.len() >= PART_BYTES || said.peek().is_none() {
            let mut part = Part::of(SAMPLES);
            part.flags = SAYS;
            put_varint(std::mem::take(&mut count), &mut part.samples);
            part.samples.append(&mut definitions);
            parts.push(part);
        }
    }
}

/// Reads what is said of metrics as definitions.
pub(super) fn defined(data: &[u8], mut batch: BatchBuilder) -> Option<Decoded> {
    let (count, mut rest) = take_varint(data)?;
    for _ in 0..count {
        let (_, after) = take_varint(rest)?;
        let (labels, after) = take_bytes(after)?;
        let labels = Labels::check(labels).ok()?;
        let text = |name: &str| labels.get(name).unwrap_or_default().to_owned();
        let kind = labels.get("kind")?.parse().ok().and_then(MetricKind::of);
        // A kind of the future is unknown here.
        let kind = kind.unwrap_or_default();
        batch.metadata(Metadata { metric: text(METRIC), kind, help: text("help"), unit: text("unit") });
        rest = after;
    }
    rest.is_empty().then(|| Decoded { batch: batch.build(), orphans: 0 })
}

#[cfg(test)]
mod tests;
