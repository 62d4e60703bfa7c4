//! From labels to series.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use weir_pipeline::labels::{METRIC, encode_label};
use weir_pipeline::query::{Cardinality, Most};
use weir_pipeline::{Labels, MatchOp, Matcher, Pattern};

use super::shard::Slot;
use crate::interned::Interned;

/// What a new label value takes beside its text, growth of what holds it included.
const VALUE_BYTES: u64 = 72;

/// An entry of a list, growth of the list included.
const ENTRY_BYTES: u64 = 5;

/// What an entry of the directory takes, growth included.
const SLOT_BYTES: u64 = size_of::<Slot>() as u64 * 3 / 2;

/// So many series are few, and so many positions are looked at in no time.
const FEW: usize = 1_000;
const QUICK: usize = 100_000;

/// All pairs of label name and value, and for each the series that have it, as sorted positions in a directory.
#[derive(Default)]
pub(super) struct Index {
    labels: Interned,
    /// By the number of the pair.
    positions: Vec<Positions>,
    /// The pairs of each name.
    names: HashMap<Box<str>, Vec<u32>>,
    /// `Slot::GONE` where the series is gone.
    directory: Vec<Slot>,
    gone: usize,
}

/// Sorted positions; most values of some labels have one.
enum Positions {
    One(u32),
    Many(Vec<u32>),
}

// === impl Index ===

impl Index {
    /// Adds a series, and returns the numbers of its labels and how many bytes that takes.
    pub(super) fn insert(&mut self, labels: Labels<'_>, slot: Slot) -> (Box<[u32]>, u64) {
        let position = self.directory.len() as u32;
        self.directory.push(slot);
        let mut bytes = SLOT_BYTES;
        let mut ids = Vec::with_capacity(labels.pairs().count());
        for pair in labels.pairs() {
            bytes += ENTRY_BYTES;
            let (id, new) = self.labels.add(pair.encoded);
            ids.push(id);
            match self.positions.get_mut(id as usize) {
                Some(positions) => positions.push(position),
                None => self.positions.push(Positions::One(position)),
            }
            if new {
                bytes += VALUE_BYTES + pair.encoded.len() as u64;
                let name = std::str::from_utf8(pair.name).unwrap_or_default();
                match self.names.get_mut(name) {
                    Some(pairs) => pairs.push(id),
                    None => {
                        bytes += VALUE_BYTES + name.len() as u64;
                        self.names.insert(name.into(), vec![id]);
                    }
                }
            }
        }
        (ids.into_boxed_slice(), bytes)
    }

    /// Whether a series whose labels have these numbers has these labels.
    pub(super) fn are(&self, ids: &[u32], labels: Labels<'_>) -> bool {
        self.labels.are(ids, labels.encoded())
    }

    /// The labels with these numbers, canonical. `scratch` is written to.
    pub(super) fn spell(&self, ids: &[u32], scratch: &mut Vec<u8>) -> Arc<[u8]> {
        scratch.clear();
        self.labels.spell(ids, scratch);
        scratch.as_slice().into()
    }

    /// Removes series, and returns how many bytes that frees.
    pub(super) fn remove(&mut self, slots: impl Iterator<Item = Slot>) -> u64 {
        let gone: HashSet<Slot> = slots.collect();
        for slot in self.directory.iter_mut().filter(|slot| gone.contains(slot)) {
            *slot = Slot::GONE;
            self.gone += 1;
        }
        // Lists are cleaned when it pays.
        if self.gone * 4 > self.directory.len() { self.compact() } else { 0 }
    }

    fn compact(&mut self) -> u64 {
        let mut next = 0;
        let number = |slot: &Slot| {
            (*slot != Slot::GONE).then(|| {
                next += 1;
                next - 1
            })
        };
        let moved: Vec<Option<u32>> = self.directory.iter().map(number).collect();
        let mut bytes = self.gone as u64 * SLOT_BYTES;
        for positions in &mut self.positions {
            bytes += positions.renumber(&moved) as u64 * ENTRY_BYTES;
        }
        let Self { labels, positions, names, .. } = self;
        names.retain(|name, pairs| {
            pairs.retain(|id| {
                let empty = positions.get(*id as usize).is_none_or(Positions::is_empty);
                if empty {
                    bytes += VALUE_BYTES + labels.pair(*id).len() as u64;
                    labels.remove(*id);
                }
                !empty
            });
            pairs.shrink_to_fit();
            bytes += if pairs.is_empty() { VALUE_BYTES + name.len() as u64 } else { 0 };
            !pairs.is_empty()
        });
        self.labels.shrink();
        self.positions.truncate(self.labels.end());
        self.positions.shrink_to_fit();
        self.directory.retain(|slot| *slot != Slot::GONE);
        self.directory.shrink_to_fit();
        self.gone = 0;
        bytes
    }

