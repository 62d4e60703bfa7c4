//! Whether a metric might be no counter.

use weir_pipeline::Labels;

use crate::annotations::Note;

/// How the names of counters end.
const ENDINGS: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];

/// The note that a series with these labels earns where a counter is asked for, by its name. Series without a name earn none.
///
/// Prometheus looks at the label `__type__` in place of the name only with its flag for type and unit labels.
pub fn non_counter(labels: Labels<'_>) -> Option<Note> {
    let metric = labels.metric();
    if metric.is_empty() {
        return None;
    }
    (!ENDINGS.iter().any(|end| metric.ends_with(end))).then_some(Note::PossibleNonCounter)
}
