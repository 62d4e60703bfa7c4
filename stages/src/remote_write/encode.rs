//! A batch as a request of either version.

use std::collections::HashMap;

use weir_pipeline::Batch;
use weir_pipeline::batch::{Metadata, MetricKind, Series};

use super::v2::family;
use super::wire::{field_len, put_bytes, put_double, put_integer, put_len, put_varint, varint_len};
use super::{Version, exemplar, histogram};

/// Appends `batch` to `out` as one request of `version`, not compressed. Values and timestamps are written also where
/// they are zero.
///
/// 1.0 has no place for start timestamps, and 2.0 none for the metadata of metrics that have no series in the batch:
/// these are left out.
pub fn encode(batch: &Batch, version: Version, out: &mut Vec<u8>) {
    match version {
        Version::V1 => encode_v1(batch, out),
        Version::V2 => encode_v2(batch, out),
    }
}

/// The strings of a 2.0 request, each once.
struct Symbols<'a> {
    places: HashMap<&'a str, u32>,
    list: Vec<&'a str>,
}

/// `Metadata` of 2.0.
#[derive(Clone, Copy)]
struct Said {
    kind: u64,
    help: u32,
    unit: u32,
}

// === 1.0 ===

fn encode_v1(batch: &Batch, out: &mut Vec<u8>) {
    let mut beside = Vec::new();
    for series in batch.iter() {
        let label_len = |(name, value): (&str, &str)| field_len(name.len()) + field_len(value.len());
        let labels: usize = series.labels.iter().map(|label| field_len(label_len(label))).sum();
        let samples: usize = series.timestamps.iter().map(|&t| field_len(sample_len(0, t))).sum();
        beside.clear();
        series.histograms.iter().for_each(|point| histogram::put(4, point, false, &mut beside));
        for own in series.exemplars {
            let put_label = |(name, value): (&str, &str), out: &mut Vec<u8>| {
                put_len(1, label_len((name, value)), out);
                put_bytes(1, name.as_bytes(), out);
                put_bytes(2, value.as_bytes(), out);
            };
            let labels = |out: &mut Vec<u8>| own.labels.as_labels().iter().for_each(|label| put_label(label, out));
            exemplar::put(3, own, labels, &mut beside);
        }
        put_len(1, labels + samples + beside.len(), out);
        for label in series.labels {
            put_len(1, label_len(label), out);
            put_bytes(1, label.0.as_bytes(), out);
            put_bytes(2, label.1.as_bytes(), out);
        }
        for (&timestamp, &value) in series.timestamps.iter().zip(series.values) {
            put_sample(0, timestamp, value, out);
        }
        out.extend_from_slice(&beside);
    }
    for metadata in batch.metadata() {
        let kind = kind_number(metadata.kind);
        let texts = [&metadata.metric, &metadata.help, &metadata.unit];
        let len = 1 + varint_len(kind) + texts.iter().map(|text| field_len(text.len())).sum::<usize>();
        put_len(3, len, out);
        put_integer(1, kind, out);
        for (field, text) in [2, 4, 5].into_iter().zip(texts) {
            put_bytes(field, text.as_bytes(), out);
        }
    }
}

// === 2.0 ===

fn encode_v2(batch: &Batch, out: &mut Vec<u8>) {
    let families: HashMap<&str, &Metadata> = batch.metadata().iter().map(|m| (m.metric.as_str(), m)).collect();
    let mut symbols = Symbols { places: HashMap::new(), list: Vec::new() };
    symbols.place("");
    let mut refs = Vec::new();
    let mut rows = Vec::with_capacity(batch.series_count());
    for series in batch.iter() {
        for (name, value) in series.labels {
            refs.push(symbols.place(name));
            refs.push(symbols.place(value));
        }
        let of_series = refs.len();
        for (name, value) in series.exemplars.iter().flat_map(|exemplar| exemplar.labels.as_labels()) {
            refs.push(symbols.place(name));
            refs.push(symbols.place(value));
        }
        let said = find(&families, series.labels.metric()).map(|metadata| Said {
            kind: kind_number(metadata.kind),
            help: symbols.place(&metadata.help),
            unit: symbols.place(&metadata.unit),
        });
        rows.push((of_series, refs.len(), said));
    }
    for symbol in &symbols.list {
        put_bytes(4, symbol.as_bytes(), out);
    }
    let mut start = 0;
    for (series, (of_series, end, said)) in batch.iter().zip(rows) {
        let range = |from: usize, to: usize| refs.get(from..to).unwrap_or_default();
        put_series(series, range(start, of_series), range(of_series, end), said, out);
        start = end;
    }
}

