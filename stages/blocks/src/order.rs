//! The order of series within a block: metric, job, instance, then the other labels in the order of their names.

use std::cmp::Ordering;

use weir_pipeline::Labels;
use weir_pipeline::labels::METRIC;

/// The labels by which series are sorted first.
const FIRST: [&str; 3] = [METRIC, "job", "instance"];

/// A label set with what it is sorted by at hand.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    first: [&'a str; 3],
    labels: Labels<'a>,
}

/// Compares two label sets in block order; equal only where they are the same set. An absent label sorts as empty.
pub fn compare(a: Labels<'_>, b: Labels<'_>) -> Ordering {
    Key::new(a).cmp(&Key::new(b))
}

/// Appends bytes that compare as [`compare`] does: to sort many label sets it is faster to make these once.
pub fn sort_key(labels: Labels<'_>, out: &mut Vec<u8>) {
    let place = |name: &[u8]| FIRST.iter().position(|first| first.as_bytes() == name);
    let mut first = [&[][..]; FIRST.len()];
    for pair in labels.pairs() {
        if let Some(value) = place(pair.name).and_then(|i| first.get_mut(i)) {
            *value = pair.value;
        }
    }
    let rest = labels.pairs().filter(|pair| place(pair.name).is_none());
    for text in first.into_iter().chain(rest.flat_map(|pair| [pair.name, pair.value])) {
        if text.contains(&0) {
            for byte in text {
                out.extend_from_slice(if *byte == 0 { &[0, 1] } else { std::slice::from_ref(byte) });
            }
        } else {
            out.extend_from_slice(text);
        }
        // Below what any text goes on with.
        out.extend_from_slice(&[0, 0]);
    }
}

/// Sorts into block order what has labels.
pub fn sort<T>(all: &mut Vec<T>, labels: impl Fn(&T) -> Labels<'_>) {
    let (mut keys, mut ends) = (Vec::new(), Vec::with_capacity(all.len() + 1));
    ends.push(0);
    for item in &*all {
        sort_key(labels(item), &mut keys);
        ends.push(keys.len());
    }
    let key = |i: &u32| match ends.get(*i as usize..*i as usize + 2) {
        Some(&[start, end]) => keys.get(start..end).unwrap_or_default(),
        _ => &[],
    };
    let mut order: Vec<u32> = (0..all.len() as u32).collect();
    if order.is_sorted_by_key(key) {
        return;
    }
    order.sort_unstable_by(|a, b| key(a).cmp(key(b)));
    let mut taken: Vec<_> = std::mem::take(all).into_iter().map(Some).collect();
    all.extend(order.iter().filter_map(|i| taken.get_mut(*i as usize)?.take()));
}

// === impl Key ===

impl<'a> Key<'a> {
    /// The key of `labels`.
    pub fn new(labels: Labels<'a>) -> Self {
        let mut first = [""; 3];
        for (name, value) in labels {
            if let Some(i) = FIRST.iter().position(|f| *f == name) {
                first[i] = value;
            }
        }
        Self { first, labels }
    }

    fn rest(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.labels.iter().filter(|(name, _)| !FIRST.contains(name))
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.first.cmp(&other.first).then_with(|| self.rest().cmp(other.rest()))
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.labels == other.labels
    }
}

impl Eq for Key<'_> {}

#[cfg(test)]
mod tests;
