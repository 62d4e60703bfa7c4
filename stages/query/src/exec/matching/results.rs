//! The rows of a match's result: one for each label set, which may be made of several series at different steps.
//!
//! A row that has all its steps goes out at once. One that has not may be met by another of the same labels, and is held
//! until the end.
//!
//! Source: `rangeEval` and the sets of signatures in `VectorBinop` of Prometheus' `promql/engine.go`.

use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryReservation;
use weir_pipeline::Value;

use super::combine::{Combine, Outcome};
use super::faults::{Fault, Faults};
use super::keys::Keys;
use super::marks::Marks;
use crate::annotations::{Note, Notes};
use crate::exec::steps::VectorBuilder;

/// What one series makes of those that it met.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// The labels of the result.
    pub(super) labels: Vec<u8>,
    /// The number of its match key.
    pub(super) group: usize,
    /// At which steps it met another.
    pub(super) met: Vec<bool>,
    /// What is left at each step.
    pub(super) values: Vec<Option<Value>>,
}

/// A label set of the result.
#[derive(Debug)]
struct Row {
    group: usize,
    met: Marks,
    /// Its values, unless they went out.
    held: Option<Vec<Option<Value>>>,
}

/// The rows of the result.
#[derive(Debug)]
pub(super) struct Results {
    /// Whether rows may meet others of the same labels. Otherwise nothing is remembered.
    tracked: bool,
    /// Whether series of the same labels become one row. At a single step they never do, as in Prometheus.
    merges: bool,
    drop_name: bool,
    keys: Keys,
    rows: Vec<Row>,
    /// The first row that may be held.
    next: usize,
}

/// What is said of the pieces that one series makes.
#[derive(Debug, Default)]
pub(super) struct Told {
    notes: Notes,
    /// At which step, and what.
    pub(super) steps: Vec<(usize, Note)>,
}

// === impl Told ===

impl Told {
    /// What was said last was about this step.
    fn at(&mut self, step: usize) {
        if !self.notes.is_empty() {
            self.steps.extend(self.notes.drain().map(|note| (step, note)));
        }
    }
}

// === impl Piece ===

impl Piece {
    /// Empties it, for a key.
    pub(super) fn begin(&mut self, group: usize, steps: usize) {
        self.group = group;
        self.met.clear();
        self.met.resize(steps, false);
        self.values.clear();
        self.values.resize(steps, None);
    }

    /// Combines elements of both sides. Where there is one of the "one" side already, by `there`, a further one is not
    /// looked at.
    pub(super) fn join(
        &mut self,
        many: impl Iterator<Item = Option<Value>>,
        ones: impl Iterator<Item = Option<Value>>,
        combine: &Combine,
        there: &mut [bool],
        told: &mut Told,
    ) {
        let slots = self.met.iter_mut().zip(&mut self.values).zip(there);
        for (step, (((met, slot), there), (many, one))) in slots.zip(many.zip(ones)).enumerate() {
            let Some(one) = one.filter(|_| !std::mem::replace(there, true)) else { continue };
            let Some(many) = many else { continue };
            match combine.values(&many, &one, &mut told.notes) {
                Outcome::Apart => {}
                Outcome::Filtered => *met = true,
                Outcome::Kept(value) => (*met, *slot) = (true, Some(value)),
            }
            told.at(step);
        }
    }
}

// === impl Results ===

impl Results {
    pub(super) fn new(tracked: bool, steps: usize, drop_name: bool) -> Self {
        Self { tracked, merges: steps > 1, drop_name, keys: Keys::default(), rows: Vec::new(), next: 0 }
    }

    /// Whether nothing has to be held or compared of a row that met another at every step: it is the first of its labels.
    pub(super) fn claim(&mut self, labels: &[u8], group: usize, memory: &MemoryReservation) -> Result<bool> {
        if !self.tracked {
            return Ok(true);
        }
        let number = self.keys.number(labels, memory)?;
        if number < self.rows.len() {
            return Ok(false);
        }
        memory.try_grow(size_of::<Row>())?;
        self.rows.push(Row { group, met: Marks::All, held: None });
        Ok(true)
    }

    /// Ends the row of `out` whose numbers are there.
    pub(super) fn end_row(&self, labels: &[u8], out: &mut VectorBuilder) {
        out.end_row(labels, self.drop_name);
    }

    /// Takes in a piece. What is complete goes to `out`.
    pub(super) fn add(
        &mut self,
        piece: &mut Piece,
        out: &mut VectorBuilder,
        faults: &mut Faults,
        memory: &MemoryReservation,
    ) -> Result<()> {
        if !self.tracked {
            out.push_values(&piece.labels, self.drop_name, piece.values.drain(..));
            return Ok(());
        }
        if !piece.met.contains(&true) {
            return Ok(());
        }
        let number = self.keys.number(&piece.labels, memory)?;
        let Some(row) = self.rows.get_mut(number) else {
            let mut row = Row { group: piece.group, met: Marks::None, held: None };
            row.met.add(&piece.met, memory)?;
            memory.try_grow(size_of::<Row>())?;
            if row.met.is_all() || !self.merges {
                out.push_values(&piece.labels, self.drop_name, piece.values.drain(..));
            } else {
                memory.try_grow(piece.values.len() * size_of::<Option<Value>>() + heap(&piece.values))?;
                row.held = Some(std::mem::take(&mut piece.values));
            }
            self.rows.push(row);
            return Ok(());
        };
        let clash = row.met.add(&piece.met, memory)?;
        if let Some(step) = clash
            && row.group == piece.group
        {
            faults.add(step, Fault::Grouping);
        }
        let Some(held) = row.held.as_mut().filter(|_| self.merges) else {
            if clash.is_none() || !self.merges {
                out.push_values(&piece.labels, self.drop_name, piece.values.drain(..));
            } else if let Some(step) = piece.values.iter().position(Option::is_some) {
                faults.add(step, Fault::SameLabels);
            }
            return Ok(());
        };
        memory.try_grow(heap(&piece.values))?;
        for (step, (own, new)) in held.iter_mut().zip(piece.values.drain(..)).enumerate() {
            match (&own, new) {
                (None, new) => *own = new,
                (Some(_), Some(_)) => faults.add(step, Fault::SameLabels),
                (Some(_), None) => {}
            }
        }
        if row.met.is_all() {
            Self::release(row, &piece.labels, self.drop_name, out, memory);
        }
        Ok(())
    }

    fn release(row: &mut Row, labels: &[u8], drop_name: bool, out: &mut VectorBuilder, memory: &MemoryReservation) {
        if let Some(values) = row.held.take() {
            memory.shrink(values.len() * size_of::<Option<Value>>() + heap(&values));
            out.push_values(labels, drop_name, values.into_iter());
        }
    }

    /// Puts rows that are held to `out`, until that has `rows`.
    pub(super) fn drain(&mut self, rows: usize, out: &mut VectorBuilder, memory: &MemoryReservation) {
        while out.rows() < rows
            && let Some(row) = self.rows.get_mut(self.next)
        {
            Self::release(row, self.keys.get(self.next), self.drop_name, out, memory);
            self.next += 1;
        }
    }
}

/// The bytes that histograms take beside the values.
fn heap(values: &[Option<Value>]) -> usize {
    values.iter().flatten().filter_map(Value::histogram).map(|histogram| histogram.byte_size()).sum()
}
