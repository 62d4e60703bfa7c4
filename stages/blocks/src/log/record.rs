//! The payload of a samples record.
//!
//! ```text
//! tenant       length, bytes
//! definitions  count; then for each: the series' number, length of its labels, canonical labels
//! samples      until the end: the series' number, count n, n timestamps, n values (f64, little-endian), and with the
//!              flag n start timestamps
//! ```
//! With the flag that it says something of metrics there are only definitions, see `log::told`.
//!
//! Numbers are varints. A series' first timestamp is the zigzagged difference to the first one of the series before,
//! the others are differences to the one before; start timestamps are differences to their sample's.

use weir_pipeline::batch::{Metadata, Series};
use weir_pipeline::{Batch, BatchBuilder, Labels, Tenant};

use super::format::{HAS_STARTS, SAMPLES, SAYS};
use super::known::Known;
use super::numbered::Numbered;
use super::{rare, told};
use crate::varint::{put_varint, take_varint, unzigzag, zigzag};

/// A part ends when its samples take so many bytes, its labels included.
pub(super) const PART_BYTES: usize = 1 << 20;

/// So many samples of one series go into one part.
const RUN: usize = 16 << 10;

/// A batch as the log writes it, encoded by its sender.
pub struct Entry {
    batch: Batch,
    parts: Vec<Part>,
}

/// What becomes one record.
pub(super) struct Part {
    /// The record's kind.
    pub(super) kind: u8,
    /// The numbers of the series, each with its place in the batch.
    series: Vec<(u64, u32)>,
    pub(super) samples: Vec<u8>,
    pub(super) flags: u16,
}

/// Which series a segment has defined: a bit per number.
#[derive(Default)]
pub(super) struct Defined(Numbered<u64, 64>);

/// What a record came to.
pub(super) struct Decoded {
    pub(super) batch: Batch,
    /// Samples of series whose definition was lost.
    pub(super) orphans: u64,
}

// === impl Entry ===

impl Entry {
    /// Encodes those series of `batch` to which `numbers` gives a number. A number stands for one series of one tenant
    /// while the process lives.
    pub fn new(batch: &Batch, numbers: impl IntoIterator<Item = Option<u64>>) -> Self {
        let mut parts = Vec::new();
        let mut part = Part::new(batch.float_count());
        let (mut base, mut labels) = (0i64, 0);
        let beside_floats = batch.histogram_count() + batch.exemplar_count() > 0;
        let mut all = Vec::new();
        for (i, (number, series)) in numbers.into_iter().zip(batch.iter()).enumerate() {
            if beside_floats {
                all.push(number);
            }
            let Some(number) = number else { continue };
            let mut at = 0;
            while at < series.timestamps.len() {
                let end = series.timestamps.len().min(at + RUN);
                part.push(number, i as u32, series, at..end, &mut base);
                at = end;
                labels += series.labels.encoded().len();
                if part.samples.len() + labels >= PART_BYTES {
                    parts.push(std::mem::replace(&mut part, Part::new(0)));
                    (base, labels) = (0, 0);
                }
            }
        }
        if !part.series.is_empty() {
            parts.push(part);
        }
        rare::parts(batch, &all, &mut parts);
        Self { batch: batch.clone(), parts }
    }

    /// The same, with what is said of metrics, of the batch's tenant.
    #[must_use]
    pub fn saying(mut self, said: &[Metadata]) -> Self {
        told::define(said, &mut self.parts);
        self
    }

    /// As [`new`](Self::new), with what the batch says of metrics, for a segment that is not of the log.
    pub(super) fn told(batch: &Batch, numbers: impl IntoIterator<Item = Option<u64>>) -> Self {
        let mut entry = Self::new(batch, numbers);
        told::parts(batch, &mut entry.parts);
        entry
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Appends the payload of `part`, with the labels of the series that are not `defined` yet, and returns its flags.
    pub(super) fn write(&self, part: &Part, defined: &mut Defined, out: &mut Vec<u8>) -> u16 {
        let tenant = self.batch.tenant().as_str();
        put_varint(tenant.len() as u64, out);
        out.extend_from_slice(tenant.as_bytes());
        if part.flags & SAYS != 0 {
            out.extend_from_slice(&part.samples);
            return part.flags;
        }
        let new: Vec<_> = part.series.iter().filter(|(number, _)| defined.insert(*number)).collect();
        put_varint(new.len() as u64, out);
        for &&(number, i) in &new {
            let labels = self.batch.series(i as usize).labels.encoded();
            put_varint(number, out);
            put_varint(labels.len() as u64, out);
            out.extend_from_slice(labels);
        }
        out.extend_from_slice(&part.samples);
        part.flags
    }
}

// === impl Part ===

impl Part {
    fn new(samples: usize) -> Self {
        Self { samples: Vec::with_capacity((samples * 14).min(PART_BYTES)), ..Self::of(SAMPLES) }
    }

