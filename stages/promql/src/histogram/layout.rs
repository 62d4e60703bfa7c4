//! The buckets of one sign while they change: runs of neighbours, their counts, and what rounding took from each count
//! where that is kept.
//!
//! Spans that say more buckets than there are counts end with the counts; counts without a span are left out.
//!
//! Source: `addBuckets`, `reduceResolution`, `compactBuckets` and their compensated twins in Prometheus'
//! `model/histogram`. Which run a new bucket joins is as there, for equality sees it.

use weir_pipeline::histogram::{BucketSpan, Buckets};

use crate::functions::compensated::Sum;

/// The most empty buckets that [`Layout::compact`] puts between two others.
const MAX_GAP: i64 = 1 << 16;

/// Buckets side by side.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: i64,
    len: usize,
}

/// The buckets of one sign.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    runs: Vec<Run>,
    counts: Vec<f64>,
    lost: Option<Vec<f64>>,
}

/// Where adding has come to: a run, and which of all counts is its first.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    run: usize,
    first: usize,
}

/// The index and the count of each bucket.
pub(super) fn cells(of: &Buckets) -> impl DoubleEndedIterator<Item = (i64, f64)> + '_ {
    let mut rest = of.counts.as_slice();
    let runs: Vec<_> = runs(of)
        .map(|run| {
            let (counts, others) = rest.split_at_checked(run.len).unwrap_or((rest, &[]));
            rest = others;
            (run.start, counts)
        })
        .collect();
    runs.into_iter().flat_map(|(start, counts)| (counts.iter().enumerate()).map(move |(at, n)| (start + at as i64, *n)))
}

fn runs(of: &Buckets) -> impl Iterator<Item = Run> + '_ {
    let (mut at, mut left) = (0_i64, of.counts.len());
    of.spans.iter().map(move |span| {
        let start = at.saturating_add(i64::from(span.offset));
        let len = left.min(span.length as usize);
        left -= len;
        at = start.saturating_add(i64::from(span.length));
        Run { start, len }
    })
}

/// The bucket of a coarser schema that an index falls into.
fn coarser(index: i64, by: u32) -> i64 {
    ((index - 1) >> by.min(63)) + 1
}

/// Which of the buckets between `shared` bounds a bucket among other `bounds` falls into.
fn place(index: i64, bounds: &[f64], shared: &[f64]) -> usize {
    let bound = usize::try_from(index).ok().and_then(|index| bounds.get(index));
    bound.map_or(shared.len(), |bound| shared.partition_point(|shared| shared < bound))
}

/// The counts between `shared` bounds, the last without end.
pub(super) fn spread(cells: impl Iterator<Item = (i64, f64)>, bounds: &[f64], shared: &[f64]) -> Vec<f64> {
    let mut counts = vec![0.0; shared.len() + 1];
    for (index, count) in cells {
        if let Some(sum) = counts.get_mut(place(index, bounds, shared)) {
            *sum += count;
        }
    }
    counts
}

// === impl Run ===

impl Run {
    fn end(self) -> i64 {
        self.start + self.len as i64
    }
}

// === impl Layout ===

impl Layout {
    /// Takes the buckets, with what was lost of each if that is kept.
    pub(super) fn take(of: &mut Buckets, lost: Option<Vec<f64>>) -> Self {
        let Buckets { spans, counts } = std::mem::take(of);
        let mut of = Buckets { spans, counts };
        let runs: Vec<_> = runs(&of).collect();
        let len = runs.iter().map(|run| run.len).sum();
        of.counts.truncate(len);
        let lost = lost.map(|mut lost| {
            lost.resize(len, 0.0);
            lost
        });
        Self { runs, counts: of.counts, lost }
    }

    /// The buckets again, and what was lost of each.
    pub(super) fn into_buckets(self) -> (Buckets, Option<Vec<f64>>) {
        let mut end = 0;
        let span = |run: &Run| {
            let offset = i32::try_from(run.start - end).unwrap_or(i32::MAX);
            end = run.end();
            BucketSpan { offset, length: u32::try_from(run.len).unwrap_or(u32::MAX) }
        };
        let spans = self.runs.iter().map(span).collect();
        (Buckets { spans, counts: self.counts }, self.lost)
    }

