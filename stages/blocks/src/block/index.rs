//! The series of a block in memory: compact, and quick to match.

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{
    Array, AsArray, DictionaryArray, FixedSizeBinaryArray, Int64Array, ListArray, MapArray, RecordBatch, StringArray,
    UInt8Array,
};
use arrow::datatypes::{Int32Type, Int64Type, UInt8Type, UInt32Type};
use weir_pipeline::labels::{METRIC, encode_label};
use weir_pipeline::{MatchOp, Matcher, SeriesId};

use super::damage::Damage;
use super::schema::{HISTOGRAMS, LABEL, SINCE};

/// The series of a block. A row's labels are numbers of pairs, and each pair of name and value is kept once.
#[derive(Debug, Default)]
pub(super) struct Index {
    names: Vec<Box<str>>,
    pairs: Vec<(u32, Box<str>)>,
    /// The pairs of each name, in the order of values.
    by_name: Vec<Vec<u32>>,
    /// The pairs of all rows one after the other, in the order of names, and where each row's end.
    row_pairs: Vec<u32>,
    row_ends: Vec<u32>,
    pub(super) ids: Vec<SeriesId>,
    /// The first and the last timestamp of each row; `min > max` where it has no sample.
    pub(super) ranges: Vec<(i64, i64)>,
    /// For each row group, where each row's samples begin, and after the last row their number.
    pub(super) starts: Vec<Vec<u32>>,
    /// The rows that have native histograms, which are few or none, in their order.
    histograms: Vec<u32>,
    /// The rows of floats that have starts, in their order.
    pub(super) since: Vec<u32>,
}

/// Builds an index batch by batch.
#[derive(Default)]
pub(super) struct Builder {
    index: Index,
    names: HashMap<Box<str>, u32>,
    known: HashMap<(u32, Box<str>), u32>,
}

// === impl Index ===

impl Index {
    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> u64 {
        let texts: usize =
            self.pairs.iter().map(|(_, v)| v.len() + 28).chain(self.names.iter().map(|n| n.len() + 16)).sum();
        let rows = self.len() * (4 + 16 + 16) + (self.row_pairs.len() + self.histograms.len() + self.since.len()) * 4;
        (texts + rows + self.starts.iter().map(|s| s.len() * 4).sum::<usize>()) as u64
    }

    /// How many samples a row has.
    pub(super) fn samples(&self, row: usize) -> u32 {
        self.starts.iter().map(|s| s[row + 1] - s[row]).sum()
    }

    /// Whether a row has native histograms.
    pub(super) fn has_histograms(&self, row: u32) -> bool {
        self.histograms.binary_search(&row).is_ok()
    }

    /// Whether a row is of floats that have starts.
    pub(super) fn has_starts(&self, row: u32) -> bool {
        self.since.binary_search(&row).is_ok()
    }

    /// The canonical labels of a row.
    pub(super) fn encode(&self, row: usize, out: &mut Vec<u8>) {
        for &pair in self.pairs_of(row) {
            let (name, value) = &self.pairs[pair as usize];
            encode_label(&self.names[*name as usize], value, out);
        }
    }

    fn pairs_of(&self, row: usize) -> &[u32] {
        let start = if row == 0 { 0 } else { self.row_ends[row - 1] as usize };
        &self.row_pairs[start..self.row_ends[row] as usize]
    }

    fn metric(&self, row: usize) -> &str {
        let pair =
            self.pairs_of(row).iter().find(|pair| &*self.names[self.pairs[**pair as usize].0 as usize] == METRIC);
        pair.map_or("", |pair| &self.pairs[*pair as usize].1)
    }

    /// The rows that satisfy all matchers.
    pub(super) fn select(&self, matchers: &[Matcher]) -> Vec<u32> {
        let metric = matchers.iter().find_map(|m| Some((m, metrics(m)?)));
        // Rows are sorted by metric first, and metrics are listed in order.
        let rows: Vec<Range<usize>> = match &metric {
            Some((_, metrics)) => metrics.iter().map(|metric| self.equal_range(metric)).collect(),
            None => std::iter::once(0..self.len()).collect(),
        };
        let conditions: Vec<Condition> = matchers
            .iter()
            .filter(|m| metric.as_ref().is_none_or(|(metric, _)| !std::ptr::eq(*m, *metric)))
            .map(|m| Condition::new(self, m))
            .collect();
        let fits = |row: &u32| conditions.iter().all(|c| c.fits(self.pairs_of(*row as usize)));
        rows.into_iter().flat_map(|rows| rows.start as u32..rows.end as u32).filter(fits).collect()
    }

    fn equal_range(&self, metric: &str) -> Range<usize> {
        let first = |after: &dyn Fn(&str) -> bool| {
            let (mut low, mut high) = (0, self.len());
            while low < high {
                let middle = low + (high - low) / 2;
                if after(self.metric(middle)) { high = middle } else { low = middle + 1 }
            }
            low
        };
        first(&|m| m >= metric)..first(&|m| m > metric)
    }
}

