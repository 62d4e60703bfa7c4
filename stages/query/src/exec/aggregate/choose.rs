//! `ChooseExec`: `topk`, `bottomk`, `limitk` and `limit_ratio`, which choose some of the series of each group anew at each
//! step.
//!
//! Shape: an instant vector in, one of as many rows at most out, each with values at those steps where it was chosen. At one
//! step only, the rows of each group come in the order in which they were chosen: of `topk` the greatest first.
//!
//! Errors: those of Prometheus, of a parameter that is no number of series.
//!
//! Source: `rangeEvalAgg` and `aggregationK` of Prometheus' `promql/engine.go`.

use std::fmt;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use futures_util::{StreamExt, stream};
use weir_pipeline::Error;

use super::grouping::Grouping;
use super::kept::{Kept, KeptGroup, KeptRow, Vectors};
use crate::annotations::{Note, Notes, Place};
use crate::exec::context::to_datafusion;
use crate::exec::pace::Pace;
use crate::exec::params::{Param, Params};
use crate::exec::steps::{VectorBuilder, batch_rows};
use crate::exec::{Batches, Operator, Partition, Task, transform};
use crate::functions::aggregate::parameter::{self, Parameters};
use crate::functions::aggregate::{Best, Top, limit_ratio};
use crate::syntax::ast::Span;

/// How is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Choice {
    /// `topk`, `bottomk`
    Top(Best),
    /// `limitk`
    First,
    /// `limit_ratio`
    Ratio,
}

/// How is chosen, and how many.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choose {
    /// How.
    pub(crate) choice: Choice,
    /// Which rows belong together.
    pub(crate) grouping: Grouping,
    /// How many of each group.
    pub(crate) param: [Param; 1],
    /// How many steps there are.
    pub(crate) steps: usize,
    /// Where the aggregation stands in the query.
    pub(crate) span: Span,
    /// Where its parameter stands in the query.
    pub(crate) param_place: Place,
}

/// What is chosen, once it is.
struct Chosen {
    kept: Kept,
    /// Row by row whether it is chosen at each step.
    marks: Vec<bool>,
    /// The rows in the order in which they come.
    order: Vec<usize>,
    steps: usize,
    schema: SchemaRef,
    /// Holds what is reserved as long as there are rows.
    _task: Task,
}

// === impl Choose ===

impl fmt::Display for Choose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.choice {
            Choice::Top(best) => best.name(),
            Choice::First => "limitk",
            Choice::Ratio => "limit_ratio",
        };
        let [param] = &self.param;
        write!(f, "{name}{} {param}", self.grouping)
    }
}

impl Operator for Choose {
    const NAME: &'static str = "ChooseExec";

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn params(&self) -> &[Param] {
        &self.param
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        self.check(&task)?;
        let spec = self.clone();
        Ok(transform::opened(async move {
            let chosen = spec.choose(input, task).await?;
            Ok(stream::try_unfold((chosen, 0), |(chosen, from)| async move {
                let to = from + batch_rows(chosen.steps);
                Ok(chosen.batch(from, to)?.map(|batch| (batch, (chosen, to))))
            })
            .boxed())
        }))
    }
}

impl Choose {
    fn check(&self, task: &Task) -> Result<()> {
        let steps = if task.params.are_constant() { 1 } else { self.steps };
        let parameters = Parameters::of((0..steps).map(|step| task.params.get(0, step)));
        let mut notes = Notes::default();
        let checked = match self.choice {
            Choice::Top(_) | Choice::First => parameters.check_counts(),
            Choice::Ratio => parameters.check_ratios(&mut notes),
        };
        checked.map_err(|text| to_datafusion(Error::unprocessable(text)))?;
        task.query.annotate(|all| notes.drain().for_each(|note| all.add(&note, "", self.param_place)));
        Ok(())
    }