    /// An empty part of this kind.
    pub(super) fn of(kind: u8) -> Self {
        Self { kind, series: Vec::new(), samples: Vec::new(), flags: 0 }
    }

    /// What follows is of this series.
    pub(super) fn begin(&mut self, number: u64, i: u32) {
        self.series.push((number, i));
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    fn push(&mut self, number: u64, i: u32, series: Series<'_>, range: std::ops::Range<usize>, base: &mut i64) {
        let (timestamps, values) = (&series.timestamps[range.clone()], &series.values[range.clone()]);
        self.begin(number, i);
        put_varint(number, &mut self.samples);
        put_varint(timestamps.len() as u64, &mut self.samples);
        let mut last = *base;
        for &ts in timestamps {
            put_varint(zigzag(ts.wrapping_sub(last)), &mut self.samples);
            last = ts;
        }
        *base = timestamps.first().copied().unwrap_or(*base);
        for value in values {
            self.samples.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        if !series.start_timestamps.is_empty() {
            self.flags |= HAS_STARTS;
            for (start, ts) in series.start_timestamps[range].iter().zip(timestamps) {
                put_varint(zigzag(ts.wrapping_sub(*start)), &mut self.samples);
            }
        }
    }
}

// === impl Defined ===

impl Defined {
    /// Notes a series, and says whether it is new.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let (word, bit) = (number >> 6, 1u64 << (number & 63));
        let bits = self.0.get(word);
        self.0.set(word, bits | bit);
        bits & bit == 0
    }
}

// === decode ===

/// Reads the payload of a record of this kind; `None` where it makes no sense.
pub(super) fn decode(kind: u8, payload: &[u8], flags: u16, known: &mut Known) -> Option<Decoded> {
    let (tenant, rest) = take_bytes(payload)?;
    let tenant = Tenant::new(std::str::from_utf8(tenant).ok()?).ok()?;
    if kind == SAMPLES && flags & SAYS != 0 {
        return told::defined(rest, Batch::builder(tenant));
    }
    let (count, mut rest) = take_varint(rest)?;
    for _ in 0..count {
        let (number, after) = take_varint(rest)?;
        let (labels, after) = take_bytes(after)?;
        known.define(number, Labels::check(labels).ok()?);
        rest = after;
    }
    let mut batch = Batch::builder(tenant);
    if kind != SAMPLES {
        return rare::decode(kind, rest, known, batch);
    }
    let (mut orphans, mut base) = (0, 0);
    while !rest.is_empty() {
        let (number, after) = take_varint(rest)?;
        let (run, after) = Run::take(after, flags & HAS_STARTS != 0, &mut base)?;
        rest = after;
        match known.labels(number) {
            Some(labels) => run.append(labels, &mut batch),
            None => orphans += run.timestamps.len() as u64,
        }
    }
    Some(Decoded { batch: batch.build(), orphans })
}

/// One series' samples in a record.
struct Run<'a> {
    timestamps: Vec<i64>,
    values: &'a [u8],
    starts: Vec<i64>,
}

impl<'a> Run<'a> {
    fn take(data: &'a [u8], has_starts: bool, base: &mut i64) -> Option<(Self, &'a [u8])> {
        let (count, mut rest) = take_varint(data)?;
        let count = usize::try_from(count).ok()?;
        // Each sample takes more than eight bytes: a count that can't be true reserves nothing.
        if count == 0 || count > rest.len() / 9 {
            return None;
        }
        let mut timestamps = Vec::with_capacity(count);
        let mut last = *base;
        for _ in 0..count {
            let (step, after) = take_varint(rest)?;
            last = last.wrapping_add(unzigzag(step));
            timestamps.push(last);
            rest = after;
        }
        *base = timestamps.first().copied()?;
        let (values, mut rest) = rest.split_at_checked(count * 8)?;
        let mut starts = Vec::new();
        if has_starts {
            for ts in &timestamps {
                let (back, after) = take_varint(rest)?;
                starts.push(ts.wrapping_sub(unzigzag(back)));
                rest = after;
            }
        }
        Some((Self { timestamps, values, starts }, rest))
    }

    fn append(&self, labels: Labels<'_>, batch: &mut BatchBuilder) {
        batch.series(labels);
        for (i, (&ts, value)) in self.timestamps.iter().zip(self.values.as_chunks().0).enumerate() {
            let start = self.starts.get(i).copied().unwrap_or(0);
            batch.sample_since(start, ts, f64::from_bits(u64::from_le_bytes(*value)));
        }
    }
}

pub(super) fn take_bytes(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = take_varint(data)?;
    rest.split_at_checked(usize::try_from(len).ok()?)
}
