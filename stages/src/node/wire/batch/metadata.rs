//! What the sender says of metrics.

use weir_pipeline::Result;
use weir_pipeline::batch::{Metadata, MetricKind};

use crate::node::wire::Limits;
use crate::node::wire::reader::Reader;
use crate::node::wire::writer::{put_text, put_varint};

pub(super) fn put(all: &[Metadata], out: &mut Vec<u8>) {
    put_varint(all.len() as u64, out);
    for metadata in all {
        out.push(metadata.kind.code());
        put_text(&metadata.metric, out);
        put_text(&metadata.help, out);
        put_text(&metadata.unit, out);
    }
}

/// Reads the section and gives each to `take`, with the bytes that it takes in a batch.
pub(super) fn read(
    mut reader: Reader<'_>,
    limits: &Limits,
    mut take: impl FnMut(Metadata, u64) -> Result<()>,
) -> Result<()> {
    let count = reader.count(u64::MAX, 4, "metadata")?;
    for _ in 0..count {
        // A kind of the future is unknown here.
        let kind = MetricKind::of(reader.byte()?).unwrap_or_default();
        let mut text = |what| reader.text(limits.value_bytes, what).map(|text| text.text.to_owned());
        let metadata = Metadata { metric: text("a metric")?, kind, help: text("a help text")?, unit: text("a unit")? };
        let bytes = (metadata.metric.len() + metadata.help.len() + metadata.unit.len() + 80) as u64;
        take(metadata, bytes)?;
    }
    reader.end("metadata")
}
