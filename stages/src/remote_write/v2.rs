//! `io.prometheus.write.v2.Request`, remote write 2.0. Source: `prompb/io/prometheus/write/v2/types.proto`.

use std::collections::HashSet;

use weir_pipeline::Exemplar;
use weir_pipeline::batch::{Metadata, MetricKind};
use weir_pipeline::labels::METRIC;

use super::decode::{Fault, Intake, Limits};
use super::refused::Reason;
use super::row::{Pair, Row, Sample};
use super::v1::metric_kind;
use super::wire::{Cursor, FIXED64, LEN, Malformed, VARINT, key};
use super::{exemplar, histogram};

/// `Request`.
mod request {
    pub(super) const SYMBOLS: u32 = 4;
    pub(super) const TIMESERIES: u32 = 5;
}

/// `TimeSeries`.
mod series {
    pub(super) const LABELS: u32 = 1;
    pub(super) const SAMPLES: u32 = 2;
    pub(super) const HISTOGRAMS: u32 = 3;
    pub(super) const EXEMPLARS: u32 = 4;
    pub(super) const METADATA: u32 = 5;
}

/// What stands for a symbol that is not UTF-8, so that a series that refers to it is refused.
const NOT_UTF8: &[u8] = b"\xff";

/// An exemplar, or what is wrong with it.
type Made = Result<Exemplar, String>;

/// The strings that series refer to; `None` for those that are not UTF-8.
type Symbols<'a> = Vec<Option<&'a str>>;

/// `Metadata`, as references.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Said {
    kind: u64,
    help: u32,
    unit: u32,
}

/// What one request's series share.
struct Reading<'a> {
    symbols: Symbols<'a>,
    row: Row<'a>,
    /// At most two more than the label limit allows: what is beyond that is only counted.
    refs: Vec<u32>,
    ref_count: usize,
    /// Metadata comes with every series and is kept once per family.
    families: HashSet<&'a str>,
    /// The metrics looked at, by the place of the name, since most series repeat one.
    metrics: HashSet<(*const u8, u64)>,
}

/// Reads a whole request.
pub(super) fn read(body: &[u8], intake: &mut Intake<'_>) -> Result<(), Fault> {
    const SYMBOL: u32 = key(request::SYMBOLS, LEN);
    const SERIES: u32 = key(request::TIMESERIES, LEN);
    const KNOWN: u32 = 1 << request::SYMBOLS | 1 << request::TIMESERIES;
    // Protobuf promises no order of fields, so the symbols are collected first. That walk skips the series by length.
    let (mut symbols, mut room) = (Symbols::new(), 0);
    let mut cursor = Cursor::new(body);
    while let Some(key) = cursor.key()? {
        match key {
            SYMBOL => {
                if symbols.len() >= room {
                    room = intake.more_symbols(symbols.len())?;
                }
                symbols.push(std::str::from_utf8(cursor.bytes()?).ok());
            }
            SERIES => cursor.message().map(drop)?,
            _ => cursor.skip(key, KNOWN)?,
        }
    }
    let mut reading = Reading {
        symbols,
        row: Row::default(),
        refs: Vec::new(),
        ref_count: 0,
        families: HashSet::new(),
        metrics: HashSet::new(),
    };
    let mut cursor = Cursor::new(body);
    while let Some(key) = cursor.key()? {
        match key {
            SERIES => reading.series(cursor.message()?, intake)?,
            _ => cursor.skip(key, 0)?,
        }
    }
    Ok(())
}

// === impl Reading ===

