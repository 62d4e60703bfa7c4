//! From a batch to bytes.

use weir_pipeline::Batch;

use super::dictionary::{Dictionary, Label};
use super::{
    COUNTS, LABELS, METADATA, NAMES, SAMPLE_COUNTS, SERIES, START_TIMESTAMPS, TENANT, TIMESTAMPS, VALUES, metadata,
    times, values,
};
use crate::node::wire::Message;
use crate::node::wire::writer::{Writer, put_varint};

/// Appends `batch` to `out` as one message.
pub fn encode_batch(batch: &Batch, out: &mut Vec<u8>) {
    let mut dictionary = Dictionary::default();
    let mut series = Vec::with_capacity(batch.series_count() * 12);
    let label_bytes = put_series(batch, &mut dictionary, &mut series);
    let mut writer = Writer::new(Message::Batch, out);
    writer.section(TENANT, |out| out.extend_from_slice(batch.tenant().as_str().as_bytes()));
    writer.section(COUNTS, |out| {
        put_varint(batch.series_count() as u64, out);
        put_varint(batch.sample_count() as u64, out);
        put_varint(label_bytes, out);
    });
    writer.section(NAMES, |out| dictionary.put_names(out));
    writer.section(LABELS, |out| dictionary.put_labels(out));
    writer.written(SERIES, &series);
    writer.section(SAMPLE_COUNTS, |out| put_sample_counts(batch, out));
    writer.section(TIMESTAMPS, |out| times::put_timestamps(batch.iter().map(|s| s.timestamps), out));
    writer.section(VALUES, |out| values::put(batch, out));
    if batch.iter().any(|s| s.start_timestamps.iter().any(|&start| start != 0)) {
        writer.section(START_TIMESTAMPS, |out| times::put_starts(batch, out));
    }
    if !batch.metadata().is_empty() {
        writer.section(METADATA, |out| metadata::put(batch.metadata(), out));
    }
    writer.seal();
}

/// Writes each series as what is new in it against the one before. Returns the bytes of all canonical encodings.
fn put_series<'a>(batch: &'a Batch, dictionary: &mut Dictionary<'a>, out: &mut Vec<u8>) -> u64 {
    let (mut before, mut own): (Vec<Label<'_>>, Vec<Label<'_>>) = Default::default();
    let mut bytes = 0;
    for series in batch.iter() {
        own.clear();
        own.extend(Label::all(series.labels));
        let same = |(a, b): &(&Label<'_>, &Label<'_>)| a.bytes == b.bytes;
        let front = own.iter().zip(&before).take_while(same).count();
        let (own_rest, before_rest) = (own.get(front..).unwrap_or_default(), before.get(front..).unwrap_or_default());
        let back = own_rest.iter().rev().zip(before_rest.iter().rev()).take_while(same).count();
        let middle = own_rest.get(..own_rest.len() - back).unwrap_or_default();
        put_varint(front as u64, out);
        put_varint(back as u64, out);
        put_varint(middle.len() as u64, out);
        for &label in middle {
            put_varint(dictionary.index(label), out);
        }
        bytes += own.iter().map(|label| label.bytes.len() as u64).sum::<u64>();
        std::mem::swap(&mut own, &mut before);
    }
    bytes
}

/// Nearly always all series have one sample each, or all have as many.
fn put_sample_counts(batch: &Batch, out: &mut Vec<u8>) {
    let mut run = (0, 0);
    let put = |(samples, series): (usize, u64), out: &mut Vec<u8>| {
        if series > 0 {
            put_varint(samples as u64, out);
            put_varint(series, out);
        }
    };
    for series in batch.iter() {
        let samples = series.timestamps.len();
        if samples != run.0 {
            put(run, out);
            run = (samples, 0);
        }
        run.1 += 1;
    }
    put(run, out);
}
