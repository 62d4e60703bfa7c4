//! The fuzz target `remote_write`: the first byte chooses version and framing, the rest is the body.

use weir_pipeline::testing::histogram_bits;
use weir_pipeline::{Batch, Exemplar, HistogramPoint, Labels, Tenant};

use super::{Limits, Version, decode, decompress, encode};

/// Limits small enough for a fuzzer to reach.
fn limits() -> Limits {
    Limits { labels: 16, name_bytes: 64, value_bytes: 256, symbols: 64, batch_bytes: 1 << 16 }
}

/// Reads `data` and checks the laws: a batch has canonical labels with a metric name each and keeps to its limits, and
/// what is encoded reads as the same batch with nothing refused.
///
/// # Panics
/// Where a law does not hold.
pub fn fuzz(data: &[u8]) {
    let Some((&choice, mut body)) = data.split_first() else { return };
    let version = if choice & 1 == 0 { Version::V1 } else { Version::V2 };
    let mut decompressed = Vec::new();
    if choice & 2 != 0 {
        if decompress(body, 1 << 16, &mut decompressed).is_err() {
            return;
        }
        body = &decompressed;
    }
    let Ok(decoded) = decode(body, version, Tenant::default(), &limits()) else { return };
    for series in decoded.batch.iter() {
        assert!(Labels::check(series.labels.encoded()).is_ok(), "labels are canonical: {:?}", series.labels);
        assert!(!series.labels.metric().is_empty(), "a series has a metric name: {:?}", series.labels);
        let is_empty = series.sample_count() == 0 && series.exemplars.is_empty();
        assert!(!is_empty, "a series has samples: {:?}", series.labels);
        assert!(series.histograms.iter().all(|p| p.histogram.check().is_ok()), "{:?}", series.histograms);
    }
    assert!(decoded.batch.byte_size() <= 1 << 16, "the batch keeps to its limit");
    for version in Version::ALL {
        let mut again = Vec::new();
        encode(&decoded.batch, version, &mut again);
        let limits = Limits { symbols: usize::MAX, batch_bytes: u64::MAX, ..limits() };
        let read = decode(&again, version, Tenant::default(), &limits);
        assert!(read.as_ref().is_ok_and(|r| r.refused.is_empty()), "what is encoded reads: {read:?}");
        if let Ok(read) = read {
            assert!(same(&decoded.batch, &read.batch, version), "what is encoded reads the same in {version:?}");
        }
    }
}

/// Whether two batches hold the same samples, bit for bit.
pub(super) fn same(a: &Batch, b: &Batch, version: Version) -> bool {
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let starts = |s: &[i64], len: usize| if s.is_empty() { vec![0; len] } else { s.to_vec() };
    let histograms = |points: &[HistogramPoint], since: bool| {
        let point = |p: &HistogramPoint| HistogramPoint { start: if since { p.start } else { 0 }, ..p.clone() };
        histogram_bits(&points.iter().map(point).collect::<Vec<_>>())
    };
    let exemplars = |exemplars: &[Exemplar]| {
        exemplars.iter().map(|e| (e.labels.clone(), e.value.to_bits(), e.timestamp)).collect::<Vec<_>>()
    };
    a.series_count() == b.series_count()
        && a.iter().zip(b.iter()).all(|(a, b)| {
            let (len, since) = (a.timestamps.len(), version == Version::V2);
            a.labels == b.labels
                && a.timestamps == b.timestamps
                && bits(a.values) == bits(b.values)
                && (!since || starts(a.start_timestamps, len) == starts(b.start_timestamps, len))
                && histograms(a.histograms, since) == histograms(b.histograms, since)
                && exemplars(a.exemplars) == exemplars(b.exemplars)
        })
}
