//! `RangeEvalExec`: from samples to step vectors. At each step a stateless function sees the window that ends there.
//!
//! Shape: samples in, an instant vector out. A series without a value at any step is left out. Windows are open on the
//! left and closed on the right; both of their ends only move forward, so each sample is passed twice.

use std::fmt;
use std::sync::Arc;

use arrow::array::{BinaryBuilder, BooleanArray};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::{Labels, is_stale};

use super::merge::Samples;
use super::steps::{Steps, StepsBuilder, batch_rows};
use super::transform::{self, Transform};
use super::{Batches, Operator, Task};
use crate::functions::{RangeFunction, Window, range_function};
use crate::syntax::ast::Span;

/// What is evaluated, and when.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RangeEval {
    /// The function, by its name.
    pub(crate) function: String,
    /// The length of the window, in milliseconds.
    pub(crate) range: i64,
    /// When.
    pub(crate) steps: Steps,
    /// How far back the windows are moved, in milliseconds.
    pub(crate) offset: i64,
    /// The time of `@`, where all steps see the same window.
    pub(crate) at: Option<i64>,
    /// Where the selector stands in the query.
    pub(crate) span: Span,
}

struct Evaluating {
    eval: RangeEval,
    function: &'static RangeFunction,
    task: Task,
    input: Option<(RecordBatch, usize)>,
}

// === impl RangeEval ===

impl RangeEval {
    /// The times that windows end at, first and last.
    pub(crate) fn window_ends(&self) -> (i64, i64) {
        let (first, last) = self.at.map_or((self.steps.start, self.steps.end()), |at| (at, at));
        (first.saturating_sub(self.offset), last.saturating_sub(self.offset))
    }
}

impl fmt::Display for RangeEval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} range={}ms {}", self.function, self.range, self.steps)?;
        if self.offset != 0 {
            write!(f, " offset={}ms", self.offset)?;
        }
        self.at.map_or(Ok(()), |at| write!(f, " @{at}"))
    }
}

impl Operator for RangeEval {
    const NAME: &'static str = "RangeEvalExec";

    fn run(&self, _: usize, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Some(function) = range_function(&self.function) else {
            return exec_err!("there is no range function `{}`", self.function);
        };
        let Some(input) = inputs.into_iter().next() else { return exec_err!("expected an input") };
        let evaluating = Evaluating { eval: self.clone(), function, task, input: None };
        Ok(transform::run(input, evaluating))
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
        let (mut out, mut labels) = (StepsBuilder::new(steps, rows), BinaryBuilder::new());
        let mut row = next;
        while row < batch.num_rows() && out.rows() < rows {
            if self.evaluate(samples.row(row), &mut out) {
                labels.append_value(samples.labels.value(row));
                self.note(samples.labels.value(row));
            }
            row += 1;
        }
        let drop_name = BooleanArray::from(vec![!self.function.keeps_name; out.rows()]);
        let columns = vec![Arc::new(labels.finish()) as _, Arc::new(drop_name) as _, Arc::new(out.finish()?) as _];
        let out = RecordBatch::try_new(self.task.schema.clone(), columns)?;
        if row < batch.num_rows() {
            self.input = Some((batch, row));
        } else {
            self.task.memory.free();
        }
        Ok(Some(out))
    }
}

impl Evaluating {
    /// Evaluates one series at all steps. Returns whether there is a value at any.
    fn evaluate(&mut self, (timestamps, values): (&[i64], &[f64]), out: &mut StepsBuilder) -> bool {
        if !self.function.sees_stale && values.iter().any(|&value| is_stale(value)) {
            let live = timestamps.iter().copied().zip(values.iter().copied()).filter(|(_, value)| !is_stale(*value));
            let (timestamps, values): (Vec<_>, Vec<_>) = live.unzip();
            return windows(&self.eval, self.function, &timestamps, &values, out);
        }
        windows(&self.eval, self.function, timestamps, values, out)
    }

    fn note(&self, labels: &[u8]) {
        const ENDINGS: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];
        let metric = Labels::from_canonical(labels).metric();
        if self.function.for_counters && !metric.is_empty() && !ENDINGS.iter().any(|end| metric.ends_with(end)) {
            self.task.query.annotate(|notes| notes.not_a_counter(metric, self.eval.span));
        }
    }
}

fn windows(
    eval: &RangeEval,
    function: &RangeFunction,
    timestamps: &[i64],
    values: &[f64],
    out: &mut StepsBuilder,
) -> bool {
    let (mut from, mut to) = (0, 0);
    let mut window_at = |time: i64| {
        let end = time.saturating_sub(eval.offset);
        let start = end.saturating_sub(eval.range);
        to += timestamps.get(to..)?.iter().take_while(|&&t| t <= end).count();
        from += timestamps.get(from..to)?.iter().take_while(|&&t| t <= start).count();
        let window = Window { timestamps: timestamps.get(from..to)?, values: values.get(from..to)?, start, end };
        if window.timestamps.is_empty() { None } else { (function.eval)(window) }
    };
    match eval.at {
        Some(at) => {
            let value = window_at(at);
            out.push((0..eval.steps.count).map(|_| value))
        }
        None => out.push((0..eval.steps.count).map(|step| window_at(eval.steps.time(step)))),
    }
}