    /// Each bucket: its index, its count, and what was lost.
    pub(super) fn cells(&self) -> impl Iterator<Item = (i64, Sum)> + '_ {
        let lost = self.lost.as_deref().unwrap_or(&[]);
        let sums =
            self.counts.iter().enumerate().map(|(at, sum)| Sum { sum: *sum, lost: *lost.get(at).unwrap_or(&0.0) });
        self.runs.iter().flat_map(|run| run.start..run.end()).zip(sums)
    }

    /// Puts a bucket behind all others.
    fn push(&mut self, index: i64, cell: Sum) {
        match self.runs.last_mut().filter(|run| run.end() == index) {
            Some(run) => run.len += 1,
            None => self.runs.push(Run { start: index, len: 1 }),
        }
        self.counts.push(cell.sum);
        if let Some(lost) = &mut self.lost {
            lost.push(cell.lost);
        }
    }

    /// Adds buckets, which come ascending.
    pub(super) fn add(&mut self, others: impl Iterator<Item = (i64, Sum)>) {
        let mut at = Cursor::default();
        for (index, cell) in others {
            self.add_one(&mut at, index, cell);
        }
    }

    fn add_one(&mut self, at: &mut Cursor, index: i64, cell: Sum) {
        while let (Some(here), Some(next)) = (self.runs.get(at.run), self.runs.get(at.run + 1)) {
            if next.start > index {
                break;
            }
            *at = Cursor { run: at.run + 1, first: at.first + here.len };
        }
        let (mut next, mut place) = (at.run, at.first);
        if let Some(run) = self.runs.get_mut(at.run).filter(|run| run.start <= index) {
            if index < run.end() {
                let within = usize::try_from(index - run.start).unwrap_or_default();
                return self.accumulate(at.first + within, cell);
            }
            (next, place) = (at.run + 1, at.first + run.len);
            if index == run.end() {
                run.len += 1;
                return self.insert(place, cell);
            }
        }
        match self.runs.get_mut(next).filter(|run| run.start == index + 1) {
            Some(run) => *run = Run { start: index, len: run.len + 1 },
            None => self.runs.insert(next, Run { start: index, len: 1 }),
        }
        self.insert(place, cell);
    }

    fn accumulate(&mut self, place: usize, cell: Sum) {
        let Some(count) = self.counts.get_mut(place) else { return };
        match self.lost.as_mut().and_then(|lost| lost.get_mut(place)) {
            None => *count += cell.sum,
            Some(lost) => {
                let mut sum = Sum { sum: *count, lost: *lost };
                sum.add(cell.sum);
                if cell.lost != 0.0 {
                    sum.add(cell.lost);
                }
                (*count, *lost) = (sum.sum, sum.lost);
            }
        }
    }

    fn insert(&mut self, place: usize, cell: Sum) {
        self.counts.insert(place.min(self.counts.len()), cell.sum);
        if let Some(lost) = &mut self.lost {
            lost.insert(place.min(lost.len()), cell.lost);
        }
    }

    /// The same in a schema that is coarser by that much: `2^by` buckets become one.
    pub(super) fn reduced(&self, by: u32) -> Self {
        let mut reduced = Self { runs: Vec::new(), counts: Vec::new(), lost: self.lost.as_ref().map(|_| Vec::new()) };
        let mut last = None;
        for (index, cell) in self.cells() {
            let index = coarser(index, by);
            if last == Some(index) {
                let place = reduced.counts.len().saturating_sub(1);
                reduced.accumulate(place, Sum::of(cell.sum));
                if reduced.lost.is_some() {
                    reduced.accumulate(place, Sum::of(cell.lost));
                }
            } else {
                reduced.push(index, cell);
            }
            last = Some(index);
        }
        reduced
    }

    /// Sets the first buckets to 0, as many as `n`.
    pub(super) fn clear_first(&mut self, n: usize) {
        self.counts.iter_mut().take(n).for_each(|count| *count = 0.0);
        self.lost.iter_mut().flatten().take(n).for_each(|lost| *lost = 0.0);
    }

    /// Leaves out empty buckets, but not those between two others that are at most `max_empty` apart: there are none
    /// missing after.
    pub(super) fn compact(&self, max_empty: usize) -> Self {
        let max_empty = i64::try_from(max_empty).unwrap_or(MAX_GAP).min(MAX_GAP);
        let mut compact = Self { runs: Vec::new(), counts: Vec::new(), lost: self.lost.as_ref().map(|_| Vec::new()) };
        let mut empty = Vec::new();
        for (index, cell) in self.cells() {
            if cell.sum == 0.0 && cell.lost == 0.0 {
                empty.push(cell);
                continue;
            }
            let end = compact.runs.last().map_or(index, |run| run.end());
            let missing = index - end;
            if missing > 0 && missing <= max_empty {
                // Those that are there already stay as they are: -0 too is empty.
                if usize::try_from(missing) != Ok(empty.len()) {
                    empty = vec![Sum::default(); usize::try_from(missing).unwrap_or_default()];
                }
                (end..index).zip(&empty).for_each(|(index, cell)| compact.push(index, *cell));
            }
            compact.push(index, cell);
            empty.clear();
        }
        compact
    }

    /// The buckets of two histograms with other bounds, among bounds that both have: `second` times `sign`.
    pub(super) fn mapped(first: (Self, &[f64]), second: (&Buckets, &[f64]), sign: f64, shared: &[f64]) -> Self {
        let (layout, bounds) = first;
        let mut target = vec![Sum::default(); shared.len() + 1];
        for (index, cell) in layout.cells() {
            if let Some(sum) = target.get_mut(place(index, bounds, shared)) {
                sum.add(cell.sum);
                sum.add(cell.lost);
            }
        }
        let (others, bounds) = second;
        for (index, count) in cells(others) {
            if let Some(sum) = target.get_mut(place(index, bounds, shared)) {
                sum.add(count * sign);
            }
        }
        let mut mapped = Self { runs: Vec::new(), counts: Vec::new(), lost: layout.lost.map(|_| Vec::new()) };
        for (index, sum) in (0..).zip(target) {
            if sum.sum != 0.0 || sum.lost != 0.0 {
                mapped.push(index, sum);
            }
        }
        mapped
    }
}
