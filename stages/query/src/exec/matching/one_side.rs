//! The "one" side, collected: its rows by match key, as they came.

use std::cmp::Ordering;

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use weir_pipeline::{Error, Labels};

use super::faults;
use super::keys::{Keys, MatchBy};
use super::marks::Marks;
use crate::exec::Task;
use crate::exec::steps::{StepRow, VectorBatch};

/// Which row of which batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    batch: usize,
    row: usize,
}

/// What there is of one key.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The rows of the "one" side: most often one.
    first: Option<Place>,
    more: Vec<Place>,
    /// At which steps they met a series of the "many" side.
    pub(super) taken: Marks,
}

/// Two rows of one key that have a value at the same step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Duplicate {
    group: usize,
    first: Place,
    second: Place,
}

/// The "one" side.
#[derive(Debug)]
pub(super) struct OneSide {
    by: MatchBy,
    pub(super) keys: Keys,
    pub(super) groups: Vec<Group>,
    batches: Vec<RecordBatch>,
    /// For each step the first two rows that share a key; empty where no two do at any step.
    duplicates: Vec<Option<Duplicate>>,
    steps: usize,
    key: Vec<u8>,
}

// === impl Group ===

impl Group {
    /// The rows of the "one" side.
    pub(super) fn rows(&self) -> impl Iterator<Item = Place> + '_ {
        self.first.iter().chain(&self.more).copied()
    }

    /// The only row, where there is just one.
    pub(super) fn only(&self) -> Option<Place> {
        self.first.filter(|_| self.more.is_empty())
    }
}

// === impl OneSide ===

impl OneSide {
    pub(super) fn new(by: MatchBy, steps: usize) -> Self {
        let (keys, groups, batches) = (Keys::default(), Vec::new(), Vec::new());
        Self { by, keys, groups, batches, duplicates: Vec::new(), steps, key: Vec::new() }
    }

    /// Takes in a batch, which is kept as it is.
    pub(super) fn add(&mut self, batch: RecordBatch, task: &Task) -> Result<()> {
        task.memory.try_grow(batch.get_array_memory_size() + batch.num_rows() * size_of::<Group>())?;
        let vector = VectorBatch::try_new(&batch)?;
        for row in 0..batch.num_rows() {
            let mut key = std::mem::take(&mut self.key);
            self.by.key(vector.labels(row), &mut key);
            let number = self.keys.number(&key, &task.memory)?;
            self.key = key;
            let place = Place { batch: self.batches.len(), row };
            match self.groups.get_mut(number) {
                Some(group) if group.first.is_some() => group.more.push(place),
                Some(group) => group.first = Some(place),
                None => self.groups.push(Group { first: Some(place), ..Group::default() }),
            }
        }
        self.batches.push(batch);
        Ok(())
    }

    /// Finds the rows that share a key at a step, once all have come. Those are told that come first by their labels.
    pub(super) fn settle(&mut self, task: &Task) -> Result<()> {
        let shared = (0..self.groups.len()).filter(|group| self.groups.get(*group).is_some_and(|g| g.only().is_none()));
        let (mut present, mut duplicates) = (Vec::new(), Vec::new());
        let mut first = vec![None; self.steps];
        for group in shared.collect::<Vec<_>>() {
            let mut rows: Vec<Place> = self.groups.get(group).into_iter().flat_map(Group::rows).collect();
            rows.sort_by(|a, b| self.compare(*a, *b));
            first.fill(None);
            for second in rows {
                self.row(second)?.1.present(&mut present)?;
                let mut last = None;
                for (step, own) in first.iter_mut().enumerate().filter(|(step, _)| present.get(*step) == Some(&true)) {
                    let Some(first) = *own else {
                        *own = Some(second);
                        continue;
                    };
                    if duplicates.is_empty() {
                        task.memory.try_grow(self.steps * size_of::<Option<Duplicate>>())?;
                        duplicates.resize(self.steps, None);
                    }
                    if let Some(told) = duplicates.get_mut(step) {
                        *told = self.earlier(*told, Duplicate { group, first, second }, &mut last);
                    }
                }
            }
        }
        self.duplicates = duplicates;
        Ok(())
    }

    /// Which of two is told. From step to step it is most often the same question: `last` has its answer.
    fn earlier(
        &self,
        told: Option<Duplicate>,
        new: Duplicate,
        last: &mut Option<(Duplicate, Duplicate, Duplicate)>,
    ) -> Option<Duplicate> {
        let Some(told) = told else { return Some(new) };
        if let Some((one, other, answer)) = last
            && *one == told
            && *other == new
        {
            return Some(*answer);
        }
        let is_earlier = told.group != new.group && self.compare(new.second, told.second) == Ordering::Less;
        let answer = if is_earlier { new } else { told };
        *last = Some((told, new, answer));
        Some(answer)
    }

    fn compare(&self, a: Place, b: Place) -> Ordering {
        let labels = |place| self.row(place).map_or(&[][..], |(labels, _)| labels);
        Labels::from_canonical(labels(a)).compare(Labels::from_canonical(labels(b)))
    }

    /// The labels and the step vector of a row.
    pub(super) fn row(&self, place: Place) -> Result<(&[u8], StepRow<'_>)> {
        match self.batches.get(place.batch) {
            Some(batch) => {
                let vector = VectorBatch::try_new(batch)?;
                Ok((vector.labels(place.row), vector.steps.row(place.row)))
            }
            None => datafusion::common::exec_err!("expected a row of the side that was collected"),
        }
    }

    /// Whether any two rows share a key at a step.
    pub(super) fn has_duplicates(&self) -> bool {
        !self.duplicates.is_empty()
    }

    /// The first step at which two rows share a key, of those at which `looks` holds.
    pub(super) fn duplicate(&self, looks: impl Fn(usize) -> bool) -> Option<usize> {
        self.duplicates.iter().enumerate().find(|(step, told)| told.is_some() && looks(*step)).map(|(step, _)| step)
    }

    /// The error of the two rows that share a key at a step.
    pub(super) fn duplicate_error(&self, step: usize, side: &str) -> Error {
        let Some(Some(told)) = self.duplicates.get(step) else {
            return Error::internal("expected two series of a key");
        };
        let labels = |place| self.row(place).map_or(&[][..], |(labels, _)| labels);
        faults::duplicate(side, self.keys.get(told.group), labels(told.first), labels(told.second))
    }
}
