//! The second phase of an aggregation: the states of all partitions, and the results.

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use weir_pipeline::Value;

use super::Aggregate;
use super::exchange::States;
use super::table::{DROPS, FLOAT, HISTOGRAM, Page, Table};
use crate::annotations::Notes;
use crate::exec::Task;
use crate::exec::steps::VectorBuilder;
use crate::exec::transform::Transform;
use crate::functions::aggregate::{Accumulator, Fold};

/// Merges states.
pub(super) struct Whole<F: Fold> {
    spec: Aggregate,
    task: Task,
    table: Table<F>,
    notes: Notes,
    finished: bool,
}

// === impl Whole ===

impl<F: Fold> Whole<F> {
    /// Nothing yet.
    pub(super) fn new(spec: Aggregate, task: Task) -> Self {
        let table = Table::new(spec.steps);
        Self { spec, task, table, notes: Notes::default(), finished: false }
    }

    fn merge(&mut self, states: &States<'_>, row: usize) -> Result<()> {
        let memory = &self.task.memory;
        let (page, slot) = self.table.group(states.labels(row), states.key(row), memory)?;
        let (own, seen) = page.row_mut(slot);
        merge::<F>(own, seen, states.seen(row), &states.numbers(row));
        for (step, histograms, bytes) in states.histograms(row)? {
            page.merge_histograms((slot, step), histograms, bytes, memory)?;
        }
        Ok(())
    }

    /// The results of a page. The name goes where it went at the last step that has one, as in Prometheus.
    fn results(&mut self, page: &mut Page<F>) -> Result<RecordBatch> {
        let steps = self.spec.steps;
        let mut out = VectorBuilder::new(steps, page.keys.len());
        for slot in 0..page.keys.len() {
            let mut drops = false;
            for step in 0..steps {
                let (states, seen) = page.row(slot);
                let seen = seen.get(step).copied().unwrap_or_default();
                let value = match states.get(step) {
                    Some(state) if seen & HISTOGRAM == 0 => {
                        (seen & FLOAT != 0).then(|| Value::Float(F::result(*state)))
                    }
                    _ => self.with_histograms(page, slot, step),
                };
                if value.is_some() {
                    drops = seen & DROPS != 0;
                }
                out.row().put_value(value);
            }
            let labels = page.labels.get(slot).map_or(&[][..], |labels| labels);
            out.end_row(labels, drops);
        }
        out.finish(self.task.schema.clone())
    }

    fn with_histograms(&mut self, page: &mut Page<F>, slot: usize, step: usize) -> Option<Value> {
        let of_step = page.histograms.remove(&(slot, step))?;
        let all = Accumulator::<F> { float: page.float(slot, step), histograms: Some(of_step.histograms) };
        let value = all.result(&mut self.notes);
        for note in self.notes.drain() {
            self.task.query.annotate(|notes| notes.add(&note, &of_step.metric, self.spec.span));
        }
        value
    }
}

/// Takes in the states of another group, whose numbers are step by step for each number.
fn merge<F: Fold>(own: &mut [F::State], own_seen: &mut [u8], seen: &[u8], numbers: &[&[f64]]) {
    for (step, ((own, own_seen), seen)) in own.iter_mut().zip(own_seen).zip(seen).enumerate() {
        if seen & FLOAT != 0 {
            let other = F::load(|i| numbers.get(i).and_then(|numbers| numbers.get(step)).copied().unwrap_or_default());
            if *own_seen & FLOAT == 0 {
                *own = other;
            } else {
                F::merge(own, other);
            }
        }
        *own_seen |= seen;
    }
}

impl<F: Fold> Transform for Whole<F> {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let states = States::try_new(&batch, F::STATE, self.spec.steps)?;
        (0..batch.num_rows()).try_for_each(|row| self.merge(&states, row))
    }

    fn finish(&mut self) -> Result<()> {
        self.finished = true;
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        let page = if self.finished { self.table.take(&self.task.memory) } else { None };
        page.map(|mut page| self.results(&mut page)).transpose()
    }
}
