//! Timestamps as what they differ by from a forecast, with runs of zeros.

use weir_pipeline::{Batch, Result};

use crate::node::wire::reader::{Reader, bad, got, unzigzag};
use crate::node::wire::writer::{put_varint, zigzag};

/// Writes differences; zeros are counted until another comes.
struct Differences<'o> {
    zeros: u64,
    out: &'o mut Vec<u8>,
}

/// Reads differences.
struct Zeros<'a> {
    zeros: u64,
    reader: Reader<'a>,
}

/// The timestamp that comes next in a series that has `own` so far, after a series that has `before`.
#[inline]
fn forecast(before: &[i64], own: &[i64]) -> i64 {
    let [.., last] = own else { return before.first().copied().unwrap_or(0) };
    let step = match (before.get(own.len() - 1..=own.len()), own) {
        (Some([a, b]), _) | (_, [.., a, b]) => b.wrapping_sub(*a),
        _ => 0,
    };
    last.wrapping_add(step)
}

/// Writes the timestamps of all series.
pub(super) fn put_timestamps<'a>(all: impl Iterator<Item = &'a [i64]>, out: &mut Vec<u8>) {
    let (mut differences, mut before) = (Differences { zeros: 0, out }, &[][..]);
    for own in all.filter(|own| !own.is_empty()) {
        for (i, timestamp) in own.iter().enumerate() {
            let forecast = forecast(before, own.get(..i).unwrap_or_default());
            differences.put(timestamp.wrapping_sub(forecast));
        }
        before = own;
    }
    differences.end();
}

/// Reads the timestamps of all series, `samples` in all; `counts` says how many each has.
pub(super) fn read_timestamps(
    reader: Reader<'_>,
    samples: usize,
    counts: impl Iterator<Item = usize>,
) -> Result<Vec<i64>> {
    let mut zeros = Zeros { zeros: 0, reader };
    let mut out: Vec<i64> = Vec::with_capacity(samples);
    let mut before = 0..0;
    for count in counts.filter(|count| *count > 0) {
        let start = out.len();
        for _ in 0..count {
            let (past, own) = out.split_at(start);
            let forecast = forecast(past.get(before.clone()).unwrap_or_default(), own);
            out.push(forecast.wrapping_add(zeros.next()?));
        }
        before = start..out.len();
    }
    zeros.end("timestamps")?;
    Ok(out)
}

/// Writes the start timestamps of all samples.
pub(super) fn put_starts(batch: &Batch, out: &mut Vec<u8>) {
    let (mut differences, mut last) = (Differences { zeros: 0, out }, 0i64);
    for &start in batch.iter().flat_map(|series| series.start_timestamps) {
        differences.put(start.wrapping_sub(last));
        last = start;
    }
    differences.end();
}

/// Reads the start timestamps of all samples.
pub(super) fn read_starts(reader: Reader<'_>, samples: usize) -> Result<Vec<i64>> {
    let mut zeros = Zeros { zeros: 0, reader };
    let mut out = Vec::with_capacity(samples);
    let mut last = 0i64;
    for _ in 0..samples {
        last = last.wrapping_add(zeros.next()?);
        out.push(last);
    }
    zeros.end("start timestamps")?;
    Ok(out)
}

// === impl Differences ===

impl Differences<'_> {
    #[inline]
    fn put(&mut self, difference: i64) {
        if difference == 0 {
            self.zeros += 1;
        } else {
            self.flush();
            put_varint(zigzag(difference), self.out);
        }
    }

    fn flush(&mut self) {
        if self.zeros > 0 {
            self.out.push(0);
            put_varint(self.zeros, self.out);
            self.zeros = 0;
        }
    }

    fn end(mut self) {
        self.flush();
    }
}

// === impl Zeros ===

impl Zeros<'_> {
    #[inline]
    fn next(&mut self) -> Result<i64> {
        if self.zeros > 0 {
            self.zeros -= 1;
            return Ok(0);
        }
        let value = self.reader.varint()?;
        if value != 0 {
            return Ok(unzigzag(value));
        }
        let at = self.reader.pos();
        let run = self.reader.varint()?;
        self.zeros = run.checked_sub(1).ok_or_else(|| got(at, "a run of at least 1", 0))?;
        Ok(0)
    }

    /// Everything is read, and no run goes on.
    fn end(&self, what: &str) -> Result<()> {
        if self.zeros > 0 {
            return Err(bad(self.reader.pos(), format_args!("{} {what} less", self.zeros)));
        }
        self.reader.end(what)
    }
}