    async fn choose(&self, input: SendableRecordBatchStream, task: Task) -> Result<Chosen> {
        let kept = Kept::read(input, &self.grouping, &task).await?;
        task.memory.try_grow(kept.rows.len() * (self.steps + size_of::<usize>()))?;
        let mut marks = vec![false; kept.rows.len() * self.steps];
        let mut order = Vec::with_capacity(kept.rows.len());
        let mut ignored = false;
        {
            let (vectors, mut pace) = (kept.vectors()?, Pace::new());
            for group in &kept.groups {
                let mut choosing = Choosing::new(self, &kept, group, &vectors);
                for step in 0..self.steps {
                    pace.rest().await;
                    choosing.step(step, &task.params);
                    for &row in &choosing.chosen {
                        if let Some(mark) = marks.get_mut(row * self.steps + step) {
                            *mark = true;
                        }
                    }
                }
                ignored |= choosing.ignored;
                order.extend(if self.steps == 1 { &choosing.chosen } else { &group.rows });
            }
        }
        if let (true, Choice::Top(best)) = (ignored, self.choice) {
            let note = Note::HistogramIgnoredInAggregation(best.name());
            task.query.annotate(|notes| notes.add(&note, "", self.span));
        }
        Ok(Chosen { kept, marks, order, steps: self.steps, schema: task.schema.clone(), _task: task })
    }
}

/// Chooses of one group.
struct Choosing<'a> {
    choice: Choice,
    rows: Vec<(usize, &'a KeptRow)>,
    vectors: &'a Vectors<'a>,
    /// Of `limit_ratio`, where each row is.
    offsets: Vec<f64>,
    /// What was chosen at the last step, in order.
    chosen: Vec<usize>,
    /// Whether there was a histogram where there should be none.
    ignored: bool,
}

// === impl Choosing ===

impl<'a> Choosing<'a> {
    fn new(spec: &Choose, kept: &'a Kept, group: &KeptGroup, vectors: &'a Vectors<'a>) -> Self {
        let rows: Vec<_> = group.rows.iter().filter_map(|&row| Some((row, kept.rows.get(row)?))).collect();
        let offset = |(_, row): &(usize, &KeptRow)| limit_ratio::offset(vectors.labels(row));
        let offsets = if spec.choice == Choice::Ratio { rows.iter().map(offset).collect() } else { Vec::new() };
        Self { choice: spec.choice, rows, vectors, offsets, chosen: Vec::new(), ignored: false }
    }

    /// Chooses at a step.
    fn step(&mut self, step: usize, params: &Params) {
        self.chosen.clear();
        let param = params.get(0, step);
        let has = |row: &KeptRow| self.vectors.get(row, step).is_some() || row.has_histogram(step);
        match self.choice {
            Choice::Top(best) => self.top(best, parameter::count(param), step),
            Choice::First => {
                let present = self.rows.iter().filter(|(_, row)| has(row)).map(|(i, _)| *i);
                self.chosen.extend(present.take(parameter::count(param)));
            }
            Choice::Ratio => {
                let Some(ratio) = parameter::ratio(param) else { return };
                let within = self.rows.iter().zip(&self.offsets).filter(|(_, at)| limit_ratio::keeps(ratio, **at));
                self.chosen.extend(within.filter(|((_, row), _)| has(row)).map(|((i, _), _)| *i));
            }
        }
    }

    fn top(&mut self, best: Best, k: usize, step: usize) {
        if k == 0 {
            return;
        }
        let mut top = Top::new(best, k);
        for (i, row) in &self.rows {
            match self.vectors.get(row, step) {
                Some(value) => {
                    top.push(value, *i);
                }
                None => self.ignored |= row.has_histogram(step),
            }
        }
        self.chosen.extend(top.into_sorted().into_iter().map(|(_, row)| row));
    }
}

// === impl Chosen ===

impl Chosen {
    /// A batch of those rows that come at places `from..to`; `None` where there are no more.
    fn batch(&self, from: usize, to: usize) -> Result<Option<RecordBatch>> {
        let rows = self.order.get(from..to.min(self.order.len())).unwrap_or_default();
        if rows.is_empty() {
            return Ok(None);
        }
        let vectors = self.kept.vectors()?;
        let mut out = VectorBuilder::new(self.steps, rows.len());
        for &i in rows {
            let marks = self.marks.get(i * self.steps..(i + 1) * self.steps).unwrap_or_default();
            let Some(row) = self.kept.rows.get(i) else { continue };
            let Some(steps) = vectors.steps(row) else { continue };
            let (labels, drops) = (vectors.labels(row).encoded(), vectors.drop_name(row));
            if steps.has_histograms() {
                let values = steps.values()?.into_iter().zip(marks);
                out.push_values(labels, drops, values.map(|(value, chosen)| value.filter(|_| *chosen)));
            } else {
                out.push(labels, drops, steps.iter().zip(marks).map(|(value, chosen)| value.filter(|_| *chosen)));
            }
        }
        out.finish(self.schema.clone()).map(Some)
    }
}
