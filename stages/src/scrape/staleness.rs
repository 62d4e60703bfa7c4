//! Which series of a target are new, known, twice there, or gone.

use std::collections::HashMap;

use weir_pipeline::{Batch, Labels, SeriesId};

/// The series of the last scrape that succeeded. Kept as a handle on its batch, with one number for each series.
#[derive(Debug)]
pub(super) struct Last {
    batch: Batch,
    rows: Vec<Row>,
    /// Their end is already said, since a later scrape failed.
    marked: bool,
}

/// Where a series stands in a batch, and whether it is to be marked when it is gone.
#[derive(Clone, Copy, Debug)]
struct Row(u32);

/// A scrape in progress, compared with the last one.
///
/// Bodies list their series in the same order each time. So the next one is compared with the one after the last match,
/// and only where that fails the series of the last scrape are put into a map.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    last: Option<&'a Last>,
    /// For each series of the last scrape.
    found: Vec<Found>,
    next: usize,
    index: Option<HashMap<SeriesId, usize>>,
    /// Series that the last scrape did not have.
    new: HashMap<SeriesId, ()>,
    rows: Vec<Row>,
}

/// What became of a series of the last scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    No,
    /// It is there, and does not tell when it will be gone.
    Untracked,
    Tracked,
}

/// What is known of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// The last scrape did not have it.
    New,
    /// The last scrape had it.
    Known,
    /// This scrape has it already.
    Again,
}

// === impl Last ===

impl Last {
    /// The series of a scrape: `rows` of `batch`.
    pub(super) fn new(batch: Batch, seen: Rows) -> Self {
        Self { batch, rows: seen.0, marked: false }
    }

    /// The series that end because a scrape failed: all that have not ended before.
    pub(super) fn end(&mut self) -> impl Iterator<Item = Labels<'_>> {
        let marked = std::mem::replace(&mut self.marked, true);
        let this = &*self;
        this.rows.iter().filter(move |row| !marked && row.tracked()).map(|row| this.batch.series(row.at()).labels)
    }

    fn id(&self, i: usize) -> Option<SeriesId> {
        self.rows.get(i).map(|row| self.batch.series(row.at()).id)
    }
}

/// The series of a scrape.
#[derive(Debug, Default)]
pub(super) struct Rows(Vec<Row>);

// === impl Row ===

impl Row {
    fn new(at: u32, tracked: bool) -> Self {
        Self(at << 1 | u32::from(tracked))
    }

    fn at(self) -> usize {
        (self.0 >> 1) as usize
    }

    fn tracked(self) -> bool {
        self.0 & 1 == 1
    }
}

// === impl Seen ===

impl<'a> Seen<'a> {
    pub(super) fn new(last: Option<&'a Last>) -> Self {
        let found = vec![Found::No; last.map_or(0, |last| last.rows.len())];
        let rows = Vec::with_capacity(found.len());
        Self { last, found, next: 0, index: None, new: HashMap::new(), rows }
    }

    /// Takes in the series `id`, which stands at `at` in the batch if this scrape does not have it already.
    pub(super) fn see(&mut self, id: SeriesId, at: u32, tracked: bool) -> Sight {
        let now = if tracked { Found::Tracked } else { Found::Untracked };
        let sight = match self.find(id) {
            Some(i) => {
                self.next = i + 1;
                match self.found.get_mut(i) {
                    Some(found @ Found::No) => {
                        *found = now;
                        Sight::Known
                    }
                    _ => Sight::Again,
                }
            }
            None if self.new.insert(id, ()).is_some() => Sight::Again,
            None => Sight::New,
        };
        if sight != Sight::Again {
            self.rows.push(Row::new(at, tracked));
        }
        sight
    }

    /// The series that are gone.
    pub(super) fn gone(&self) -> impl Iterator<Item = Labels<'a>> {
        let last = self.last.filter(|last| !last.marked);
        let rows = last.map(|last| last.rows.iter().zip(&self.found).map(move |pair| (last, pair)));
        let gone = |(last, (row, found)): (&'a Last, (&'a Row, &Found))| {
            let gone = row.tracked() && *found != Found::Tracked;
            gone.then(|| last.batch.series(row.at()).labels)
        };
        rows.into_iter().flatten().filter_map(gone)
    }

    /// The series of this scrape.
    pub(super) fn into_rows(mut self) -> Rows {
        self.rows.shrink_to_fit();
        Rows(self.rows)
    }

    /// Where the last scrape had the series.
    fn find(&mut self, id: SeriesId) -> Option<usize> {
        let last = self.last?;
        if last.id(self.next) == Some(id) {
            return Some(self.next);
        }
        let index = || last.rows.iter().enumerate().map(|(i, row)| (last.batch.series(row.at()).id, i)).collect();
        self.index.get_or_insert_with(index).get(&id).copied()
    }
}

#[cfg(test)]
mod tests;
