//! From a batch to bytes.

use weir_pipeline::{Batch, Exemplar, HistogramPoint};

use super::dictionary::{Dictionary, Label};
use super::{
    COUNTS, EXEMPLARS, LABELS, METADATA, NAMES, NATIVE_HISTOGRAMS, SAMPLE_COUNTS, SERIES, START_TIMESTAMPS, TENANT,
    TIMESTAMPS, VALUES, beside, metadata, times, values,
};
use crate::node::wire::Message;
use crate::node::wire::writer::{Writer, put_varint};

/// How many bytes are compared at once.
const CHUNK: usize = 16;

/// A canonical encoding, and where each of its labels ends.
#[derive(Default)]
struct Encoded<'a> {
    bytes: &'a [u8],
    ends: Vec<usize>,
}

/// Appends `batch` to `out` as one message.
pub fn encode_batch(batch: &Batch, out: &mut Vec<u8>) {
    let mut dictionary = Dictionary::default();
    let mut series = Vec::with_capacity(batch.series_count() * 12);
    let label_bytes = put_series(batch, &mut dictionary, &mut series);
    let mut writer = Writer::new(Message::Batch, out);
    writer.section(TENANT, |out| out.extend_from_slice(batch.tenant().as_str().as_bytes()));
    writer.section(COUNTS, |out| {
        put_varint(batch.series_count() as u64, out);
        put_varint(batch.float_count() as u64, out);
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
    if batch.histogram_count() > 0 {
        writer.section(NATIVE_HISTOGRAMS, |out| beside::put::<HistogramPoint>(batch, out));
    }
    if batch.exemplar_count() > 0 {
        writer.section(EXEMPLARS, |out| beside::put::<Exemplar>(batch, out));
    }
    if !batch.metadata().is_empty() {
        writer.section(METADATA, |out| metadata::put(batch.metadata(), out));
    }
    writer.seal();
}

/// Writes each series as what is new in it against the one before. Returns the bytes of all canonical encodings.
fn put_series<'a>(batch: &'a Batch, dictionary: &mut Dictionary<'a>, out: &mut Vec<u8>) -> u64 {
    let (mut before, mut bytes) = (Encoded::default(), 0);
    let (mut own, mut middle) = (Encoded::default(), Vec::new());
    for series in batch.iter() {
        own.bytes = series.labels.encoded();
        let (front, back) = own.tell_apart(&before, &mut middle);
        put_varint(front as u64, out);
        put_varint(back as u64, out);
        put_varint(middle.len() as u64, out);
        for label in middle.drain(..) {
            put_varint(dictionary.index(label), out);
        }
        bytes += own.bytes.len() as u64;
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

// === impl Encoded ===

impl<'a> Encoded<'a> {
    /// Finds where the labels end, and which are not those of `before`: these go to `middle`. Returns how many at the
    /// front and at the back are.
    ///
    /// Most labels are the same, and bytes are compared faster than labels are walked. Where a label begins in both,
    /// the same bytes up to the end are the same labels.
    fn tell_apart(&mut self, before: &Self, middle: &mut Vec<Label<'a>>) -> (usize, usize) {
        let same = same_at_front(self.bytes, before.bytes);
        let front = before.ends.iter().take_while(|end| **end <= same).count();
        let kept = before.ends.get(..front).unwrap_or_default();
        let mut at = kept.last().copied().unwrap_or(0);
        self.ends.clear();
        self.ends.extend_from_slice(kept);
        let rest = |bytes: &'a [u8], at: usize| bytes.get(at..).unwrap_or_default();
        let same = same_at_back(rest(self.bytes, at), rest(before.bytes, at));
        // The first label of `before` that may be the first of those kept at the back, and where it starts.
        let (mut back, mut start) = (front, at);
        loop {
            let left = self.bytes.len() - at;
            while before.bytes.len() - start > left {
                start = before.ends.get(back).copied().unwrap_or(before.bytes.len());
                back += 1;
            }
            if before.bytes.len() - start == left && left <= same {
                break;
            }
            let Some(label) = Label::first(rest(self.bytes, at)) else {
                // Labels that are not canonical read as fewer, here as elsewhere.
                self.bytes = self.bytes.get(..at).unwrap_or_default();
                return (front, 0);
            };
            at += label.bytes.len();
            self.ends.push(at);
            middle.push(label);
        }
        let kept = before.ends.get(back..).unwrap_or_default();
        self.ends.extend(kept.iter().map(|end| self.bytes.len() - (before.bytes.len() - end)));
        (front, kept.len())
    }
}

/// How many bytes at the front are the same.
fn same_at_front(a: &[u8], b: &[u8]) -> usize {
    let (a_chunks, b_chunks) = (a.as_chunks::<CHUNK>().0, b.as_chunks::<CHUNK>().0);
    let chunks = a_chunks.iter().zip(b_chunks).take_while(|(a, b)| a == b).count() * CHUNK;
    let (a, b) = (a.get(chunks..).unwrap_or_default(), b.get(chunks..).unwrap_or_default());
    chunks + a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// How many bytes at the back are the same.
fn same_at_back(a: &[u8], b: &[u8]) -> usize {
    let (a_chunks, b_chunks) = (a.as_rchunks::<CHUNK>().1, b.as_rchunks::<CHUNK>().1);
    let chunks = a_chunks.iter().rev().zip(b_chunks.iter().rev()).take_while(|(a, b)| a == b).count() * CHUNK;
    let (a, b) = (a.get(..a.len() - chunks).unwrap_or_default(), b.get(..b.len() - chunks).unwrap_or_default());
    chunks + a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}