/// `others` are the references of the labels of all exemplars, one after the other.
fn put_series(series: Series<'_>, refs: &[u32], mut others: &[u32], said: Option<Said>, out: &mut Vec<u8>) {
    let mut beside = Vec::new();
    series.histograms.iter().for_each(|point| histogram::put(3, point, true, &mut beside));
    for own in series.exemplars {
        let (labels, rest) = others.split_at_checked(2 * own.labels.as_labels().iter().count()).unwrap_or_default();
        others = rest;
        let packed = |out: &mut Vec<u8>| {
            put_len(1, labels.iter().map(|&r| varint_len(r.into())).sum(), out);
            labels.iter().for_each(|&r| put_varint(r.into(), out));
        };
        exemplar::put(4, own, packed, &mut beside);
    }
    let start = |i: usize| series.start_timestamps.get(i).copied().unwrap_or(0);
    let labels: usize = refs.iter().map(|&r| varint_len(r.into())).sum();
    let samples: usize = series.timestamps.iter().enumerate().map(|(i, &t)| field_len(sample_len(start(i), t))).sum();
    let said_len = |s: Said| 3 + varint_len(s.kind) + varint_len(s.help.into()) + varint_len(s.unit.into());
    let said_len_all = said.map_or(0, |s| field_len(said_len(s)));
    put_len(5, field_len(labels) + samples + beside.len() + said_len_all, out);
    put_len(1, labels, out);
    for &reference in refs {
        put_varint(reference.into(), out);
    }
    for (i, (&timestamp, &value)) in series.timestamps.iter().zip(series.values).enumerate() {
        put_sample(start(i), timestamp, value, out);
    }
    out.extend_from_slice(&beside);
    if let Some(said) = said {
        put_len(5, said_len(said), out);
        put_integer(1, said.kind, out);
        put_integer(3, said.help.into(), out);
        put_integer(4, said.unit.into(), out);
    }
}

/// The metadata of the family that `metric` belongs to.
fn find<'a>(families: &HashMap<&str, &'a Metadata>, metric: &str) -> Option<&'a Metadata> {
    let kinds = [MetricKind::Unknown, MetricKind::Histogram, MetricKind::GaugeHistogram, MetricKind::Summary];
    let candidates = kinds.into_iter().map(|kind| family(metric, kind));
    candidates.filter_map(|name| families.get(name).copied()).find(|m| family(metric, m.kind) == m.metric)
}

impl<'a> Symbols<'a> {
    fn place(&mut self, symbol: &'a str) -> u32 {
        *self.places.entry(symbol).or_insert_with(|| {
            self.list.push(symbol);
            (self.list.len() - 1) as u32
        })
    }
}

// === both ===

fn sample_len(start: i64, timestamp: i64) -> usize {
    let start = if start == 0 { 0 } else { 1 + varint_len(start as u64) };
    9 + 1 + varint_len(timestamp as u64) + start
}

/// Field 2 of a series in both versions.
fn put_sample(start: i64, timestamp: i64, value: f64, out: &mut Vec<u8>) {
    put_len(2, sample_len(start, timestamp), out);
    put_double(1, value, out);
    put_integer(2, timestamp as u64, out);
    if start != 0 {
        put_integer(3, start as u64, out);
    }
}

/// The number of a kind, the reverse of [`super::v1::metric_kind`].
fn kind_number(kind: MetricKind) -> u64 {
    match kind {
        MetricKind::Unknown => 0,
        MetricKind::Counter => 1,
        MetricKind::Gauge => 2,
        MetricKind::Histogram => 3,
        MetricKind::GaugeHistogram => 4,
        MetricKind::Summary => 5,
        MetricKind::Info => 6,
        MetricKind::StateSet => 7,
    }
}
