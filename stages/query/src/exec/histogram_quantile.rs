//! `HistogramQuantileExec`: `histogram_quantile(φ, buckets)` over classic histograms.
//!
//! Shape: an instant vector of buckets in, an instant vector of quantiles out, a row for each label set without `le`.
//!
//! Source: `funcHistogramQuantile` of Prometheus' `promql/functions.go`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{BinaryBuilder, BooleanArray};
use arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_binary_array;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::Labels;
use weir_pipeline::labels::encode_label;

use super::steps::{LABELS, STEPS, StepColumn, Steps, StepsBuilder, batch_rows, column};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};
use crate::annotations::{Forced, Note};
use crate::functions::quantile::{Bucket, bucket_quantile};
use crate::syntax::ast::Span;

/// The quantiles, and where the arguments stand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HistogramQuantile {
    /// One for all steps, or one for each.
    pub(crate) quantiles: Vec<f64>,
    /// The steps.
    pub(crate) steps: Steps,
    /// Where the quantile stands in the query.
    pub(crate) quantile_span: Span,
    /// Where the buckets stand in the query.
    pub(crate) span: Span,
}

/// One histogram: its labels and where its buckets are.
struct Histogram {
    labels: Box<[u8]>,
    buckets: Vec<(f64, usize, usize)>,
}

struct Collecting {
    spec: HistogramQuantile,
    task: Task,
    batches: Vec<RecordBatch>,
    index: HashMap<Box<[u8]>, usize>,
    histograms: Vec<Histogram>,
    ready: Option<std::vec::IntoIter<Histogram>>,
}

// === impl HistogramQuantile ===

impl fmt::Display for HistogramQuantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quantiles.as_slice() {
            [quantile] => write!(f, "{quantile}"),
            _ => f.write_str("a quantile for each step"),
        }
    }
}

impl Operator for HistogramQuantile {
    const NAME: &'static str = "HistogramQuantileExec";

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        for &quantile in self.quantiles.iter().filter(|quantile| !(0.0..=1.0).contains(*quantile)) {
            task.query.annotate(|notes| notes.add(&Note::InvalidQuantile(quantile), "", self.quantile_span));
        }
        let (batches, index, histograms) = (Vec::new(), HashMap::new(), Vec::new());
        let spec = self.clone();
        Ok(transform::run(input, Collecting { spec, task, batches, index, histograms, ready: None }))
    }
}

impl HistogramQuantile {
    fn quantile(&self, step: usize) -> f64 {
        self.quantiles.get(step).or(self.quantiles.first()).copied().unwrap_or(f64::NAN)
    }
}

// === impl Collecting ===

impl Transform for Collecting {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.task.memory.try_grow(batch.get_array_memory_size())?;
        let labels = as_binary_array(column(&batch, LABELS)?)?;
        let steps = StepColumn::of(&batch, STEPS)?;
        for row in (0..batch.num_rows()).filter(|&row| !steps.row(row).is_empty()) {
            self.add(Labels::from_canonical(labels.value(row)), row)?;
        }
        self.batches.push(batch);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.index.clear();
        self.ready = Some(std::mem::take(&mut self.histograms).into_iter());
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        let Some(ready) = &mut self.ready else { return Ok(None) };
        let steps = self.spec.steps.count;
        let histograms: Vec<_> = ready.take(batch_rows(steps)).collect();
        if histograms.is_empty() {
            return Ok(None);
        }
        let columns = self.batches.iter().map(|batch| StepColumn::of(batch, STEPS)).collect::<Result<Vec<_>>>()?;
        let (mut out, mut labels) = (StepsBuilder::new(steps, histograms.len()), BinaryBuilder::new());
        for histogram in histograms {
            if out.push((0..steps).map(|step| self.evaluate(&histogram, &columns, step))) {
                labels.append_value(&histogram.labels);
            }
        }
        let drop_name = BooleanArray::from(vec![true; out.rows()]);
        let columns = vec![Arc::new(labels.finish()) as _, Arc::new(drop_name) as _, Arc::new(out.finish()?) as _];
        Ok(Some(RecordBatch::try_new(self.task.schema.clone(), columns)?))
    }
}

impl Collecting {
    /// Takes in one bucket, a row of the batch that comes next.
    fn add(&mut self, labels: Labels<'_>, row: usize) -> Result<()> {
        let le = labels.get("le").unwrap_or_default();
        let Ok(bound) = le.parse::<f64>() else {
            let note = Note::BadBucketLabel(le.to_owned());
            self.task.query.annotate(|notes| notes.add(&note, labels.metric(), self.spec.span));
            return Ok(());
        };
        let mut own = Vec::new();
        for (name, value) in labels.iter().filter(|(name, _)| *name != "le") {
            encode_label(name, value, &mut own);
        }
        self.task.memory.try_grow(2 * own.len() + 96)?;
        let histogram = *self.index.entry(own.into()).or_insert_with_key(|labels| {
            self.histograms.push(Histogram { labels: labels.clone(), buckets: Vec::new() });
            self.histograms.len() - 1
        });
        if let Some(histogram) = self.histograms.get_mut(histogram) {
            histogram.buckets.push((bound, self.batches.len(), row));
        }
        Ok(())
    }

    fn evaluate(&self, histogram: &Histogram, columns: &[StepColumn<'_>], step: usize) -> Option<f64> {
        let bucket = |&(bound, batch, row): &(f64, usize, usize)| {
            Some(Bucket { bound, count: columns.get(batch)?.row(row).get(step)? })
        };
        let mut buckets: Vec<_> = histogram.buckets.iter().filter_map(bucket).collect();
        if buckets.is_empty() {
            return None;
        }
        let (quantile, forced) = bucket_quantile(self.spec.quantile(step), &mut buckets);
        if let Some((least, greatest, diff)) = forced {
            let time = self.spec.steps.time(step);
            let forced = Forced { times: (time, time), buckets: (least, greatest), diff, samples: 1 };
            let metric = Labels::from_canonical(&histogram.labels).metric();
            let note = Note::ForcedMonotonic(forced);
            self.task.query.annotate(|notes| notes.add(&note, metric, self.spec.span));
        }
        Some(quantile)
    }
}
