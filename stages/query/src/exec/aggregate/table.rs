//! The states of all groups at all steps.
//!
//! They lie in pages of as many groups as a batch has, so that none is ever moved, and each page is freed once it is
//! sent. Native histograms, which are rare, stand beside them.

use std::collections::{BTreeMap, HashMap, VecDeque};

use arrow::array::{Array, Float64Array};
use datafusion::common::{Result, exec_err};
use datafusion::execution::memory_pool::MemoryReservation;
use weir_pipeline::{Labels, Value};

use crate::annotations::Notes;
use crate::exec::steps::batch_rows;
use crate::functions::aggregate::{Accumulator, Fold, Histograms, OfHistograms};
use crate::labels::key_of;

/// There is a state of floats.
pub(super) const FLOAT: u8 = 1;
/// There is a state of histograms.
pub(super) const HISTOGRAM: u8 = 2;
/// The metric's name goes: a row of which it goes has a value here.
pub(super) const DROPS: u8 = 4;

/// What a group takes in memory beside its labels and states.
const OVERHEAD: usize = 160;

/// The states of all groups.
pub(super) struct Table<F: Fold> {
    steps: usize,
    /// How many groups a page has.
    rows: usize,
    index: HashMap<[u8; 16], usize>,
    /// The group of the row before: many rows of one group may come one after the other.
    last: usize,
    pages: VecDeque<Page<F>>,
    /// What is reserved for the page that was taken last.
    taken: usize,
}

/// The states of some groups.
pub(super) struct Page<F: Fold> {
    steps: usize,
    /// The key of each group.
    pub(super) keys: Vec<[u8; 16]>,
    /// The canonical labels of each group.
    pub(super) labels: Vec<Box<[u8]>>,
    /// Group by group the state of each step.
    pub(super) states: Vec<F::State>,
    /// As long as `states`: what there is, [`FLOAT`], [`HISTOGRAM`], [`DROPS`].
    pub(super) seen: Vec<u8>,
    /// By group and step.
    pub(super) histograms: BTreeMap<(usize, usize), OfStep>,
    /// For how many groups there is room.
    room: usize,
    /// What is reserved.
    bytes: usize,
}

/// What there is of the histograms of a group at a step.
#[derive(Debug)]
pub(super) struct OfStep {
    /// Their sum or mean.
    pub(super) histograms: Box<Histograms>,
    /// The metric of the one that came last, of those that go together.
    pub(super) metric: Box<str>,
    /// What is reserved.
    pub(super) bytes: usize,
}

// === impl Table ===

impl<F: Fold> Table<F> {
    /// No groups.
    pub(super) fn new(steps: usize) -> Self {
        let (index, pages) = (HashMap::new(), VecDeque::new());
        Self { steps, rows: batch_rows(steps), index, last: 0, pages, taken: 0 }
    }

    /// The group that has these labels: its page, and which of the page it is.
    ///
    /// # Errors
    /// Another group has the same key, or there is no memory for a new one.
    pub(super) fn group(
        &mut self,
        labels: &[u8],
        key: Option<[u8; 16]>,
        memory: &MemoryReservation,
    ) -> Result<(&mut Page<F>, usize)> {
        if self.labels(self.last) != Some(labels) {
            self.last = self.find(labels, key.unwrap_or_else(|| key_of(labels)), memory)?;
        }
        let slot = self.last % self.rows;
        match self.pages.get_mut(self.last / self.rows) {
            Some(page) => Ok((page, slot)),
            None => exec_err!("expected a group"),
        }
    }

    fn labels(&self, group: usize) -> Option<&[u8]> {
        self.pages.get(group / self.rows)?.labels.get(group % self.rows).map(|labels| &**labels)
    }

    fn find(&mut self, labels: &[u8], key: [u8; 16], memory: &MemoryReservation) -> Result<usize> {
        if let Some(&group) = self.index.get(&key) {
            let own = self.labels(group).unwrap_or_default();
            if own != labels {
                let (one, other) = (Labels::from_canonical(own), Labels::from_canonical(labels));
                return exec_err!("the groups {one} and {other} have the same key");
            }
            return Ok(group);
        }
        let group = self.index.len();
        if group.is_multiple_of(self.rows) {
            self.pages.push_back(Page::new(self.steps));
        }
        if let Some(page) = self.pages.back_mut() {
            page.push(key, labels, self.rows, memory)?;
        }
        self.index.insert(key, group);
        Ok(group)
    }

    /// Takes the next page out, once there are no more rows. Frees what the one before took: by then it was sent.
    pub(super) fn take(&mut self, memory: &MemoryReservation) -> Option<Page<F>> {
        self.index = HashMap::new();
        memory.shrink(std::mem::take(&mut self.taken));
        let page = self.pages.pop_front()?;
        self.taken = page.bytes;
        Some(page)
    }
}

// === impl Page ===