impl<'a> Reading<'a> {
    fn series(&mut self, mut cursor: Cursor<'a>, intake: &mut Intake<'_>) -> Result<(), Fault> {
        const PACKED_LABELS: u32 = key(series::LABELS, LEN);
        const LABEL: u32 = key(series::LABELS, VARINT);
        const SAMPLE: u32 = key(series::SAMPLES, LEN);
        const HISTOGRAM: u32 = key(series::HISTOGRAMS, LEN);
        const EXEMPLAR: u32 = key(series::EXEMPLARS, LEN);
        const METADATA: u32 = key(series::METADATA, LEN);
        const KNOWN: u32 = 0b11_1110;
        self.row.clear();
        self.refs.clear();
        self.ref_count = 0;
        let mut said = Said::default();
        while let Some(key) = cursor.key()? {
            match key {
                PACKED_LABELS => {
                    let mut refs = cursor.message()?;
                    while !refs.is_empty() {
                        self.reference(refs.varint()?, intake);
                    }
                }
                LABEL => self.reference(cursor.varint()?, intake),
                SAMPLE => {
                    intake.room(self.row.samples.len())?;
                    self.row.samples.push(read_sample(cursor.message()?)?);
                }
                HISTOGRAM => self.row.histogram(histogram::read(cursor.message()?)?, intake)?,
                EXEMPLAR => match self.exemplar(cursor.message()?, intake.limits)? {
                    Ok(read) => intake.exemplar(&mut self.row, read)?,
                    Err(text) => intake.bad_exemplar(text),
                },
                METADATA => said = read_metadata(cursor.message()?, said)?,
                _ => cursor.skip(key, KNOWN)?,
            }
        }
        match self.resolve(said, intake) {
            Ok(()) => {
                // Metadata is kept of series whose samples are.
                if intake.take(&mut self.row)? && said != Said::default() {
                    self.keep_metadata(said, intake)?;
                }
            }
            Err(text) => intake.pass_over(&self.row, Reason::InvalidReferences, || text),
        }
        Ok(())
    }

    /// An exemplar, or what is wrong with it, or with its references.
    fn exemplar(&self, mut cursor: Cursor<'_>, limits: &Limits) -> Result<Result<Made, String>, Malformed> {
        const PACKED_LABELS: u32 = key(1, LEN);
        const LABEL: u32 = key(1, VARINT);
        const VALUE: u32 = key(2, FIXED64);
        const TIMESTAMP: u32 = key(3, VARINT);
        let (mut refs, mut count, mut outside) = (Vec::new(), 0usize, None);
        let (mut value, mut timestamp) = (0.0, 0);
        let mut see = |reference: u64| {
            count += 1;
            match usize::try_from(reference).ok().and_then(|i| self.symbols.get(i)) {
                // Two more than may be are enough to tell.
                Some(symbol) if refs.len() < 2 * limits.labels + 2 => refs.push(symbol.map_or(NOT_UTF8, str::as_bytes)),
                Some(_) => {}
                None => _ = outside.get_or_insert(reference),
            }
        };
        while let Some(key) = cursor.key()? {
            match key {
                PACKED_LABELS => {
                    let mut refs = cursor.message()?;
                    while !refs.is_empty() {
                        see(refs.varint()?);
                    }
                }
                LABEL => see(cursor.varint()?),
                VALUE => value = cursor.double()?,
                TIMESTAMP => timestamp = cursor.varint()? as i64,
                _ => cursor.skip(key, 0b1110)?,
            }
        }
        let len = self.symbols.len();
        Ok(match outside {
            Some(reference) => Err(format!("an exemplar: expected a label among {len} symbols, got `{reference}`")),
            None if !count.is_multiple_of(2) => {
                Err(format!("an exemplar: expected pairs of label references, got `{count}` of them"))
            }
            None => {
                let pairs: Vec<Pair<'_>> = refs.as_chunks().0.iter().map(|[name, value]| (*name, *value)).collect();
                Ok(exemplar::make(&pairs, value, timestamp, limits))
            }
        })
    }

    fn reference(&mut self, reference: u64, intake: &Intake<'_>) {
        self.ref_count += 1;
        if self.ref_count <= 2 * intake.limits.labels {
            // No table is as long as the greatest `u32`, so what does not fit is as far outside as that.
            self.refs.push(u32::try_from(reference).unwrap_or(u32::MAX));
        }
    }

