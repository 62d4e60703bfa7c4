//! `QuantileExec`: `quantile(φ, v)` over the series of each group, at each step. Histograms go with a note.
//!
//! Shape: an instant vector in, one with a row for each group out.
//!
//! Source: `rangeEvalAgg` and `aggregation` of Prometheus' `promql/engine.go`.

use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use futures_util::{StreamExt, stream};

use super::grouping::Grouping;
use super::kept::{Kept, KeptRow};
use crate::annotations::{Note, Notes, Place};
use crate::exec::pace::Pace;
use crate::exec::params::Param;
use crate::exec::steps::{VectorBuilder, batch_rows};
use crate::exec::{Batches, Operator, Partition, Task, transform};
use crate::functions::aggregate::parameter::Parameters;
use crate::functions::aggregate::quantile::{NAME, quantile};
use crate::syntax::ast::Span;

/// Which quantile, of which rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantile {
    /// Which rows belong together.
    pub(crate) grouping: Grouping,
    /// The quantile.
    pub(crate) param: [Param; 1],
    /// How many steps there are.
    pub(crate) steps: usize,
    /// Where the argument stands in the query.
    pub(crate) span: Span,
    /// Where the quantile stands in the query.
    pub(crate) param_place: Place,
}

struct Evaluating {
    spec: Quantile,
    kept: Kept,
    task: Task,
    next: usize,
}

// === impl Quantile ===

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [param] = &self.param;
        write!(f, "{param}{}", self.grouping)
    }
}

impl Operator for Quantile {
    const NAME: &'static str = "QuantileExec";

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn params(&self) -> &[Param] {
        &self.param
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        let steps = if task.params.are_constant() { 1 } else { self.steps };
        let mut notes = Notes::default();
        Parameters::of((0..steps).map(|step| task.params.get(0, step))).check_quantiles(&mut notes);
        task.query.annotate(|all| notes.drain().for_each(|note| all.add(&note, "", self.param_place)));
        let spec = self.clone();
        Ok(transform::opened(async move {
            let kept = Kept::read(input, &spec.grouping, &task).await?;
            let evaluating = Evaluating { spec, kept, task, next: 0 };
            Ok(stream::try_unfold(evaluating, |mut evaluating| async move {
                Ok(evaluating.batch().await?.map(|batch| (batch, evaluating)))
            })
            .boxed())
        }))
    }
}

// === impl Evaluating ===

impl Evaluating {
    /// A batch of the groups that come next.
    async fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let to = (self.next + batch_rows(self.spec.steps)).min(self.kept.groups.len());
        let groups = self.kept.groups.get(self.next..to).unwrap_or_default();
        if groups.is_empty() {
            return Ok(None);
        }
        self.next = to;
        let (vectors, mut pace, mut values) = (self.kept.vectors()?, Pace::new(), Vec::new());
        let mut out = VectorBuilder::new(self.spec.steps, groups.len());
        for group in groups {
            let rows: Vec<&KeptRow> = group.rows.iter().filter_map(|row| self.kept.rows.get(*row)).collect();
            let (mut drops, mut ignored) = (false, false);
            for step in 0..self.spec.steps {
                pace.rest().await;
                values.clear();
                let mut drops_here = false;
                for row in &rows {
                    match vectors.get(row, step) {
                        Some(value) => {
                            values.push(value);
                            drops_here |= vectors.drop_name(row);
                        }
                        None => ignored |= row.has_histogram(step),
                    }
                }
                let result = (!values.is_empty()).then(|| quantile(self.task.params.get(0, step), &mut values));
                // The name goes where it went at the last step that has a result, as in Prometheus.
                drops = if result.is_some() { drops_here } else { drops };
                out.row().put(result);
            }
            out.end_row(&group.labels, drops);
            if ignored {
                let note = Note::HistogramIgnoredInAggregation(NAME);
                self.task.query.annotate(|notes| notes.add(&note, "", self.spec.span));
            }
        }
        out.finish(self.task.schema.clone()).map(Some)
    }
}
