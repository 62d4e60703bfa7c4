//! From labels to series.

use std::collections::{HashMap, HashSet};

use weir_pipeline::labels::METRIC;
use weir_pipeline::query::{Cardinality, Most};
use weir_pipeline::{Labels, MatchOp, Matcher, Pattern};

use super::shard::Found;

/// What a new label value takes beside its text.
const VALUE_BYTES: u64 = 80;

/// An entry of a list, growth of the list included.
const ENTRY_BYTES: u64 = 6;

/// What an entry of the directory takes.
const PLACE_BYTES: u64 = size_of::<Option<Found>>() as u64 * 3 / 2;

/// For each label name and value the series that have it, as sorted positions in a directory.
#[derive(Default)]
pub(super) struct Index {
    names: HashMap<Box<str>, HashMap<Box<str>, Positions>>,
    /// `None` where the series is gone.
    directory: Vec<Option<Found>>,
    gone: usize,
}

/// Sorted positions; most values of some labels have one.
enum Positions {
    One(u32),
    Many(Vec<u32>),
}

// === impl Index ===

impl Index {
    /// Adds a series, and returns how many bytes that takes.
    pub(super) fn insert(&mut self, labels: Labels<'_>, place: Found) -> u64 {
        let position = self.directory.len() as u32;
        self.directory.push(Some(place));
        let mut bytes = PLACE_BYTES;
        for (name, value) in labels {
            bytes += ENTRY_BYTES;
            let values = match self.names.get_mut(name) {
                Some(values) => values,
                None => {
                    bytes += VALUE_BYTES + name.len() as u64;
                    self.names.entry(name.into()).or_default()
                }
            };
            match values.get_mut(value) {
                Some(positions) => positions.push(position),
                None => {
                    bytes += VALUE_BYTES + value.len() as u64;
                    values.insert(value.into(), Positions::One(position));
                }
            }
        }
        bytes
    }

    /// Removes series, and returns how many bytes that frees.
    pub(super) fn remove(&mut self, places: impl Iterator<Item = Found>) -> u64 {
        let gone: HashSet<u64> = places.map(|place| place.number).collect();
        for place in &mut self.directory {
            if place.take_if(|place| gone.contains(&place.number)).is_some() {
                self.gone += 1;
            }
        }
        // Lists are cleaned when it pays.
        if self.gone * 4 > self.directory.len() { self.compact() } else { 0 }
    }

    fn compact(&mut self) -> u64 {
        let mut next = 0;
        let moved: Vec<Option<u32>> = self
            .directory
            .iter()
            .map(|place| {
                place.map(|_| {
                    next += 1;
                    next - 1
                })
            })
            .collect();
        let mut bytes = self.gone as u64 * PLACE_BYTES;
        self.names.retain(|name, values| {
            values.retain(|value, positions| {
                let removed = positions.renumber(&moved);
                bytes += removed as u64 * ENTRY_BYTES;
                let empty = positions.as_slice().is_empty();
                bytes += if empty { VALUE_BYTES + value.len() as u64 } else { 0 };
                !empty
            });
            values.shrink_to_fit();
            bytes += if values.is_empty() { VALUE_BYTES + name.len() as u64 } else { 0 };
            !values.is_empty()
        });
        self.directory.retain(Option::is_some);
        self.directory.shrink_to_fit();
        self.gone = 0;
        bytes
    }

    /// Whether there is no series.
    pub(super) fn is_empty(&self) -> bool {
        self.gone == self.directory.len()
    }

    /// What the series are made of, but for their chunks and times.
    pub(super) fn cardinality(&self, limit: usize) -> Cardinality {
        let live = |positions: &Positions| match self.gone {
            0 => positions.as_slice().len(),
            _ => positions
                .as_slice()
                .iter()
                .filter(|p| self.directory.get(**p as usize).is_some_and(Option::is_some))
                .count(),
        };
        let [mut metrics, mut labels, mut bytes, mut pairs] = std::array::from_fn(|_| Most::new(limit));
        let mut label_pairs = 0;
        for (name, values) in &self.names {
            let (mut count, mut size) = (0, 0);
            for (value, positions) in values {
                let series = live(positions) as u64;
                if series == 0 {
                    continue;
                }
                count += 1;
                size += value.len() as u64 * series;
                pairs.offer(series, || format!("{name}={value}"));
                if **name == *METRIC {
                    metrics.offer(series, || value.to_string());
                }
            }
            label_pairs += count;
            if count > 0 {
                labels.offer(count, || name.to_string());
                bytes.offer(size, || name.to_string());
            }
        }
        Cardinality {
            series: (self.directory.len() - self.gone) as u64,
            label_pairs,
            by_metric: metrics.into_vec(),
            values_by_label: labels.into_vec(),
            bytes_by_label: bytes.into_vec(),
            by_pair: pairs.into_vec(),
            ..Cardinality::default()
        }
    }

