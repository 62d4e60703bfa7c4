//! Since when floats count, beside lists of their timestamps: as many as these, 0 where it is not known; an empty list where it
//! is known of none.
//!
//! A start is of a sample: of a counter the time at which it began to count. It changes where the counter begins anew.

/// Adds the starts of what was added to a list of timestamps, which had `before` and has `len` now. None stands for unknown.
pub(crate) fn append(starts: &mut Vec<i64>, before: usize, len: usize, more: &[i64]) {
    if more.iter().any(|start| *start != 0) {
        starts.resize(before, 0);
        starts.extend_from_slice(more);
    }
    if !starts.is_empty() {
        starts.resize(len, 0);
    }
}

/// The starts of all floats of a list, without an end.
pub(crate) fn each(starts: &[i64]) -> impl Iterator<Item = i64> {
    starts.iter().copied().chain(std::iter::repeat(0))
}

/// Keeps the floats, each with its start, for which `keep` holds. Returns how many went.
pub(crate) fn retain(
    (timestamps, values, starts): (&mut Vec<i64>, &mut Vec<f64>, &mut Vec<i64>),
    mut keep: impl FnMut(i64, f64, i64) -> bool,
) -> usize {
    let before = timestamps.len();
    let floats = timestamps.iter().copied().zip(values.iter().copied()).zip(each(starts));
    let kept: Vec<_> = floats.filter(|((ts, value), start)| keep(*ts, *value, *start)).collect();
    if kept.len() == before {
        return 0;
    }
    let own: Vec<i64> = kept.iter().map(|(_, start)| *start).collect();
    (*timestamps, *values) = kept.into_iter().map(|(float, _)| float).unzip();
    starts.clear();
    append(starts, 0, timestamps.len(), &own);
    before - timestamps.len()
}
