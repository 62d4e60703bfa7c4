//! Parts of canonical label sets, and the keys that groups and matches meet on.

use weir_pipeline::labels::{METRIC, is_label_name};
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
    for pair in labels.pairs().filter(|pair| names.iter().any(|name| name.as_bytes() == pair.name)) {
        out.extend_from_slice(pair.encoded);
    }
}

/// Appends the canonical encoding of those labels that are not among `names`, without the metric's name.
pub(crate) fn labels_without(labels: Labels<'_>, names: &[String], out: &mut Vec<u8>) {
    let kept = |name: &[u8]| name != METRIC.as_bytes() && !names.iter().any(|other| other.as_bytes() == name);
    for pair in labels.pairs().filter(|pair| kept(pair.name)) {
        out.extend_from_slice(pair.encoded);
    }
}

/// Appends the canonical encoding of those labels that do not say what the metric is.
pub(crate) fn without_metadata(labels: Labels<'_>, out: &mut Vec<u8>) {
    for pair in labels.pairs().filter(|pair| !METADATA.iter().any(|name| name.as_bytes() == pair.name)) {
        out.extend_from_slice(pair.encoded);
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