    /// Whether there is no series.
    pub(super) fn is_empty(&self) -> bool {
        self.gone == self.directory.len()
    }

    /// The positions of the series with this label.
    fn with(&self, name: &str, value: &str) -> &[u32] {
        let mut pair = Vec::with_capacity(name.len() + value.len() + 4);
        encode_label(name, value, &mut pair);
        self.labels.find(&pair).map(|id| self.having(id)).unwrap_or_default()
    }

    /// The positions of the series that have a pair.
    fn having(&self, id: u32) -> &[u32] {
        self.positions.get(id as usize).map(Positions::as_slice).unwrap_or_default()
    }

    /// Whether only a few series can satisfy all matchers, and are found without a look at many values.
    pub(super) fn is_quick(&self, matchers: &[Matcher]) -> bool {
        let (mut fewest, mut work) = (self.directory.len(), 0);
        for matcher in matchers.iter().filter(|matcher| self.names.contains_key(matcher.name.as_str())) {
            let wanted = match matcher.op {
                MatchOp::Equal | MatchOp::NotEqual => std::slice::from_ref(&matcher.value),
                _ => literals(matcher).unwrap_or_default(),
            };
            let listed = !wanted.is_empty();
            let found: usize = wanted.iter().map(|value| self.with(&matcher.name, value).len()).sum();
            work += if listed { found } else { self.directory.len() };
            if listed && !matcher.matches_empty() {
                fewest = fewest.min(found);
            }
        }
        fewest <= FEW && work <= QUICK
    }

    /// What the series are made of, but for their chunks and times.
    pub(super) fn cardinality(&self, limit: usize) -> Cardinality {
        let is_live = |position: &&u32| self.directory.get(**position as usize).is_some_and(|slot| *slot != Slot::GONE);
        let live = |positions: &[u32]| match self.gone {
            0 => positions.len(),
            _ => positions.iter().filter(is_live).count(),
        };
        let [mut metrics, mut labels, mut bytes, mut pairs] = std::array::from_fn(|_| Most::new(limit));
        let mut label_pairs = 0;
        for (name, ids) in &self.names {
            let (mut count, mut size) = (0, 0);
            for id in ids {
                let (value, series) = (self.labels.value(*id), live(self.having(*id)) as u64);
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
    pub(super) fn select(&self, matchers: &[Matcher]) -> Vec<Slot> {
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
        let slots = left.into_iter().filter_map(|position| self.directory.get(position as usize).copied());
        slots.filter(|slot| *slot != Slot::GONE).collect()
    }

    /// The positions of the series whose value of the matcher's label is `wanted`.
    fn union(&self, matcher: &Matcher, wanted: impl Fn(&str) -> bool) -> Vec<u32> {
        let Some(pairs) = self.names.get(matcher.name.as_str()) else { return Vec::new() };
        // One look-up where only one value can be wanted: `=`, or what `!=` excludes.
        if matches!(matcher.op, MatchOp::Equal | MatchOp::NotEqual) && wanted(&matcher.value) {
            return self.with(&matcher.name, &matcher.value).to_vec();
        }
        let mut all = Vec::new();
        // A few where few can be: `=~"a|b"`, or what `!~` excludes.
        if let Some(few) = literals(matcher).filter(|few| few.iter().all(|value| wanted(value))) {
            for value in few {
                all.extend_from_slice(self.with(&matcher.name, value));
            }
            all.sort_unstable();
            return all;
        }
        for id in pairs.iter().filter(|id| wanted(self.labels.value(**id))) {
            all.extend_from_slice(self.having(*id));
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

    fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Adds a position above all others.
    fn push(&mut self, position: u32) {
        match self {
            Self::One(first) => *self = Self::Many(vec![*first, position]),
            Self::Many(positions) => {
                // By a quarter, not twofold: nearly all that the index takes is these lists.
                if positions.len() == positions.capacity() {
                    positions.reserve_exact(positions.len() / 4 + 1);
                }
                positions.push(position);
            }
        }
    }

    /// Gives the positions their new numbers, and returns how many are gone.
    fn renumber(&mut self, moved: &[Option<u32>]) -> usize {
        let before = self.as_slice().len();
        let mut left: Vec<u32> = self.as_slice().iter().filter_map(|p| *moved.get(*p as usize)?).collect();
        let gone = before - left.len();
        *self = match left[..] {
            [one] => Self::One(one),
            _ => {
                left.shrink_to_fit();
                Self::Many(left)
            }
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