    /// Turns references into labels, or says which one is wrong.
    fn resolve(&mut self, said: Said, intake: &Intake<'_>) -> Result<(), String> {
        if !self.ref_count.is_multiple_of(2) {
            return Err(format!("expected pairs of label references, got `{}` of them", self.ref_count));
        }
        let outside = |what: &str, i: u32, len: usize| format!("expected a {what} among {len} symbols, got `{i}`");
        let len = self.symbols.len();
        self.row.utf8 = true;
        for pair in self.refs.chunks_exact(2) {
            let &[name, value] = pair else { continue };
            let symbol = |i: u32| self.symbols.get(i as usize).copied().ok_or_else(|| outside("label", i, len));
            let (name, value) = (symbol(name)?, symbol(value)?);
            self.row.utf8 &= name.is_some() && value.is_some();
            let bytes = |symbol: Option<&'a str>| symbol.map_or(NOT_UTF8, str::as_bytes);
            self.row.label((bytes(name), bytes(value)), intake.limits);
        }
        self.row.label_count = self.ref_count / 2;
        for (what, i) in [("help", said.help), ("unit", said.unit)] {
            // Zero is "none", also where there are no symbols at all.
            if i != 0 && i as usize >= len {
                return Err(outside(what, i, len));
            }
        }
        Ok(())
    }

    fn keep_metadata(&mut self, said: Said, intake: &mut Intake<'_>) -> Result<(), Fault> {
        let metric = self.row.labels.iter().find(|(name, _)| *name == METRIC.as_bytes());
        let Some(metric) = metric.and_then(|(_, value)| std::str::from_utf8(value).ok()) else { return Ok(()) };
        let kind = metric_kind(said.kind);
        if !self.metrics.insert((metric.as_ptr(), said.kind)) || !self.families.insert(family(metric, kind)) {
            return Ok(());
        }
        let text = |i: u32| self.symbols.get(i as usize).copied().flatten().unwrap_or_default().to_owned();
        let metadata =
            Metadata { metric: family(metric, kind).into(), kind, help: text(said.help), unit: text(said.unit) };
        intake.metadata(metadata)
    }
}

/// The name that the series of a metric have in common, by the suffixes of the classic exposition format.
pub(super) fn family(metric: &str, kind: MetricKind) -> &str {
    let suffixes: &[&str] = match kind {
        MetricKind::Histogram => &["_bucket", "_sum", "_count"],
        MetricKind::GaugeHistogram => &["_bucket", "_gsum", "_gcount"],
        MetricKind::Summary => &["_sum", "_count"],
        _ => &[],
    };
    suffixes.iter().find_map(|suffix| metric.strip_suffix(suffix)).filter(|name| !name.is_empty()).unwrap_or(metric)
}

fn read_sample(mut cursor: Cursor<'_>) -> Result<Sample, Malformed> {
    const VALUE: u32 = key(1, FIXED64);
    const TIMESTAMP: u32 = key(2, VARINT);
    const START: u32 = key(3, VARINT);
    let mut sample = Sample::default();
    while let Some(key) = cursor.key()? {
        match key {
            VALUE => sample.value = cursor.double()?,
            TIMESTAMP => sample.timestamp = cursor.varint()? as i64,
            START => sample.start = cursor.varint()? as i64,
            _ => cursor.skip(key, 1 << 1 | 1 << 2 | 1 << 3)?,
        }
    }
    Ok(sample)
}

fn read_metadata(mut cursor: Cursor<'_>, mut said: Said) -> Result<Said, Malformed> {
    const KIND: u32 = key(1, VARINT);
    const HELP: u32 = key(3, VARINT);
    const UNIT: u32 = key(4, VARINT);
    let reference = |v: u64| u32::try_from(v).unwrap_or(u32::MAX);
    while let Some(key) = cursor.key()? {
        match key {
            KIND => said.kind = cursor.varint()?,
            HELP => said.help = reference(cursor.varint()?),
            UNIT => said.unit = reference(cursor.varint()?),
            _ => cursor.skip(key, 1 << 1 | 1 << 3 | 1 << 4)?,
        }
    }
    Ok(said)
}