/// The metrics that a matcher asks for, sorted, where they are listed: `=`, or `=~"a|b"`.
fn metrics(matcher: &Matcher) -> Option<Vec<&str>> {
    match matcher.op {
        _ if matcher.name != METRIC => None,
        MatchOp::Equal => Some(vec![&matcher.value]),
        MatchOp::Match => Some(matcher.pattern()?.literals()?.iter().map(String::as_str).collect()),
        MatchOp::NotEqual | MatchOp::NotMatch => None,
    }
}

/// A matcher, as pairs of the block.
enum Condition {
    /// One of these, which rise.
    OneOf(Vec<u32>),
    /// What is decided of each pair, or that none is of the matcher's name.
    Decided(Vec<Decision>, bool),
}

/// What a matcher says of a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decision {
    /// It is of another name.
    Other,
    Fits,
    Fails,
}

// === impl Condition ===

impl Condition {
    fn new(index: &Index, matcher: &Matcher) -> Self {
        let name = index.names.iter().position(|n| **n == *matcher.name);
        let of_name = name.and_then(|name| index.by_name.get(name)).map_or(&[][..], Vec::as_slice);
        let value = |pair: &u32| index.pairs.get(*pair as usize).map_or("", |(_, value)| value);
        let listed = match matcher.op {
            MatchOp::Equal => Some(vec![matcher.value.as_str()]),
            MatchOp::Match => matcher
                .pattern()
                .and_then(|pattern| pattern.literals())
                .map(|all| all.iter().map(String::as_str).collect()),
            MatchOp::NotEqual | MatchOp::NotMatch => None,
        };
        if let Some(values) = listed.filter(|_| !matcher.matches_empty()) {
            let find = |text: &&str| of_name.binary_search_by(|pair| value(pair).cmp(text)).ok();
            let mut pairs: Vec<u32> =
                values.iter().filter_map(find).filter_map(|at| of_name.get(at).copied()).collect();
            pairs.sort_unstable();
            return Self::OneOf(pairs);
        }
        let mut decided = vec![Decision::Other; index.pairs.len()];
        for pair in of_name {
            if let Some(decision) = decided.get_mut(*pair as usize) {
                *decision = if matcher.matches(value(pair)) { Decision::Fits } else { Decision::Fails };
            }
        }
        Self::Decided(decided, matcher.matches_empty())
    }

    fn fits(&self, row: &[u32]) -> bool {
        match self {
            Self::OneOf(pairs) => row.iter().any(|pair| pairs.binary_search(pair).is_ok()),
            Self::Decided(decided, absent) => {
                let of_name = row.iter().filter_map(|pair| decided.get(*pair as usize));
                let decision = of_name.copied().find(|decision| *decision != Decision::Other);
                decision.map_or(*absent, |decision| decision == Decision::Fits)
            }
        }
    }
}

// === impl Builder ===

impl Builder {
    /// Adds the rows of a batch of the series file.
    pub(super) fn add(&mut self, batch: &RecordBatch, groups: usize) -> Result<(), Damage> {
        let ids: &FixedSizeBinaryArray = column(batch, "series_id", |a| a.as_fixed_size_binary_opt())?;
        if ids.value_length() != 16 {
            return Err("series_id is not of 16 bytes".into());
        }
        let min: &Int64Array = column(batch, "min_ts", |a| a.as_primitive_opt::<Int64Type>())?;
        let max: &Int64Array = column(batch, "max_ts", |a| a.as_primitive_opt::<Int64Type>())?;
        let kinds: &UInt8Array = column(batch, "kind", |a| a.as_primitive_opt::<UInt8Type>())?;
        let runs: &ListArray = column(batch, "runs", |a| a.as_list_opt::<i32>())?;
        let rest: &MapArray = column(batch, "labels_rest", |a| a.as_map_opt())?;
        let mut labels = vec![Labels::new(self, METRIC, batch, "metric")?];
        for field in batch.schema().fields() {
            if let Some(name) = field.name().strip_prefix(LABEL) {
                labels.push(Labels::new(self, name, batch, field.name())?);
            }
        }
        labels.sort_by(|a, b| self.index.names[a.name as usize].cmp(&self.index.names[b.name as usize]));
        self.index.starts.resize_with(groups, || vec![0]);
        let mut encoded = Vec::new();
        for row in 0..batch.num_rows() {
            self.labels(&labels, rest, row)?;
            let id: [u8; 16] = ids.value(row).try_into().map_err(|_| "series_id is not of 16 bytes".to_owned())?;
            let nth = self.index.len();
            self.index.ids.push(SeriesId(id));
            encoded.clear();
            self.index.encode(nth, &mut encoded);
            if SeriesId::of(&encoded).0 != id {
                return Err(format!("row {nth} does not have the labels of its id").into());
            }
            let range = if min.is_null(row) || max.is_null(row) { (1, 0) } else { (min.value(row), max.value(row)) };
            self.index.ranges.push(range);
            match kinds.value(row) {
                HISTOGRAMS => self.index.histograms.push(nth as u32),
                SINCE => self.index.since.push(nth as u32),
                _ => {}
            }
            self.runs(runs, row, groups)?;
        }
        Ok(())
    }

