//! What few series have beside floats: native histograms, and exemplars.
//!
//! A section holds, for each series that has any: how many series without stand between it and the last one with, how many
//! items it has, and these. A point of a histogram is told from the one before it in its series.

use weir_pipeline::batch::Series;
use weir_pipeline::{Batch, BatchBuilder, Exemplar, HistogramPoint, Result};

use crate::node::wire::reader::{Reader, bad, got};
use crate::node::wire::writer::put_varint;

/// What a section holds.
pub(super) trait Item: Sized {
    const NAME: &'static str;

    fn of<'a>(series: &Series<'a>) -> &'a [Self];
    fn encode(&self, before: Option<&Self>, out: &mut Vec<u8>);
    fn decode(before: Option<&Self>, data: &mut &[u8]) -> Option<Self>;
    /// What it takes in a batch, in bytes.
    fn bytes(&self) -> usize;
    fn push(self, out: &mut BatchBuilder);
}

/// Reads a section, series by series.
pub(super) struct Beside<'a, T> {
    reader: Option<Reader<'a>>,
    /// How many series come before the next one that has any.
    gap: u64,
    items: Vec<T>,
}

/// Writes a section.
pub(super) fn put<T: Item>(batch: &Batch, out: &mut Vec<u8>) {
    let mut gap = 0;
    for series in batch.iter() {
        let items = T::of(&series);
        if items.is_empty() {
            gap += 1;
            continue;
        }
        put_varint(std::mem::take(&mut gap), out);
        put_varint(items.len() as u64, out);
        for (i, item) in items.iter().enumerate() {
            item.encode(i.checked_sub(1).and_then(|i| items.get(i)), out);
        }
    }
}

// === impl Beside ===

impl<'a, T: Item> Beside<'a, T> {
    /// Begins to read a section; without one no series has any.
    pub(super) fn new(reader: Option<Reader<'a>>) -> Result<Self> {
        let mut beside = Self { reader, gap: 0, items: Vec::new() };
        beside.step()?;
        Ok(beside)
    }

    /// Adds what the next series has to `out`, where it was begun last. `take` is told of each item what it takes in the
    /// batch, in bytes.
    #[inline]
    pub(super) fn next(&mut self, out: &mut BatchBuilder, take: impl FnMut(u64) -> Result<()>) -> Result<()> {
        match &self.reader {
            None => Ok(()),
            Some(_) if self.gap > 0 => {
                self.gap -= 1;
                Ok(())
            }
            Some(_) => self.read(out, take),
        }
    }

    fn read(&mut self, out: &mut BatchBuilder, mut take: impl FnMut(u64) -> Result<()>) -> Result<()> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let at = reader.pos();
        let count = reader.count(u64::MAX, 1, T::NAME)?;
        if count == 0 {
            return Err(got(at, format_args!("at least 1 of {}", T::NAME), 0));
        }
        for _ in 0..count {
            let (at, mut rest) = (reader.pos(), reader.rest());
            let before = rest.len();
            let item = T::decode(self.items.last(), &mut rest).ok_or_else(|| bad(at, T::NAME))?;
            reader.take((before - rest.len()) as u64, T::NAME)?;
            take(item.bytes() as u64)?;
            if let Some(before) = self.items.pop() {
                before.push(out);
            }
            self.items.push(item);
        }
        self.items.drain(..).for_each(|last| last.push(out));
        self.step()
    }

    /// Finds out which series comes next.
    fn step(&mut self) -> Result<()> {
        match &mut self.reader {
            Some(reader) if reader.left() > 0 => self.gap = reader.varint()?,
            _ => self.reader = None,
        }
        Ok(())
    }

    /// All series are read, and there is nothing more.
    pub(super) fn end(&self) -> Result<()> {
        match &self.reader {
            Some(reader) => Err(bad(reader.pos(), format_args!("no more {} than there are series", T::NAME))),
            None => Ok(()),
        }
    }
}

impl Item for HistogramPoint {
    const NAME: &'static str = "native histograms";

    fn of<'a>(series: &Series<'a>) -> &'a [Self] {
        series.histograms
    }

    fn encode(&self, before: Option<&Self>, out: &mut Vec<u8>) {
        self.encode_after(before, out);
    }

    fn decode(before: Option<&Self>, data: &mut &[u8]) -> Option<Self> {
        Self::decode_after(before, data)
    }

    fn bytes(&self) -> usize {
        self.byte_size()
    }

    fn push(self, out: &mut BatchBuilder) {
        out.histogram(self);
    }
}

impl Item for Exemplar {
    const NAME: &'static str = "exemplars";

    fn of<'a>(series: &Series<'a>) -> &'a [Self] {
        series.exemplars
    }

    fn encode(&self, _: Option<&Self>, out: &mut Vec<u8>) {
        self.encode(out);
    }

    fn decode(_: Option<&Self>, data: &mut &[u8]) -> Option<Self> {
        Self::decode(data)
    }

    fn bytes(&self) -> usize {
        self.byte_size()
    }

    fn push(self, out: &mut BatchBuilder) {
        out.exemplar(self);
    }
}