    /// The series that satisfy all matchers.
    pub(super) fn select(&self, matchers: &[Matcher]) -> Vec<Found> {
        let (mut excluding, mut including): (Vec<_>, Vec<_>) = matchers.iter().partition(|m| m.matches_empty());
        // What is cheap and narrow first.
        including.sort_by_key(|m| (m.op != MatchOp::Equal, literals(m).is_none()));
        excluding.sort_by_key(|m| !self.names.contains_key(m.name.as_str()));
        let mut left: Option<Vec<u32>> = None;
        for matcher in including {
            let set = self.union(matcher, |value| matcher.matches(value));
            left = Some(match left {
                Some(left) => intersect(&left, &set),
                None => set,
            });
            if left.as_ref().is_some_and(Vec::is_empty) {
                return Vec::new();
            }
        }
        let mut left = left.unwrap_or_else(|| (0..self.directory.len() as u32).collect());
        for matcher in excluding {
            let set = self.union(matcher, |value| !matcher.matches(value));
            if !set.is_empty() {
                left = subtract(&left, &set);
            }
        }
        left.into_iter().filter_map(|position| *self.directory.get(position as usize)?).collect()
    }

    /// The positions of the series whose value of the matcher's label is `wanted`.
    fn union(&self, matcher: &Matcher, wanted: impl Fn(&str) -> bool) -> Vec<u32> {
        let Some(values) = self.names.get(matcher.name.as_str()) else { return Vec::new() };
        // One look-up where only one value can be wanted: `=`, or what `!=` excludes.
        if matches!(matcher.op, MatchOp::Equal | MatchOp::NotEqual) && wanted(&matcher.value) {
            return values.get(matcher.value.as_str()).map(|p| p.as_slice().to_vec()).unwrap_or_default();
        }
        let mut all = Vec::new();
        // A few where few can be: `=~"a|b"`, or what `!~` excludes.
        if let Some(few) = literals(matcher).filter(|few| few.iter().all(|value| wanted(value))) {
            for positions in few.iter().filter_map(|value| values.get(value.as_str())) {
                all.extend_from_slice(positions.as_slice());
            }
            all.sort_unstable();
            return all;
        }
        for (_, positions) in values.iter().filter(|(value, _)| wanted(value)) {
            all.extend_from_slice(positions.as_slice());
        }
        // A series has one value of a label: no position comes twice.
        all.sort_unstable();
        all
    }
}

/// The values that the matcher's regular expression has, where they can be listed.
fn literals(matcher: &Matcher) -> Option<&[String]> {
    matcher.pattern().and_then(Pattern::literals)
}

// === impl Positions ===

impl Positions {
    fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(position) => std::slice::from_ref(position),
            Self::Many(positions) => positions,
        }
    }

    /// Adds a position above all others.
    fn push(&mut self, position: u32) {
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, position]),
            Self::Many(positions) => positions.push(position),
        }
    }

    /// Gives the positions their new numbers, and returns how many are gone.
    fn renumber(&mut self, moved: &[Option<u32>]) -> usize {
        let before = self.as_slice().len();
        let left: Vec<u32> = self.as_slice().iter().filter_map(|p| *moved.get(*p as usize)?).collect();
        let gone = before - left.len();
        *self = match left[..] {
            [one] => Self::One(one),
            _ => Self::Many(left),
        };
        gone
    }
}

/// What both have.
fn intersect(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (short, mut long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut out = Vec::with_capacity(short.len());
    for &position in short {
        long = &long[gallop(long, position)..];
        if long.first() == Some(&position) {
            out.push(position);
        }
    }
    out
}

/// What `a` has and `b` has not.
fn subtract(a: &[u32], mut b: &[u32]) -> Vec<u32> {
    let keep = |position: &u32| {
        b = &b[gallop(b, *position)..];
        b.first() != Some(position)
    };
    let mut keep = keep;
    a.iter().copied().filter(|position| keep(position)).collect()
}

/// The first place whose position is not below `position`: near the beginning it is found fast.
fn gallop(list: &[u32], position: u32) -> usize {
    let mut step = 1;
    while list.get(step).is_some_and(|p| *p < position) {
        step *= 2;
    }
    let end = list.len().min(step + 1);
    let begin = (step / 2).min(end);
    begin + list[begin..end].partition_point(|p| *p < position)
}
