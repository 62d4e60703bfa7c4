//! Parts of canonical label sets, and the keys that groups and matches meet on.

use weir_pipeline::labels::{METRIC, encode_label, is_label_name};
use weir_pipeline::selector::quote;
use weir_pipeline::{Labels, SeriesId};

/// The labels that say what the metric is: these go where a result is no longer the metric.
pub(crate) const METADATA: [&str; 3] = [METRIC, "__type__", "__unit__"];

/// Whether a label says what the metric is.
pub(crate) fn is_metadata(name: &str) -> bool {
    METADATA.contains(&name)
}

/// Appends the canonical encoding of those labels that are among `names`.
pub(crate) fn labels_by(labels: Labels<'_>, names: &[String], out: &mut Vec<u8>) {
    for (name, value) in labels {
        if names.iter().any(|n| n == name) {
            encode_label(name, value, out);
        }
    }
}

/// Appends the canonical encoding of those labels that are not among `names`, without the metric's name.
pub(crate) fn labels_without(labels: Labels<'_>, names: &[String], out: &mut Vec<u8>) {
    for (name, value) in labels {
        if name != METRIC && !names.iter().any(|n| n == name) {
            encode_label(name, value, out);
        }
    }
}

/// The key of a label set: where keys meet, whoever merges compares the labels.
pub(crate) fn key_of(encoded: &[u8]) -> [u8; 16] {
    SeriesId::of(encoded).0
}

/// Labels as Prometheus' errors write them, the metric's name among the others.
pub(crate) fn in_error(labels: Labels<'_>) -> String {
    let pair = |(name, value): (&str, &str)| {
        let name = if is_label_name(name) { name.to_owned() } else { quote(name) };
        format!("{name}={}", quote(value))
    };
    let pairs: Vec<_> = labels.iter().map(pair).collect();
    format!("{{{}}}", pairs.join(", "))
}
