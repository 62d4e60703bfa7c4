//! The payloads of records that few logs have: native histograms, and exemplars. What is said of metrics is in `told`.
//!
//! ```text
//! tenant       as in a samples record
//! definitions  likewise
//! items        until the end: the series' number, count n, n items
//! ```
//! An item is a point of a native histogram, told from the one before it in its series, or an exemplar.

use weir_pipeline::batch::Series;
use weir_pipeline::{Batch, BatchBuilder, Exemplar, HistogramPoint};

use super::format::{EXEMPLARS, HISTOGRAMS, METADATA};
use super::known::Known;
use super::record::{Decoded, PART_BYTES, Part};
use super::told;
use crate::varint::{put_varint, take_varint};

/// What a record of some kind holds.
trait Item: Sized {
    const KIND: u8;

    fn of<'a>(series: &Series<'a>) -> &'a [Self];
    fn byte_size(&self) -> usize;
    fn encode(&self, before: Option<&Self>, out: &mut Vec<u8>);
    fn decode(before: Option<&Self>, data: &mut &[u8]) -> Option<Self>;
    fn push(self, out: &mut BatchBuilder);
}

/// Encodes what a batch has beside floats, of the series to which `numbers` gives a number.
pub(super) fn parts(batch: &Batch, numbers: &[Option<u64>], parts: &mut Vec<Part>) {
    if batch.histogram_count() > 0 {
        encode::<HistogramPoint>(batch, numbers, parts);
    }
    if batch.exemplar_count() > 0 {
        encode::<Exemplar>(batch, numbers, parts);
    }
}

/// Reads the items of a record of this kind, which stand behind the definitions.
pub(super) fn decode(kind: u8, data: &[u8], known: &mut Known, batch: BatchBuilder) -> Option<Decoded> {
    match kind {
        HISTOGRAMS => items::<HistogramPoint>(data, known, batch),
        EXEMPLARS => items::<Exemplar>(data, known, batch),
        METADATA => told::decode(data, batch),
        _ => None,
    }
}

fn encode<T: Item>(batch: &Batch, numbers: &[Option<u64>], parts: &mut Vec<Part>) {
    let mut part = Part::of(T::KIND);
    let mut bytes = 0;
    for (i, (number, series)) in numbers.iter().zip(batch.iter()).enumerate() {
        let (Some(number), mut rest) = (*number, T::of(&series)) else { continue };
        while !rest.is_empty() {
            let mut end = 0;
            while let Some(item) = rest.get(end).filter(|_| end == 0 || bytes < PART_BYTES) {
                bytes += item.byte_size();
                end += 1;
            }
            let (run, after) = rest.split_at(end);
            part.begin(number, i as u32);
            put_varint(number, &mut part.samples);
            put_varint(run.len() as u64, &mut part.samples);
            for (n, item) in run.iter().enumerate() {
                item.encode(n.checked_sub(1).and_then(|n| run.get(n)), &mut part.samples);
            }
            rest = after;
            bytes += series.labels.encoded().len();
            if bytes >= PART_BYTES {
                parts.push(std::mem::replace(&mut part, Part::of(T::KIND)));
                bytes = 0;
            }
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
}

fn items<T: Item>(mut data: &[u8], known: &mut Known, mut batch: BatchBuilder) -> Option<Decoded> {
    let mut orphans = 0;
    while !data.is_empty() {
        let (number, rest) = take_varint(data)?;
        let (count, rest) = take_varint(rest)?;
        data = rest;
        let (is_known, mut before) = (known.labels(number).map(|labels| _ = batch.series(labels)).is_some(), None);
        for _ in 0..count {
            let item = T::decode(before.as_ref(), &mut data)?;
            if let Some(before) = before.replace(item)
                && is_known
            {
                before.push(&mut batch);
            }
        }
        match (before, is_known) {
            (Some(last), true) => last.push(&mut batch),
            (Some(_), false) => orphans += count,
            (None, _) => return None,
        }
    }
    Some(Decoded { batch: batch.build(), orphans })
}

impl Item for HistogramPoint {
    const KIND: u8 = HISTOGRAMS;

    fn of<'a>(series: &Series<'a>) -> &'a [Self] {
        series.histograms
    }

    fn byte_size(&self) -> usize {
        self.histogram.byte_size()
    }

    fn encode(&self, before: Option<&Self>, out: &mut Vec<u8>) {
        self.encode_after(before, out);
    }

    fn decode(before: Option<&Self>, data: &mut &[u8]) -> Option<Self> {
        Self::decode_after(before, data)
    }

    fn push(self, out: &mut BatchBuilder) {
        out.histogram(self);
    }
}

impl Item for Exemplar {
    const KIND: u8 = EXEMPLARS;

    fn of<'a>(series: &Series<'a>) -> &'a [Self] {
        series.exemplars
    }

    fn byte_size(&self) -> usize {
        self.byte_size()
    }

    fn encode(&self, _: Option<&Self>, out: &mut Vec<u8>) {
        self.encode(out);
    }

    fn decode(_: Option<&Self>, data: &mut &[u8]) -> Option<Self> {
        Self::decode(data)
    }

    fn push(self, out: &mut BatchBuilder) {
        out.exemplar(self);
    }
}
