//! Rows that are kept until the last has come: what is chosen of a group depends on all of it.

use std::collections::HashMap;

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures_util::TryStreamExt;
use weir_pipeline::Labels;

use super::grouping::Grouping;
use crate::exec::Task;
use crate::exec::pace::Pace;
use crate::exec::steps::{StepRow, VectorBatch};

/// What a row or a group takes in memory beside what it has.
const OVERHEAD: usize = 96;

/// All rows of an instant vector, by groups.
pub(super) struct Kept {
    batches: Vec<RecordBatch>,
    /// In the order of their labels, as Prometheus has series.
    pub(super) rows: Vec<KeptRow>,
    /// In the order of their first rows.
    pub(super) groups: Vec<KeptGroup>,
}

/// Where a row is.
pub(super) struct KeptRow {
    batch: usize,
    row: usize,
    /// The steps at which it has histograms, in order.
    histograms: Vec<usize>,
}

/// Rows that belong together.
#[derive(Default)]
pub(super) struct KeptGroup {
    /// The canonical labels that they have in common.
    pub(super) labels: Box<[u8]>,
    /// Which rows, in order.
    pub(super) rows: Vec<usize>,
}

/// The rows at hand.
pub(super) struct Vectors<'a>(Vec<VectorBatch<'a>>);

// === impl Kept ===

impl Kept {
    /// Reads all rows. What they take is reserved in the memory of the task.
    pub(super) async fn read(mut input: SendableRecordBatchStream, grouping: &Grouping, task: &Task) -> Result<Self> {
        let (mut batches, mut rows, mut pace) = (Vec::new(), Vec::new(), Pace::new());
        while let Some(batch) = input.try_next().await? {
            pace.rest().await;
            task.memory.try_grow(batch.get_array_memory_size() + batch.num_rows() * OVERHEAD)?;
            let vector = VectorBatch::try_new(&batch)?;
            for row in 0..batch.num_rows() {
                let histograms = vector.steps.row(row).histograms()?.into_iter().map(|(step, _)| step).collect();
                rows.push(KeptRow { batch: batches.len(), row, histograms });
            }
            batches.push(batch);
        }
        let mut kept = Self { batches, rows: Vec::new(), groups: Vec::new() };
        let vectors = kept.vectors()?;
        rows.sort_by(|a, b| vectors.labels(a).compare(vectors.labels(b)));
        let groups = group(&rows, &vectors, grouping, task)?;
        (kept.rows, kept.groups) = (rows, groups);
        Ok(kept)
    }

    /// The rows at hand.
    pub(super) fn vectors(&self) -> Result<Vectors<'_>> {
        self.batches.iter().map(VectorBatch::try_new).collect::<Result<_>>().map(Vectors)
    }
}

fn group(rows: &[KeptRow], vectors: &Vectors<'_>, grouping: &Grouping, task: &Task) -> Result<Vec<KeptGroup>> {
    let (mut index, mut groups, mut labels) = (HashMap::<Box<[u8]>, usize>::new(), Vec::<KeptGroup>::new(), Vec::new());
    for (i, row) in rows.iter().enumerate() {
        grouping.labels_of(vectors.labels(row), &mut labels);
        let group = match index.get(labels.as_slice()) {
            Some(group) => *group,
            None => {
                task.memory.try_grow(2 * labels.len() + OVERHEAD)?;
                index.insert(labels.as_slice().into(), groups.len());
                groups.push(KeptGroup { labels: labels.as_slice().into(), rows: Vec::new() });
                groups.len() - 1
            }
        };
        if let Some(group) = groups.get_mut(group) {
            group.rows.push(i);
        }
    }
    Ok(groups)
}

// === impl KeptRow ===

impl KeptRow {
    /// Whether there is a histogram at a step.
    pub(super) fn has_histogram(&self, step: usize) -> bool {
        !self.histograms.is_empty() && self.histograms.binary_search(&step).is_ok()
    }
}

// === impl Vectors ===

impl<'a> Vectors<'a> {
    /// The labels of a row.
    pub(super) fn labels(&self, row: &KeptRow) -> Labels<'a> {
        Labels::from_canonical(self.0.get(row.batch).map_or(&[], |vector| vector.labels(row.row)))
    }

    /// Whether the metric's name of a row goes at the end.
    pub(super) fn drop_name(&self, row: &KeptRow) -> bool {
        self.0.get(row.batch).is_some_and(|vector| vector.drop_name(row.row))
    }

    /// The step vector of a row.
    pub(super) fn steps(&self, row: &KeptRow) -> Option<StepRow<'a>> {
        self.0.get(row.batch).map(|vector| vector.steps.row(row.row))
    }

    /// The number that a row has at a step.
    pub(super) fn get(&self, row: &KeptRow, step: usize) -> Option<f64> {
        self.steps(row)?.get(step)
    }
}
