//! Exemplars of both versions: labels, a value, a time.

use weir_pipeline::{Exemplar, LabelSet};

use super::decode::Limits;
use super::row::Pair;
use super::wire::{put_bytes, put_double, put_integer};

/// The most characters in the labels of one, as OpenMetrics has it.
pub(crate) const MOST_CHARS: usize = 128;

/// The exemplar, or what is wrong with it.
pub(super) fn make(labels: &[Pair<'_>], value: f64, timestamp: i64, limits: &Limits) -> Result<Exemplar, String> {
    let mut pairs = Vec::with_capacity(labels.len());
    for (name, value) in labels {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| "an exemplar: expected labels in UTF-8".to_owned());
        pairs.push((text(name)?, text(value)?));
    }
    let chars: usize = pairs.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    if chars > MOST_CHARS || pairs.len() > limits.labels {
        return Err(format!("an exemplar: expected labels of at most {MOST_CHARS} characters, got `{chars}`"));
    }
    Ok(Exemplar { labels: pairs.into_iter().collect::<LabelSet>(), value, timestamp })
}

/// Appends one as field `number` of a series; `labels` writes its labels.
pub(super) fn put(number: u32, exemplar: &Exemplar, labels: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    let mut message = Vec::new();
    labels(&mut message);
    put_double(2, exemplar.value, &mut message);
    put_integer(3, exemplar.timestamp as u64, &mut message);
    put_bytes(number, &message, out);
}
