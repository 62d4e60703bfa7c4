//! What both versions share: limits, faults, and the way of a series into the batch.

use weir_pipeline::batch::{BatchBuilder, Metadata};
use weir_pipeline::{Batch, Error, Exemplar, Result, Tenant};

use super::refused::{Reason, Refused};
use super::row::Row;
use super::wire::Malformed;
use super::{Version, v1, v2};

/// What a sample takes at most: two timestamps and a value.
const SAMPLE_BYTES: usize = 24;

/// So much more memory than is taken is asked for at a time, in bytes, and as much again where less is taken: a small request
/// should not hold a large share, and a large one should ask rarely.
const STEP: u64 = 1 << 20;

/// So many symbols take about a step. The first of them are not counted.
const SYMBOLS: usize = 1 << 16;

/// What a request may hold. Beyond the limits of a series, the series is refused; beyond those of a request, all of it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Labels of one series.
    pub labels: usize,
    /// Bytes of a label's name.
    pub name_bytes: usize,
    /// Bytes of a label's value.
    pub value_bytes: usize,
    /// Symbols of a 2.0 request.
    pub symbols: usize,
    /// Bytes that the batch may take in memory. References make a small 2.0 body a large batch.
    pub batch_bytes: u64,
}

/// A request, read.
#[derive(Debug)]
pub struct Decoded {
    /// The good series.
    pub batch: Batch,
    /// The bad ones.
    pub refused: Refused,
    /// Exemplars whose labels are too long or no text, which were left out.
    pub dropped_exemplars: u64,
}

/// The memory that a request is given while it is read.
pub(crate) struct Memory<'l> {
    /// So many bytes are there without asking.
    pub(crate) held: u64,
    /// Asks for so many bytes in all, and says whether they are there.
    pub(crate) ask: &'l mut dyn FnMut(u64) -> bool,
}

/// Why a request can't be read at all.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Malformed(Malformed),
    TooManySymbols,
    TooLarge,
    /// There is no memory for it now.
    NoMemory,
}

/// Where the series of a request go.
pub(crate) struct Intake<'l> {
    pub(crate) limits: &'l Limits,
    version: Version,
    builder: BatchBuilder,
    refused: Refused,
    /// How many series there were, good or bad.
    series: u64,
    dropped_exemplars: u64,
    /// What the batch takes so far, roughly and never too little.
    bytes: u64,
    /// So many bytes may the batch take before more is asked for.
    granted: u64,
    /// So many may the samples of a series take before they are part of the batch. The first step is not counted.
    row: u64,
    /// What is held beside the batch, in steps: samples of the longest series, and symbols.
    beside: u64,
    memory: Memory<'l>,
}

/// Reads `body`, decompressed, as one request of `version`.
///
/// # Errors
/// `Invalid`, where the bytes are no such request or the batch would exceed `limits`.
pub fn decode(body: &[u8], version: Version, tenant: Tenant, limits: &Limits) -> Result<Decoded> {
    decode_in(body, version, tenant, limits, Memory { held: u64::MAX, ask: &mut |_| true })
}

/// The same, with memory that has to be asked for.
///
/// # Errors
/// As [`decode`]; `Unavailable`, where there is no memory.
pub(crate) fn decode_in<'l>(
    body: &[u8],
    version: Version,
    tenant: Tenant,
    limits: &'l Limits,
    memory: Memory<'l>,
) -> Result<Decoded> {
    let mut intake = Intake::new(limits, version, tenant, memory);
    let read = match version {
        Version::V1 => v1::read(body, &mut intake),
        Version::V2 => v2::read(body, &mut intake),
    };
    match read {
        Ok(()) => Ok(intake.finish()),
        Err(Fault::Malformed(malformed)) => {
            Err(Error::invalid(format!("expected a `{}`, got {malformed}", version.message())))
        }
        Err(Fault::TooManySymbols) => Err(Error::invalid(format!("expected at most {} symbols", limits.symbols))),
        Err(Fault::TooLarge) => {
            Err(Error::invalid(format!("expected samples that take at most {} bytes in memory", limits.batch_bytes)))
        }
        Err(Fault::NoMemory) => Err(no_memory()),
    }
}

/// There is no memory for a request now.
pub(crate) fn no_memory() -> Error {
    Error::unavailable("expected to find memory for the request, and all of it is in use")
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { labels: 128, name_bytes: 1024, value_bytes: 64 << 10, symbols: 1_000_000, batch_bytes: 128 << 20 }
    }
}

// === impl Intake ===

impl<'l> Intake<'l> {
    /// Nothing yet.
    pub(crate) fn new(limits: &'l Limits, version: Version, tenant: Tenant, memory: Memory<'l>) -> Self {
        let most = limits.batch_bytes;
        Self {
            limits,
            version,
            builder: Batch::builder(tenant),
            refused: Refused::default(),
            series: 0,
            dropped_exemplars: 0,
            bytes: 0,
            granted: memory.held.min(most),
            row: STEP.min(most),
            beside: 0,
            memory,
        }
    }

    /// What was taken, and what was not.
    pub(crate) fn finish(self) -> Decoded {
        Decoded { batch: self.builder.build(), refused: self.refused, dropped_exemplars: self.dropped_exemplars }
    }

