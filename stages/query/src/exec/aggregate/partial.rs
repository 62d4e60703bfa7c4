//! The first phase of an aggregation: the rows of one partition.

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use weir_pipeline::{Labels, Value};

use super::table::Table;
use super::{Aggregate, exchange};
use crate::annotations::Notes;
use crate::exec::Task;
use crate::exec::steps::VectorBatch;
use crate::exec::transform::Transform;
use crate::functions::aggregate::Fold;

/// Folds rows.
pub(super) struct Partial<F: Fold> {
    spec: Aggregate,
    task: Task,
    table: Table<F>,
    notes: Notes,
    labels: Vec<u8>,
    finished: bool,
}

// === impl Partial ===

impl<F: Fold> Partial<F> {
    /// Nothing yet.
    pub(super) fn new(spec: Aggregate, task: Task) -> Self {
        let table = Table::new(spec.steps);
        Self { spec, task, table, notes: Notes::default(), labels: Vec::new(), finished: false }
    }

    fn add(&mut self, vector: &VectorBatch<'_>, row: usize) -> Result<()> {
        let labels = Labels::from_canonical(vector.labels(row));
        self.spec.grouping.labels_of(labels, &mut self.labels);
        let (page, slot) = self.table.group(&self.labels, None, &self.task.memory)?;
        let drops = vector.drop_name(row);
        page.add_floats(slot, vector.steps.floats(), row, drops);
        let steps = vector.steps.row(row);
        if steps.has_histograms() {
            for (step, histogram) in steps.histograms()? {
                let value = Value::Histogram(histogram);
                let value = (&value, labels.metric());
                page.add_histogram((slot, step), value, drops, &mut self.notes, &self.task.memory)?;
            }
        }
        Ok(())
    }
}

impl<F: Fold> Transform for Partial<F> {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let vector = VectorBatch::try_new(&batch)?;
        (0..batch.num_rows()).try_for_each(|row| self.add(&vector, row))?;
        if !self.notes.is_empty() {
            let (span, new) = (self.spec.span, &mut self.notes);
            self.task.query.annotate(|notes| new.drain().for_each(|note| notes.add(&note, "", span)));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.finished = true;
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        let page = if self.finished { self.table.take(&self.task.memory) } else { None };
        page.map(|page| exchange::write(page, self.spec.steps, self.task.schema.clone())).transpose()
    }
}
