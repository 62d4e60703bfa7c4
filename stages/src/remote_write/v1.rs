//! `prometheus.WriteRequest`, remote write 1.0. Source: `prompb/remote.proto` and `prompb/types.proto`.

use weir_pipeline::Exemplar;
use weir_pipeline::batch::{Metadata, MetricKind};

use super::decode::{Fault, Intake, Limits};
use super::row::{Pair, Row, Sample};
use super::wire::{Cursor, FIXED64, LEN, Malformed, VARINT, key};
use super::{exemplar, histogram};

/// `WriteRequest`.
mod request {
    pub(super) const TIMESERIES: u32 = 1;
    pub(super) const METADATA: u32 = 3;
}

/// `TimeSeries`.
mod series {
    pub(super) const LABELS: u32 = 1;
    pub(super) const SAMPLES: u32 = 2;
    pub(super) const EXEMPLARS: u32 = 3;
    pub(super) const HISTOGRAMS: u32 = 4;
}

/// Reads a whole request.
pub(super) fn read(body: &[u8], intake: &mut Intake<'_>) -> Result<(), Fault> {
    const SERIES: u32 = key(request::TIMESERIES, LEN);
    const METADATA: u32 = key(request::METADATA, LEN);
    let mut cursor = Cursor::new(body);
    let mut row = Row::default();
    while let Some(key) = cursor.key()? {
        match key {
            SERIES => read_series(cursor.message()?, &mut row, intake)?,
            METADATA => read_metadata(cursor.message()?, intake)?,
            _ => cursor.skip(key, 1 << request::TIMESERIES | 1 << request::METADATA)?,
        }
    }
    Ok(())
}

fn read_series<'a>(mut cursor: Cursor<'a>, row: &mut Row<'a>, intake: &mut Intake<'_>) -> Result<(), Fault> {
    const LABEL: u32 = key(series::LABELS, LEN);
    const SAMPLE: u32 = key(series::SAMPLES, LEN);
    const EXEMPLAR: u32 = key(series::EXEMPLARS, LEN);
    const HISTOGRAM: u32 = key(series::HISTOGRAMS, LEN);
    const KNOWN: u32 = 1 << series::LABELS | 1 << series::SAMPLES | 1 << series::EXEMPLARS | 1 << series::HISTOGRAMS;
    row.clear();
    let start = cursor.pos();
    let mut labels = &[][..];
    while let Some(key) = cursor.key()? {
        match key {
            LABEL => {
                let label = match cursor.short_pair() {
                    Some(pair) => pair,
                    None => read_label(cursor.message()?)?,
                };
                row.label(label, intake.limits);
                labels = cursor.since(start);
            }
            SAMPLE => {
                intake.room(row.samples.len())?;
                row.samples.push(read_sample(cursor.message()?)?);
            }
            EXEMPLAR => {
                let read = read_exemplar(cursor.message()?, intake.limits)?;
                intake.exemplar(row, read)?;
            }
            HISTOGRAM => row.histogram(histogram::read(cursor.message()?)?, intake)?,
            _ => cursor.skip(key, KNOWN)?,
        }
    }
    // One look at all labels at once, keys and lengths among them, spares a look at each string: nearly always all of
    // it is ASCII, and a part of ASCII is UTF-8.
    row.utf8 = labels.is_ascii();
    intake.take(row).map(drop)
}

fn read_label(mut cursor: Cursor<'_>) -> Result<Pair<'_>, Malformed> {
    const NAME: u32 = key(1, LEN);
    const VALUE: u32 = key(2, LEN);
    let mut pair: Pair<'_> = (&[], &[]);
    while let Some(key) = cursor.key()? {
        match key {
            NAME => pair.0 = cursor.bytes()?,
            VALUE => pair.1 = cursor.bytes()?,
            _ => cursor.skip(key, 1 << 1 | 1 << 2)?,
        }
    }
    Ok(pair)
}

fn read_sample(mut cursor: Cursor<'_>) -> Result<Sample, Malformed> {
    const VALUE: u32 = key(1, FIXED64);
    const TIMESTAMP: u32 = key(2, VARINT);
    let mut sample = Sample::default();
    while let Some(key) = cursor.key()? {
        match key {
            VALUE => sample.value = cursor.double()?,
            TIMESTAMP => sample.timestamp = cursor.varint()? as i64,
            _ => cursor.skip(key, 1 << 1 | 1 << 2)?,
        }
    }
    Ok(sample)
}

fn read_exemplar(mut cursor: Cursor<'_>, limits: &Limits) -> Result<Result<Exemplar, String>, Malformed> {
    const LABEL: u32 = key(1, LEN);
    const VALUE: u32 = key(2, FIXED64);
    const TIMESTAMP: u32 = key(3, VARINT);
    let (mut labels, mut value, mut timestamp) = (Vec::new(), 0.0, 0);
    while let Some(key) = cursor.key()? {
        match key {
            LABEL => {
                let label = read_label(cursor.message()?)?;
                // One more than may be is enough to tell.
                if labels.len() <= limits.labels {
                    labels.push(label);
                }
            }
            VALUE => value = cursor.double()?,
            TIMESTAMP => timestamp = cursor.varint()? as i64,
            _ => cursor.skip(key, 0b1110)?,
        }
    }
    Ok(exemplar::make(&labels, value, timestamp, limits))
}

fn read_metadata(mut cursor: Cursor<'_>, intake: &mut Intake<'_>) -> Result<(), Fault> {
    const KIND: u32 = key(1, VARINT);
    const METRIC: u32 = key(2, LEN);
    const HELP: u32 = key(4, LEN);
    const UNIT: u32 = key(5, LEN);
    let (mut kind, mut metric, mut help, mut unit) = (MetricKind::Unknown, &[][..], &[][..], &[][..]);
    while let Some(key) = cursor.key()? {
        match key {
            KIND => kind = metric_kind(cursor.varint()?),
            METRIC => metric = cursor.bytes()?,
            HELP => help = cursor.bytes()?,
            UNIT => unit = cursor.bytes()?,
            _ => cursor.skip(key, 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5)?,
        }
    }
    if metric.is_empty() {
        return Ok(());
    }
    // Help is for people: what is not UTF-8 in it should not cost the rest.
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    intake.metadata(Metadata { metric: text(metric), kind, help: text(help), unit: text(unit) })
}

/// The kind by its number, which is the same in both versions. Numbers of the future are unknown kinds.
pub(super) fn metric_kind(number: u64) -> MetricKind {
    match number {
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => MetricKind::Unknown,
    }
}
