//! The "many" side, streaming past the "one" side.

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use weir_pipeline::Value;

use super::Match;
use super::combine::Combine;
use super::faults::{Fault, Faults};
use super::marks::Marks;
use super::one_side::{Group, OneSide, Place};
use super::results::{Piece, Results, Told};
use crate::annotations::Turn;
use crate::exec::Task;
use crate::exec::context::to_datafusion;
use crate::exec::steps::{StepRow, VectorBatch, VectorBuilder, batch_rows};
use crate::exec::transform::Transform;
use crate::syntax::ast;

/// The "many" side streaming past the "one" side.
pub(super) struct Matching {
    spec: Match,
    combine: Combine,
    task: Task,
    one: OneSide,
    results: Results,
    faults: Faults,
    told: Told,
    steps: usize,
    /// At which steps the "many" side has anything, as far as it has to be known.
    seen: Vec<bool>,
    piece: Piece,
    /// At which steps the "one" side has anything of the key at hand.
    there: Vec<bool>,
    key: Vec<u8>,
    ready: Option<RecordBatch>,
    rest: Rest,
}

/// What comes after the "many" side.
#[derive(Clone, Copy, Debug)]
enum Rest {
    /// It has not ended.
    Later,
    /// What of the "one" side met nothing, from this group on.
    Unmet(usize),
    /// The rows that are held.
    Held,
}

/// Where elements of the "one" side come from.
#[derive(Clone, Copy)]
enum Ones {
    /// From a row.
    Row(Place),
    /// A value that fills in where there is none.
    Fill(f64),
}

// === impl Matching ===

impl Matching {
    pub(super) fn new(spec: Match, combine: Combine, task: Task, one: OneSide, steps: usize) -> Self {
        let results = Results::new(spec.may_merge(steps), steps, spec.return_bool);
        Self {
            combine,
            task,
            one,
            results,
            faults: Faults::default(),
            told: Told::default(),
            steps,
            seen: Vec::new(),
            piece: Piece::default(),
            there: Vec::new(),
            key: Vec::new(),
            ready: None,
            rest: Rest::Later,
            spec,
        }
    }

    fn is_filled(&self) -> bool {
        self.spec.fill_one.is_some() || self.spec.fill_many.is_some()
    }

    /// Whether it has to be known which of the "one" side met something.
    fn marks(&self) -> bool {
        self.spec.group == ast::Group::OneToOne || self.spec.fill_many.is_some()
    }

    /// Remembers at which steps there is something: where there is nothing, Prometheus looks at nothing.
    fn see(&mut self, row: StepRow<'_>) -> Result<()> {
        if self.one.has_duplicates() && !self.is_filled() {
            row.present(&mut self.there)?;
            self.seen.resize(self.steps, false);
            self.seen.iter_mut().zip(&self.there).for_each(|(seen, there)| *seen |= there);
        }
        Ok(())
    }

    /// The number of the key at hand. One that the "one" side does not have matters only where that is filled in.
    fn group(&mut self) -> Result<Option<usize>> {
        if self.spec.fill_one.is_none() {
            return self.one.keys.find(&self.key);
        }
        let number = self.one.keys.number(&self.key, &self.task.memory)?;
        if number == self.one.groups.len() {
            self.task.memory.try_grow(size_of::<Group>())?;
            self.one.groups.push(Group::default());
        }
        Ok(Some(number))
    }

    /// What one series of the "many" side makes of those that it meets.
    fn meet(&mut self, labels: &[u8], many: StepRow<'_>, group: usize, out: &mut VectorBuilder) -> Result<()> {
        if self.meet_whole(labels, many, group, out)? {
            return Ok(());
        }
        let places: Vec<Place> = self.one.groups.get(group).into_iter().flat_map(Group::rows).collect();
        self.there.clear();
        self.there.resize(self.steps, false);
        self.piece.begin(group, self.steps);
        for place in places {
            self.join(many, Ones::Row(place))?;
            if !self.spec.include.is_empty() {
                self.spec.name(labels, self.one.row(place)?.0, &mut self.piece.labels);
                self.end(out)?;
                self.piece.begin(group, self.steps);
            }
        }
        if let Some(fill) = self.spec.fill_one {
            self.join(many, Ones::Fill(fill))?;
        }
        self.spec.name(labels, self.one.keys.get(group), &mut self.piece.labels);
        self.end(out)
    }

    /// The most frequent case: numbers at all steps on both sides, and nobody else. Returns whether it was that.
    fn meet_whole(&mut self, labels: &[u8], many: StepRow<'_>, number: usize, out: &mut VectorBuilder) -> Result<bool> {
        let Some(group) = self.one.groups.get(number) else { return Ok(false) };
        let (Some(place), Some(many), true) = (group.only(), many.whole(), self.combine.has_kernel()) else {
            return Ok(false);
        };
        let marks = self.marks();
        if marks && self.spec.group == ast::Group::OneToOne && !group.taken.is_none() {
            return Ok(false);
        }
        let (one_labels, one) = self.one.row(place)?;
        let Some(one) = one.whole() else { return Ok(false) };
        self.spec.name(labels, one_labels, &mut self.piece.labels);
        if !self.results.claim(&self.piece.labels, number, &self.task.memory)? {
            return Ok(false);
        }
        self.combine.whole(many, one, out.row());
        self.results.end_row(&self.piece.labels, out);
        if marks && let Some(group) = self.one.groups.get_mut(number) {
            group.taken = Marks::All;
        }
        Ok(true)
    }

