//! `CountValuesExec`: `count_values("label", v)`: how many series of a group have each value, which a label says.
//!
//! Shape: an instant vector in, one with a row for each group and value out.
//!
//! Source: `aggregationCountValues` of Prometheus' `promql/engine.go`.

use std::collections::HashMap;
use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::labels::METRIC;
use weir_pipeline::{Labels, Value};

use super::grouping::Grouping;
use crate::exec::steps::{StepRow, VectorBatch, VectorBuilder, batch_rows};
use crate::exec::transform::{self, Transform};
use crate::exec::{Batches, Operator, Partition, Task};
use crate::functions::aggregate::count_values::label_value;

/// What a group takes in memory beside its labels and counts.
const OVERHEAD: usize = 160;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CountValues {
    /// The label that says the value.
    pub(crate) label: String,
    /// Which rows belong together.
    pub(crate) grouping: Grouping,
    /// How many steps there are.
    pub(crate) steps: usize,
}

struct Counting {
    spec: CountValues,
    task: Task,
    /// By the labels of a group, without the value.
    groups: HashMap<Box<[u8]>, usize>,
    /// By group and bits of a float: values come again and again.
    floats: HashMap<(usize, u64), usize>,
    /// By the labels of a result.
    index: HashMap<Box<[u8]>, usize>,
    counts: Vec<Vec<f64>>,
    labels: Vec<u8>,
    ready: Option<std::vec::IntoIter<(Box<[u8]>, usize)>>,
}

// === impl CountValues ===

impl fmt::Display for CountValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.label, self.grouping)
    }
}

impl Operator for CountValues {
    const NAME: &'static str = "CountValuesExec";

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        let (groups, floats, index) = (HashMap::new(), HashMap::new(), HashMap::new());
        let (spec, counts, labels, ready) = (self.clone(), Vec::new(), Vec::new(), None);
        Ok(transform::run(input, Counting { spec, task, groups, floats, index, counts, labels, ready }))
    }
}

impl CountValues {
    /// Whether the label of the value makes groups, too.
    fn keeps_value(&self) -> bool {
        let Grouping { without, labels } = &self.grouping;
        !without || self.label != METRIC && !labels.contains(&self.label)
    }
}

// === impl Counting ===

impl Counting {
    fn add(&mut self, labels: &[u8], row: StepRow<'_>) -> Result<()> {
        self.spec.grouping.labels_of(Labels::from_canonical(labels), &mut self.labels);
        let group = match self.groups.get(self.labels.as_slice()) {
            Some(group) => *group,
            None => {
                self.task.memory.try_grow(self.labels.len() + OVERHEAD)?;
                let group = self.groups.len();
                self.groups.insert(self.labels.as_slice().into(), group);
                group
            }
        };
        for (step, value) in row.iter().enumerate() {
            let Some(value) = value else { continue };
            let at = (group, value.to_bits());
            let result = match self.floats.get(&at) {
                Some(result) => *result,
                None => {
                    let result = self.result(&Value::Float(value))?;
                    self.task.memory.try_grow(64)?;
                    self.floats.insert(at, result);
                    result
                }
            };
            self.count(result, step);
        }
        for (step, histogram) in row.histograms()? {
            let result = self.result(&Value::Histogram(histogram))?;
            self.count(result, step);
        }
        Ok(())
    }

    /// The result for a value of the group whose labels are at hand.
    fn result(&mut self, value: &Value) -> Result<usize> {
        let mut labels = Vec::new();
        if self.spec.keeps_value() {
            let mut builder = Labels::from_canonical(&self.labels).to_builder();
            builder.set(self.spec.label.as_str(), label_value(value)).encode_into(&mut labels);
        } else {
            labels.extend_from_slice(&self.labels);
        }
        if let Some(result) = self.index.get(labels.as_slice()) {
            return Ok(*result);
        }
        self.task.memory.try_grow(labels.len() + self.spec.steps * 8 + OVERHEAD)?;
        self.index.insert(labels.into(), self.counts.len());
        self.counts.push(vec![0.0; self.spec.steps]);
        Ok(self.counts.len() - 1)
    }

    fn count(&mut self, result: usize, step: usize) {
        if let Some(count) = self.counts.get_mut(result).and_then(|counts| counts.get_mut(step)) {
            *count += 1.0;
        }
    }
}

impl Transform for Counting {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let vector = VectorBatch::try_new(&batch)?;
        (0..batch.num_rows()).try_for_each(|row| self.add(vector.labels(row), vector.steps.row(row)))
    }

    fn finish(&mut self) -> Result<()> {
        (self.groups, self.floats) = (HashMap::new(), HashMap::new());
        let mut results: Vec<_> = std::mem::take(&mut self.index).into_iter().collect();
        results.sort_unstable_by_key(|(_, result)| *result);
        self.ready = Some(results.into_iter());
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        let Some(ready) = &mut self.ready else { return Ok(None) };
        let results: Vec<_> = ready.take(batch_rows(self.spec.steps)).collect();
        if results.is_empty() {
            return Ok(None);
        }
        let mut out = VectorBuilder::new(self.spec.steps, results.len());
        for (labels, result) in results {
            let counts = self.counts.get_mut(result).map(std::mem::take).unwrap_or_default();
            out.push(&labels, false, counts.into_iter().map(|count| (count > 0.0).then_some(count)));
        }
        out.finish(self.task.schema.clone()).map(Some)
    }
}
