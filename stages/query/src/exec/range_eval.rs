//! `RangeEvalExec`: from samples to step vectors. At each step a stateless function sees the window that ends there.
//!
//! Shape: samples in, an instant vector out. A series without a value at any step is left out. Windows are open on the
//! left and closed on the right; both of their ends only move forward, so each sample is passed twice.

use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::{Error, Labels, Value, is_stale};

use super::context::to_datafusion;
use super::counts::{Counted, Scope, of_value, of_window};
use super::params::Param;
use super::samples::{Row, Samples};
use super::steps::{Steps, VectorBuilder, batch_rows};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};
use crate::annotations::{Notes, Place};
use crate::functions::range::{self, RangeFunction};
use crate::syntax::ast::Extension;
use weir_promql::histogram::drop_buckets;

mod series;
mod whole;

use series::Series;
use whole::Whole;

/// What is evaluated, and when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RangeEval {
    /// The function, by its name.
    pub(crate) function: String,
    /// The numbers among its arguments.
    pub(crate) args: Vec<Param>,
    /// The length of the window, in milliseconds.
    pub(crate) range: i64,
    /// When.
    pub(crate) steps: Steps,
    /// How far back the windows are moved, in milliseconds.
    pub(crate) offset: i64,
    /// The time of `@`, where all steps see the same window.
    pub(crate) at: Option<i64>,
    /// What follows the selector, and how far it reaches beyond the window, in milliseconds.
    pub(crate) extension: Option<(Extension, i64)>,
    /// Whether only the count and the sum of histograms are wanted.
    pub(crate) stats: bool,
    /// Where the function's first argument stands in the query.
    pub(crate) place: Place,
    /// What counts in statistics, and for which steps.
    pub(crate) counted: (Scope, Counted),
}

struct Evaluating {
    eval: RangeEval,
    function: &'static RangeFunction,
    /// For series of floats, where nothing asks for more.
    whole: Option<Whole>,
    task: Task,
    input: Option<(RecordBatch, usize)>,
    notes: Notes,
    args: Vec<f64>,
    /// How many samples the last window had, and how many of them the one before had not; only where somebody asks.
    seen: (u64, u64),
}

// === impl RangeEval ===

impl RangeEval {
    /// The times of the samples that windows need: after the first, up to the last.
    pub(crate) fn reach(&self) -> (i64, i64) {
        let (first, last) = self.at.map_or((self.steps.start, self.steps.end()), |at| (at, at));
        let (before, after) = self.beyond();
        let start = first.saturating_sub(self.offset).saturating_sub(self.range).saturating_sub(before);
        (start, last.saturating_sub(self.offset).saturating_add(after))
    }

    /// How far samples outside the window may be before and after it.
    fn beyond(&self) -> (i64, i64) {
        match self.extension {
            None => (0, 0),
            Some((Extension::Anchored, lookback)) => (lookback, 0),
            Some((Extension::Smoothed, lookback)) => (lookback, lookback),
        }
    }
}

impl fmt::Display for RangeEval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        for arg in &self.args {
            write!(f, " {arg}")?;
        }
        write!(f, " range={}ms {}", self.range, self.steps)?;
        if self.offset != 0 {
            write!(f, " offset={}ms", self.offset)?;
        }
        match self.extension {
            Some((Extension::Anchored, _)) => f.write_str(" anchored")?,
            Some((Extension::Smoothed, _)) => f.write_str(" smoothed")?,
            None => {}
        }
        if self.stats {
            f.write_str(" counts and sums")?;
        }
        self.at.map_or(Ok(()), |at| write!(f, " @{at}"))
    }
}

impl Operator for RangeEval {
    const NAME: &'static str = "RangeEvalExec";

    fn params(&self) -> &[Param] {
        &self.args
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(function) = range::find(&self.function) else {
            return exec_err!("there is no range function `{}`", self.function);
        };
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        let (eval, notes, args) = (self.clone(), Notes::default(), Vec::new());
        let plain =
            eval.args.is_empty() && eval.at.is_none() && eval.extension.is_none() && task.query.counts.is_none();
        let whole = if plain { Whole::new(function, eval.steps, eval.offset, eval.range) } else { None };
        Ok(transform::run(input, Evaluating { eval, function, whole, task, input: None, notes, args, seen: (0, 0) }))
    }
}

// === impl Evaluating ===