    /// Combines a row of the "many" side with the "one" side.
    fn join(&mut self, many: StepRow<'_>, ones: Ones) -> Result<()> {
        let number = |float: Option<f64>| float.map(Value::Float);
        match ones {
            Ones::Fill(fill) => {
                let fill = std::iter::repeat_n(Some(Value::Float(fill)), self.steps);
                if many.has_histograms() {
                    self.piece.join(many.values()?.into_iter(), fill, &self.combine, &mut self.there, &mut self.told);
                } else {
                    self.piece.join(many.iter().map(number), fill, &self.combine, &mut self.there, &mut self.told);
                }
            }
            Ones::Row(place) => {
                let (_, one) = self.one.row(place)?;
                if many.has_histograms() || one.has_histograms() {
                    let (many, one) = (many.values()?.into_iter(), one.values()?.into_iter());
                    self.piece.join(many, one, &self.combine, &mut self.there, &mut self.told);
                } else {
                    let (many, one) = (many.iter().map(number), one.iter().map(number));
                    self.piece.join(many, one, &self.combine, &mut self.there, &mut self.told);
                }
            }
        }
        Ok(())
    }

    /// Hands the piece on.
    fn end(&mut self, out: &mut VectorBuilder) -> Result<()> {
        if self.marks()
            && let Some(group) = self.one.groups.get_mut(self.piece.group)
        {
            let again = group.taken.add(&self.piece.met, &self.task.memory)?;
            if let Some(step) = again.filter(|_| self.spec.group == ast::Group::OneToOne) {
                self.faults.add(step, Fault::Ambiguous);
            }
        }
        self.results.add(&mut self.piece, out, &mut self.faults, &self.task.memory)
    }

    /// What a group makes at those steps at which it met nothing, where the "many" side is filled in.
    fn unmet(&mut self, number: usize, fill: f64, out: &mut VectorBuilder) -> Result<()> {
        let Some(group) = self.one.groups.get(number).filter(|group| !group.taken.is_all()) else { return Ok(()) };
        let places: Vec<Place> = group.rows().collect();
        self.there.clear();
        self.there.extend((0..self.steps).map(|step| group.taken.has(step)));
        for place in places {
            self.piece.begin(number, self.steps);
            let (labels, one) = self.one.row(place)?;
            self.spec.name(self.one.keys.get(number), labels, &mut self.piece.labels);
            let fill = std::iter::repeat_n(Some(Value::Float(fill)), self.steps);
            self.piece.join(fill, one.values()?.into_iter(), &self.combine, &mut self.there, &mut self.told);
            let labels = labels.to_vec();
            self.end(out)?;
            self.annotate(true, &labels);
        }
        Ok(())
    }

    /// Hands on what was said of the pieces of one series.
    fn annotate(&mut self, filled: bool, labels: &[u8]) {
        if self.told.steps.is_empty() {
            return;
        }
        let (span, told) = (self.spec.span, &mut self.told.steps);
        let turn = Turn { filled, labels: labels.to_vec() };
        self.task.query.annotate(|all| {
            told.drain(..).for_each(|(step, note)| all.add_at_step(note, span, step, turn.clone()));
        });
    }

    /// Fails where anything was found that Prometheus fails at, with the first of it.
    fn check(&mut self) -> Result<()> {
        let is_filled = self.is_filled();
        if let Some(step) = self.one.duplicate(|step| is_filled || self.seen.get(step) == Some(&true)) {
            self.faults.add(step, Fault::Duplicate);
        }
        if !is_filled && self.one.duplicate(|step| self.seen.get(step) != Some(&true)).is_some() {
            // What is left out of the "many" side for the labels that the "one" side has would make that an error.
            self.task.query.doubt();
        }
        let Some((step, fault)) = self.faults.first() else { return Ok(()) };
        let side = if self.spec.group == ast::Group::Right { "left" } else { "right" };
        Err(to_datafusion(fault.error(|| self.one.duplicate_error(step, side))))
    }
}

impl Transform for Matching {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let vector = VectorBatch::try_new(&batch)?;
        let mut out = VectorBuilder::new(self.steps, batch.num_rows());
        for row in 0..batch.num_rows() {
            let (labels, many) = (vector.labels(row), vector.steps.row(row));
            self.see(many)?;
            self.spec.by.key(labels, &mut self.key);
            if let Some(group) = self.group()? {
                self.meet(labels, many, group, &mut out)?;
                self.annotate(false, labels);
            }
        }
        self.ready = Some(out.finish(self.task.schema.clone())?);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.rest = Rest::Unmet(0);
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(batch) = self.ready.take() {
            return Ok(Some(batch));
        }
        let rows = batch_rows(self.steps);
        let mut out = VectorBuilder::new(self.steps, 0);
        if let Rest::Unmet(mut next) = self.rest {
            let fill = self.spec.fill_many.filter(|_| next < self.one.groups.len());
            while let Some(fill) = fill.filter(|_| next < self.one.groups.len() && out.rows() < rows) {
                self.unmet(next, fill, &mut out)?;
                next += 1;
            }
            self.rest = Rest::Unmet(next);
            if fill.is_none() {
                self.check()?;
                self.rest = Rest::Held;
            }
        }
        if matches!(self.rest, Rest::Held) {
            self.results.drain(rows, &mut out, &self.task.memory);
        }
        match (self.rest, out.rows()) {
            (Rest::Later | Rest::Held, 0) => Ok(None),
            _ => out.finish(self.task.schema.clone()).map(Some),
        }
    }
}
