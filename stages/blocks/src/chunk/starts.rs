//! Since when the samples of a chunk count: told where that changes, behind the samples of a finished chunk.
//!
//! ```text
//! changes   each: how many samples after the change before it, as a varint; how much later the start is, zigzagged
//! length    of the changes, in bytes, u32
//! ```

use std::ops::Range;

use super::{Chunk, Content};
use crate::varint::{put_varint, take_varint, unzigzag, zigzag};

/// Since when the samples of a chunk count that still grows: the places of samples from which on a start holds, and the starts.
/// Before the first it is not known. A chunk whose samples have no start has none of this.
#[derive(Clone, Debug, Default)]
pub struct Starts(Vec<(u32, i64)>);

// === impl Starts ===

impl Starts {
    /// Whether no start is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That of the last sample, 0 for unknown.
    pub fn last(&self) -> i64 {
        self.0.last().map_or(0, |(_, start)| *start)
    }

    /// What it takes in memory beside itself, in bytes.
    pub fn byte_size(&self) -> usize {
        self.0.capacity() * size_of::<(u32, i64)>()
    }

    /// Notes the start of the `nth` sample, which comes after all that were noted.
    pub fn push(&mut self, nth: u32, start: i64) {
        if start != self.last() {
            // Most never change.
            if self.0.is_empty() {
                self.0.reserve_exact(1);
            }
            self.0.push((nth, start));
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let (before, mut last) = (out.len(), (0, 0));
        for &(nth, start) in &self.0 {
            put_varint(u64::from(nth.saturating_sub(last.0)), out);
            put_varint(zigzag(start.wrapping_sub(last.1)), out);
            last = (nth, start);
        }
        out.extend_from_slice(&((out.len() - before) as u32).to_le_bytes());
    }
}

// === impl Chunk ===

impl Chunk {
    /// The same samples, which are floats, with these starts.
    #[must_use]
    pub fn since(self, starts: &Starts) -> Self {
        if starts.is_empty() || self.content != Content::Floats {
            return self;
        }
        let mut data = self.data.into_vec();
        starts.encode(&mut data);
        Self { content: Content::FloatsSince, data: data.into_boxed_slice(), ..self }
    }

    /// A chunk of samples with strictly rising timestamps, each with its start; `None` where there is none.
    pub fn of_since(samples: impl IntoIterator<Item = (i64, f64, i64)>) -> Option<Self> {
        let (mut open, mut starts) = (super::Open::default(), Starts::default());
        for (nth, (ts, value, start)) in (0..).zip(samples) {
            open.push(ts, value);
            starts.push(nth, start);
        }
        open.seal().map(|chunk| chunk.since(&starts))
    }

    /// Whether the start of any float is known.
    pub fn has_starts(&self) -> bool {
        self.content == Content::FloatsSince
    }

    /// Appends the floats within `start..=end`, and since when they count: to `starts` as many as there are timestamps, nothing
    /// where it is known of none.
    pub fn decode_since(
        &self,
        (start, end): (i64, i64),
        (timestamps, values, starts): (&mut Vec<i64>, &mut Vec<f64>, &mut Vec<i64>),
    ) {
        let before = timestamps.len();
        let kept = self.decode_into(start, end, timestamps, values);
        let mut own = Vec::new();
        if self.has_starts() {
            self.starts(kept, &mut own);
        }
        crate::starts::append(starts, before, timestamps.len(), &own);
    }

    /// Appends the starts of the samples at these places.
    fn starts(&self, places: Range<usize>, out: &mut Vec<i64>) {
        let (mut at, mut last) = (places.start, 0);
        let mut until = |to: usize, next: i64| {
            let to = to.clamp(at, places.end.max(at));
            out.resize(out.len() + (to - at), last);
            (at, last) = (to, next);
        };
        self.changes().for_each(|(nth, start)| until(nth, start));
        until(places.end, 0);
    }

    /// The places of samples from which on a start holds, and the starts. Of rubbish there are fewer.
    fn changes(&self) -> impl Iterator<Item = (usize, i64)> {
        let mut rest = self.encoded_starts().unwrap_or_default();
        let (mut nth, mut start) = (0usize, 0i64);
        std::iter::from_fn(move || {
            let (further, after) = take_varint(rest)?;
            let (later, after) = take_varint(after)?;
            rest = after;
            nth = nth.checked_add(usize::try_from(further).ok()?)?;
            start = start.wrapping_add(unzigzag(later));
            Some((nth, start))
        })
    }

    fn encoded_starts(&self) -> Option<&[u8]> {
        let (data, length) = self.data.split_last_chunk::<4>()?;
        let from = data.len().checked_sub(u32::from_le_bytes(*length) as usize)?;
        data.get(from..)
    }
}