impl Transform for Evaluating {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.input = Some((batch, 0));
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        let Some((batch, next)) = self.input.take() else { return Ok(None) };
        let steps = self.eval.steps.count;
        let rows = batch_rows(steps).min(batch.num_rows() - next);
        self.task.memory.try_resize(rows * steps * 9 + batch.get_array_memory_size())?;
        let samples = Samples::try_new(&batch)?;
        let mut out = VectorBuilder::new(steps, rows);
        let mut row = next;
        while row < batch.num_rows() && out.rows() < rows {
            let drop_name = !self.function.keeps_name || samples.drop_name(row);
            let (labels, own) = (samples.labels(row), samples.row(row));
            let done = self.whole.as_mut().is_some_and(|whole| whole.evaluate(own, out.row()));
            if !done {
                self.evaluate(labels, own, &mut out)?;
            }
            if out.end_row(labels, drop_name) && done && self.function.for_counters {
                self.check_counter(labels);
            }
            row += 1;
        }
        let out = out.finish(self.task.schema.clone())?;
        if row < batch.num_rows() {
            self.input = Some((batch, row));
        } else {
            self.task.memory.free();
        }
        Ok(Some(out))
    }
}

impl Evaluating {
    /// Evaluates one series at all steps.
    fn evaluate(&mut self, labels: &[u8], row: Row<'_>, out: &mut VectorBuilder) -> Result<()> {
        let mut histograms = row.histograms()?;
        let sees_stale = self.function.sees_stale;
        if !sees_stale {
            histograms.retain(|point| !point.histogram.is_stale());
        }
        if self.eval.stats {
            drop_buckets(&mut histograms);
        }
        if sees_stale || !row.values.iter().any(|&value| is_stale(value)) {
            return self.windows(labels, &mut Series::new(row.timestamps, row.values, row.starts, &histograms), out);
        }
        let live = |i: &usize| row.values.get(*i).is_some_and(|value| !is_stale(*value));
        let live: Vec<usize> = (0..row.values.len()).filter(live).collect();
        let timestamps: Vec<i64> = live.iter().filter_map(|i| row.timestamps.get(*i).copied()).collect();
        let values: Vec<f64> = live.iter().filter_map(|i| row.values.get(*i).copied()).collect();
        let starts: Vec<i64> = live.iter().filter_map(|i| row.starts.get(*i).copied()).collect();
        self.windows(labels, &mut Series::new(&timestamps, &values, &starts, &histograms), out)
    }

    fn windows(&mut self, labels: &[u8], series: &mut Series<'_>, out: &mut VectorBuilder) -> Result<()> {
        let steps = self.eval.steps;
        let same = self.eval.at.is_some() && !self.function.sees_step;
        let (mut floats, constant) = (false, same && self.task.params.are_constant());
        let mut last = None;
        for step in 0..steps.count {
            self.seen = if step > 0 && constant { (self.seen.0, 0) } else { (0, 0) };
            if step == 0 || !constant {
                last = self.window(series, step)?;
            }
            if let Some(counts) = &self.task.query.counts {
                counts.add(self.eval.counted.0, (step, steps.time(step)), self.seen.0, self.seen.1);
            }
            floats |= matches!(last, Some(Value::Float(_)));
            if !constant {
                out.row().put_value(last.take());
                continue;
            }
            out.row().put_value(last.clone());
        }
        if floats && self.function.for_counters {
            self.check_counter(labels);
        }
        if !self.notes.is_empty() {
            let metric = Labels::from_canonical(labels).metric();
            for note in self.notes.drain() {
                self.task.query.annotate(|notes| notes.add(&note, metric, self.eval.place));
            }
        }
        Ok(())
    }

    /// Notes where the labels, which have floats, are no counter's.
    fn check_counter(&self, labels: &[u8]) {
        let labels = Labels::from_canonical(labels);
        if let Some(note) = range::non_counter(labels) {
            self.task.query.annotate(|notes| notes.add(&note, labels.metric(), self.eval.place));
        }
    }

    /// The value at one step.
    fn window(&mut self, series: &mut Series<'_>, step: usize) -> Result<Option<Value>> {
        let eval = &self.eval;
        let time = eval.steps.time(step);
        let end = eval.at.unwrap_or(time).saturating_sub(eval.offset);
        let start = end.saturating_sub(eval.range);
        let (before, after) = eval.beyond();
        let (from, to) = (start.saturating_sub(before), end.saturating_add(after));
        let Some(mut window) = series.move_to(from, to) else { return Ok(None) };
        if self.task.params.len() > 0 {
            self.task.params.at(step, &mut self.args);
            (self.function.check)(&self.args).map_err(|text| to_datafusion(Error::unprocessable(text)))?;
        }
        (window.start, window.end, window.step, window.args) = (start, end, time, &self.args);
        window.extension = eval.extension.map(|(extension, _)| extension);
        let value = (self.function.eval)(&window, &mut self.notes);
        if self.task.query.counts.is_some() {
            self.seen = match eval.counted.1 {
                Counted::Value => value.as_ref().map_or((0, 0), |value| (of_value(value), of_value(value))),
                Counted::Computed => (of_window(&window, i64::MAX).0, 0),
                Counted::Samples if step == 0 => of_window(&window, i64::MIN),
                Counted::Samples if eval.at.is_some() => of_window(&window, i64::MAX),
                Counted::Samples => of_window(&window, to.saturating_sub(eval.steps.step)),
            };
        }
        Ok(value)
    }
}