impl<F: Fold> Page<F> {
    fn new(steps: usize) -> Self {
        let (keys, labels, states, seen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { steps, keys, labels, states, seen, histograms: BTreeMap::new(), room: 0, bytes: 0 }
    }

    /// Adds a group. A page has `most` of them.
    fn push(&mut self, key: [u8; 16], labels: &[u8], most: usize, memory: &MemoryReservation) -> Result<()> {
        self.reserve(labels.len() + OVERHEAD, memory)?;
        let groups = self.keys.len() + 1;
        if groups > self.room {
            let room = (2 * self.room).clamp(1, most.max(groups));
            let bytes = (size_of::<F::State>() + 1) * self.steps;
            // Until all is moved, there are both.
            self.reserve(bytes * room, memory)?;
            self.states.reserve_exact(room * self.steps - self.states.len());
            self.seen.reserve_exact(room * self.steps - self.seen.len());
            self.bytes -= bytes * self.room;
            memory.shrink(bytes * self.room);
            self.room = room;
        }
        self.keys.push(key);
        self.labels.push(labels.into());
        self.states.resize(groups * self.steps, F::State::default());
        self.seen.resize(groups * self.steps, 0);
        Ok(())
    }

    fn reserve(&mut self, bytes: usize, memory: &MemoryReservation) -> Result<()> {
        memory.try_grow(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// The states of a group, and what there is at each step.
    pub(super) fn row(&self, slot: usize) -> (&[F::State], &[u8]) {
        let range = slot * self.steps..(slot + 1) * self.steps;
        (self.states.get(range.clone()).unwrap_or_default(), self.seen.get(range).unwrap_or_default())
    }

    /// Likewise, to be changed.
    pub(super) fn row_mut(&mut self, slot: usize) -> (&mut [F::State], &mut [u8]) {
        let range = slot * self.steps..(slot + 1) * self.steps;
        (self.states.get_mut(range.clone()).unwrap_or_default(), self.seen.get_mut(range).unwrap_or_default())
    }

    /// Takes in row `row` of a column of floats.
    pub(super) fn add_floats(&mut self, slot: usize, floats: &Float64Array, row: usize, drops: bool) {
        let (offset, steps) = (row * self.steps, self.steps);
        let values = floats.values().get(offset..offset + steps).unwrap_or_default();
        let mark = FLOAT | if drops { DROPS } else { 0 };
        let (states, seen) = self.row_mut(slot);
        let nulls = floats.nulls().map(|nulls| nulls.slice(offset, values.len()));
        let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else {
            return add::<F>(states, seen, values, mark);
        };
        for (from, to) in nulls.valid_slices() {
            if let (Some(states), Some(seen), Some(values)) =
                (states.get_mut(from..to), seen.get_mut(from..to), values.get(from..to))
            {
                add::<F>(states, seen, values, mark);
            }
        }
    }

    /// Takes in a histogram of a series of `metric`.
    pub(super) fn add_histogram(
        &mut self,
        at: (usize, usize),
        value: (&Value, &str),
        drops: bool,
        notes: &mut Notes,
        memory: &MemoryReservation,
    ) -> Result<()> {
        let (value, metric) = value;
        let bytes = match value {
            Value::Histogram(histogram) => histogram.byte_size(),
            Value::Float(_) => 0,
        };
        self.change(at, (bytes, metric), drops, memory, |all| all.add(value, notes))
    }

    /// Takes in histograms that were added up before, and are encoded in so many bytes.
    pub(super) fn merge_histograms(
        &mut self,
        at: (usize, usize),
        other: OfStep,
        bytes: usize,
        memory: &MemoryReservation,
    ) -> Result<()> {
        let OfStep { histograms, metric, .. } = other;
        let other = Accumulator { float: None, histograms: Some(histograms) };
        self.change(at, (bytes, &metric), false, memory, |all| all.merge(other))
    }

    /// Changes what there is of a group at a step by a histogram of so many bytes, of a series of `metric`.
    fn change(
        &mut self,
        (slot, step): (usize, usize),
        (bytes, metric): (usize, &str),
        drops: bool,
        memory: &MemoryReservation,
        change: impl FnOnce(&mut Accumulator<F>),
    ) -> Result<()> {
        let own = self.histograms.remove(&(slot, step));
        // The sum, and what is to be added to it at the end.
        let added_up = matches!(F::HISTOGRAMS, OfHistograms::Summed | OfHistograms::Averaged);
        let (before, after) = (own.as_ref().map_or(0, |own| own.bytes), 2 * bytes + OVERHEAD);
        if added_up && after > before {
            self.reserve(after - before, memory)?;
        }
        let (histograms, last) = own.map(|own| (own.histograms, own.metric)).unzip();
        let fitted = histograms.as_ref().is_none_or(|histograms| !histograms.is_incompatible());
        let mut all = Accumulator { float: self.float(slot, step), histograms };
        change(&mut all);
        let (states, seen) = self.row_mut(slot);
        let (Some(state), Some(seen)) = (states.get_mut(step), seen.get_mut(step)) else { return Ok(()) };
        if let Some(float) = all.float {
            *state = float;
            *seen |= FLOAT;
        }
        if all.histograms.is_some() {
            *seen |= HISTOGRAM;
        }
        // Ignored, and the first, it says nothing of the name either.
        *seen |= if drops && *seen != 0 { DROPS } else { 0 };
        if let Some(histograms) = all.histograms {
            let metric = last.filter(|_| !fitted).unwrap_or_else(|| metric.into());
            self.histograms.insert((slot, step), OfStep { histograms, metric, bytes: after.max(before) });
        }
        Ok(())
    }

    /// The state of floats of a group at a step.
    pub(super) fn float(&self, slot: usize, step: usize) -> Option<F::State> {
        let (states, seen) = self.row(slot);
        seen.get(step).filter(|seen| **seen & FLOAT != 0).and(states.get(step)).copied()
    }
}

/// Takes in a value at each of some steps.
fn add<F: Fold>(states: &mut [F::State], seen: &mut [u8], values: &[f64], mark: u8) {
    for ((state, seen), value) in states.iter_mut().zip(seen).zip(values) {
        if *seen & FLOAT == 0 {
            *state = F::of(*value);
        } else {
            F::add(state, *value);
        }
        *seen |= mark;
    }
}