    /// The index.
    pub(super) fn build(self) -> Index {
        let mut index = self.index;
        index.by_name = vec![Vec::new(); index.names.len()];
        for ((name, _), pair) in index.pairs.iter().zip(0u32..) {
            if let Some(own) = index.by_name.get_mut(*name as usize) {
                own.push(pair);
            }
        }
        let pairs = &index.pairs;
        let value = |pair: &u32| pairs.get(*pair as usize).map(|(_, value)| value);
        index.by_name.iter_mut().for_each(|own| own.sort_unstable_by(|a, b| value(a).cmp(&value(b))));
        index
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(known) = self.names.get(name) {
            return *known;
        }
        let next = self.index.names.len() as u32;
        self.index.names.push(name.into());
        self.names.insert(name.into(), next);
        next
    }

    fn pair(&mut self, name: u32, value: &str) -> u32 {
        if let Some(known) = self.known.get(&(name, value.into())) {
            return *known;
        }
        let next = self.index.pairs.len() as u32;
        self.index.pairs.push((name, value.into()));
        self.known.insert((name, value.into()), next);
        next
    }

    /// The pairs of a row, in the order of names.
    fn labels(&mut self, labels: &[Labels<'_>], rest: &MapArray, row: usize) -> Result<(), Damage> {
        let start = self.index.row_pairs.len();
        for column in labels {
            if let Some(pair) = column.pair(row)? {
                self.index.row_pairs.push(pair);
            }
        }
        if rest.is_valid(row) && rest.value_length(row) > 0 {
            let entries = rest.value(row);
            let texts = |i: usize| entries.column(i).as_string_opt::<i32>().ok_or("labels_rest does not hold texts");
            let (names, values): (&StringArray, &StringArray) = (texts(0)?, texts(1)?);
            for i in 0..entries.len() {
                let name = self.name(names.value(i));
                let pair = self.pair(name, values.value(i));
                self.index.row_pairs.push(pair);
            }
            let (names, pairs) = (&self.index.names, &self.index.pairs);
            let name = |pair: &u32| &names[pairs[*pair as usize].0 as usize];
            self.index.row_pairs[start..].sort_by(|a, b| name(a).cmp(name(b)));
        }
        self.index.row_ends.push(self.index.row_pairs.len() as u32);
        Ok(())
    }

    fn runs(&mut self, runs: &ListArray, row: usize, groups: usize) -> Result<(), Damage> {
        let of_row = runs.value(row);
        let counts = of_row.as_primitive_opt::<UInt32Type>().ok_or("runs does not hold numbers")?;
        if counts.len() != groups {
            return Err(format!("row {row} counts {} row groups, there are {groups}", counts.len()).into());
        }
        for (starts, count) in self.index.starts.iter_mut().zip(counts.values()) {
            let next = starts.last().copied().unwrap_or(0).checked_add(*count).ok_or("runs are too long")?;
            starts.push(next);
        }
        Ok(())
    }
}

/// A column of label values, with the pair of each key.
struct Labels<'a> {
    name: u32,
    values: &'a DictionaryArray<Int32Type>,
    pairs: Vec<u32>,
}

// === impl Labels ===

impl<'a> Labels<'a> {
    fn new(builder: &mut Builder, name: &str, batch: &'a RecordBatch, column_name: &str) -> Result<Self, Damage> {
        let values = column(batch, column_name, |a| a.as_dictionary_opt::<Int32Type>())?;
        let texts =
            values.values().as_string_opt::<i32>().ok_or_else(|| format!("{column_name} does not hold texts"))?;
        let name = builder.name(name);
        let pairs = (0..texts.len()).map(|i| builder.pair(name, texts.value(i))).collect();
        Ok(Self { name, values, pairs })
    }

    /// The pair of a row; an absent label has none, and so does the empty name of a metric.
    fn pair(&self, row: usize) -> Result<Option<u32>, Damage> {
        let Some(key) = self.values.key(row) else { return Ok(None) };
        let pair = *self.pairs.get(key).ok_or_else(|| format!("row {row} has a key beyond its dictionary"))?;
        let texts = self.values.values().as_string_opt::<i32>();
        Ok(texts.is_some_and(|t| !t.value(key).is_empty()).then_some(pair))
    }
}

fn column<'a, T>(
    batch: &'a RecordBatch,
    name: &str,
    cast: impl FnOnce(&'a dyn Array) -> Option<&'a T>,
) -> Result<&'a T, Damage> {
    let found = batch.column_by_name(name).ok_or_else(|| format!("the column {name} is missing"))?;
    let other = || format!("the column {name} is of type {}", found.data_type()).into();
    cast(found.as_ref()).ok_or_else(other)
}
