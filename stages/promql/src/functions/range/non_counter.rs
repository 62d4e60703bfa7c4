//! Whether a metric might be no counter.

use weir_pipeline::Labels;

use crate::annotations::Note;

/// How the names of counters end.
const ENDINGS: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];

/// The note that a series with these labels earns where a counter is asked for. A series that says what type it has, in
/// the label `__type__`, is believed; others are judged by their name. Series without a name earn none.
///
/// Prometheus looks at `__type__` only with its flag for type and unit labels, and then at nothing else.
pub fn non_counter(labels: Labels<'_>) -> Option<Note> {
    let metric = labels.metric();
    if metric.is_empty() {
        return None;
    }
    match labels.get("__type__") {
        Some("counter" | "histogram") => None,
        Some(kind) => Some(Note::PossibleNonCounterLabel(kind.to_owned())),
        None if ENDINGS.iter().any(|end| metric.ends_with(end)) => None,
        None => Some(Note::PossibleNonCounter),
    }
}
