//! `limit_ratio(r, v)`: a part of the series, chosen by the hash of their labels; `-r` chooses the others of `1 - r`.
//!
//! Source: `HashRatioSampler` of Prometheus' `promql/engine.go`; the hash is that of `model/labels/labels_stringlabels.go`,
//! so that both choose the same series.

use weir_pipeline::Labels;
use xxhash_rust::xxh64::xxh64;

/// Lengths from here on take four bytes.
const LONG: usize = 255;

/// Where a series is, between 0 and 1.
pub fn offset(labels: Labels<'_>) -> f64 {
    hash(labels) as f64 / u64::MAX as f64
}

/// Whether a series that is at `offset` belongs to the part `ratio`, from -1 to 1.
pub fn keeps(ratio: f64, offset: f64) -> bool {
    if ratio < 0.0 { offset >= 1.0 + ratio } else { offset < ratio }
}

fn hash(labels: Labels<'_>) -> u64 {
    let mut encoded = Vec::with_capacity(labels.encoded().len());
    for (name, value) in labels {
        for text in [name, value] {
            match text.len() {
                len if len < LONG => encoded.push(len as u8),
                len => encoded.extend([LONG as u8, len as u8, (len >> 8) as u8, (len >> 16) as u8]),
            }
            encoded.extend_from_slice(text.as_bytes());
        }
    }
    xxh64(&encoded, 0)
}