    /// Counts so many samples that are left out before there are series of them.
    pub(crate) fn leave_out(&mut self, reason: Reason, samples: u64, tell: impl FnOnce() -> String) {
        self.refused.add(reason, samples, tell);
    }

    /// Charges `bytes` to the batch.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), Fault> {
        self.bytes += bytes as u64;
        if self.bytes > self.granted { self.grow() } else { Ok(()) }
    }

    /// Whether a series may have one more sample than `samples`.
    #[inline]
    pub(super) fn room(&mut self, samples: usize) -> Result<(), Fault> {
        let bytes = (samples as u64 + 1) * SAMPLE_BYTES as u64;
        if bytes > self.row { self.more_samples(bytes) } else { Ok(()) }
    }

    #[cold]
    fn more_samples(&mut self, bytes: u64) -> Result<(), Fault> {
        if bytes > self.limits.batch_bytes {
            return Err(Fault::TooLarge);
        }
        let row = bytes.next_multiple_of(STEP).min(self.limits.batch_bytes);
        self.beside += row - self.row;
        self.row = row;
        self.grow()
    }

    /// Has room for more symbols than `count`, and says for how many in all.
    #[cold]
    pub(super) fn more_symbols(&mut self, count: usize) -> Result<usize, Fault> {
        if count >= self.limits.symbols {
            return Err(Fault::TooManySymbols);
        }
        if count > 0 {
            self.beside += STEP;
            self.grow()?;
        }
        Ok((count + SYMBOLS).min(self.limits.symbols))
    }

    /// Asks for more memory, in steps.
    #[cold]
    fn grow(&mut self) -> Result<(), Fault> {
        if self.bytes > self.limits.batch_bytes {
            return Err(Fault::TooLarge);
        }
        let all = self.bytes.saturating_add(self.beside);
        if all > self.memory.held {
            let held = all.saturating_add(all.min(STEP));
            if !(self.memory.ask)(held) {
                return Err(Fault::NoMemory);
            }
            self.memory.held = held;
        }
        self.granted = self.memory.held.saturating_sub(self.beside).min(self.limits.batch_bytes);
        Ok(())
    }

    /// An exemplar that can't be; its series is looked at as if it had none.
    pub(super) fn bad_exemplar(&mut self, text: String) {
        self.refused.add(Reason::InvalidExemplar, 0, || text);
    }

    /// Counts an exemplar that is left out.
    pub(crate) fn leave_out_exemplar(&mut self) {
        self.dropped_exemplars += 1;
    }

    /// Takes an exemplar of the series that is read.
    pub(crate) fn exemplar(&mut self, row: &mut Row<'_>, read: Result<Exemplar, String>) -> Result<(), Fault> {
        match read {
            Ok(exemplar) => {
                self.charge(exemplar.byte_size())?;
                row.exemplars.push(exemplar);
            }
            // Exemplars fail no request, as in Prometheus: only what refers to nothing is the sender's mistake.
            Err(_) => self.dropped_exemplars += 1,
        }
        Ok(())
    }

    pub(crate) fn metadata(&mut self, metadata: Metadata) -> Result<(), Fault> {
        self.charge(metadata.byte_size())?;
        self.builder.metadata(metadata);
        Ok(())
    }

    /// Takes a series, or refuses it and counts that. Returns whether samples were taken.
    pub(crate) fn take(&mut self, row: &mut Row<'_>) -> Result<bool, Fault> {
        self.series += 1;
        if let Err(flaw) = row.check(self.limits) {
            let limits = self.limits;
            self.refuse(row, flaw.reason(), || flaw.text(limits));
            return Ok(false);
        }
        if row.flawed.0 > 0 {
            let (series, (count, flaw)) = (self.series, &row.flawed);
            let tell = || format!("series {series} {}: a histogram: {flaw}", row.shown());
            self.refused.add(Reason::InvalidHistogram, *count, tell);
        } else if row.is_empty() && self.version == Version::V2 {
            self.refuse(row, Reason::EmptySeries, || "expected samples or histograms".into());
        }
        if row.is_empty() {
            return Ok(false);
        }
        self.charge(row.encoded_len() + 24 + row.samples.len() * SAMPLE_BYTES)?;
        self.builder.series_with(|out| row.encode(out));
        for sample in &row.samples {
            self.builder.sample_since(sample.start, sample.timestamp, sample.value);
        }
        row.histograms.drain(..).for_each(|point| _ = self.builder.histogram(point));
        row.exemplars.drain(..).for_each(|exemplar| _ = self.builder.exemplar(exemplar));
        Ok(true)
    }

    /// Takes a series that was found bad before its labels were known.
    pub(super) fn pass_over(&mut self, row: &Row<'_>, reason: Reason, tell: impl FnOnce() -> String) {
        self.series += 1;
        self.refuse(row, reason, tell);
    }

    fn refuse(&mut self, row: &Row<'_>, reason: Reason, tell: impl FnOnce() -> String) {
        let series = self.series;
        let samples = row.sample_count();
        self.refused.add(reason, samples, || format!("series {series} {}: {}", row.shown(), tell()));
    }
}

// === impl Fault ===

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

#[cfg(test)]
mod tests;
