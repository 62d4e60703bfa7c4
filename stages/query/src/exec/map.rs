//! `MapExec`: a function of one element, or an operator between an element and a number, for each element of an instant
//! vector.
//!
//! Shape: an instant vector in, one of as many rows at most out. A row that has no value at any step is left out.

use std::fmt;

use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use weir_pipeline::{Labels, Value};

use super::params::Param;
use super::steps::{StepRow, Steps, VectorBatch, VectorBuilder};
use super::transform::{self, Transform};
use super::{Batches, Operator, Partition, Task};
use crate::annotations::Notes;
use crate::functions::binary::{self, Answer, Kernel, kernel};
use crate::functions::element::{self, Call, ElementFunction};
use crate::syntax::ast::{BinaryOp, Span};

/// What is made of each element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Function {
    /// An element function, by its name.
    Element(String),
    /// An operator between the element and the first of the numbers.
    Operator {
        /// Which.
        op: BinaryOp,
        /// Whether a comparison answers 0 or 1.
        return_bool: bool,
        /// Whether the number is the left operand.
        number_first: bool,
    },
}

/// What is made of each element, and with what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Map {
    /// What.
    pub(crate) function: Function,
    /// The numbers among the arguments.
    pub(crate) args: Vec<Param>,
    /// When.
    pub(crate) steps: Steps,
    /// Where it stands in the query.
    pub(crate) span: Span,
}

/// What a function is once it is looked up.
enum Work {
    Element(&'static ElementFunction),
    /// An operator, what it has for floats, and what it answers with.
    Operator(BinaryOp, Option<Kernel>, Answer),
}

struct Mapping {
    spec: Map,
    work: Work,
    task: Task,
    notes: Notes,
    args: Vec<f64>,
    ready: Option<RecordBatch>,
}

// === impl Map ===

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Function::Element(name) => f.write_str(name)?,
            Function::Operator { op, return_bool, number_first } => {
                f.write_str(op.as_str())?;
                f.write_str(if *return_bool { " bool" } else { "" })?;
                f.write_str(if *number_first { " number first" } else { "" })?;
            }
        }
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

impl Operator for Map {
    const NAME: &'static str = "MapExec";

    fn params(&self) -> &[Param] {
        &self.args
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let work = match &self.function {
            Function::Element(name) => element::find(name).map(Work::Element),
            Function::Operator { op, return_bool, number_first } => {
                let answer = match (*return_bool, *number_first) {
                    (true, _) => Answer::Bool,
                    (false, true) => Answer::Right,
                    (false, false) => Answer::Left,
                };
                Some(Work::Operator(*op, kernel(*op), answer))
            }
        };
        let (Some(work), Some(input)) = (work, inputs.into_iter().next()) else {
            return exec_err!("there is no function `{self}`");
        };
        let (spec, notes, args) = (self.clone(), Notes::default(), Vec::new());
        Ok(transform::run(input, Mapping { spec, work, task, notes, args, ready: None }))
    }
}

impl Map {
    /// Whether the result is still the metric.
    fn keeps_name(&self) -> bool {
        match &self.function {
            Function::Element(_) => false,
            Function::Operator { op, return_bool, .. } => !binary::drops_name(*op, *return_bool),
        }
    }
}

// === impl Mapping ===

impl Transform for Mapping {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let vector = VectorBatch::try_new(&batch)?;
        let mut out = VectorBuilder::new(vector.steps.steps(), batch.num_rows());
        let drops = !self.spec.keeps_name();
        for row in 0..batch.num_rows() {
            let (labels, steps) = (vector.labels(row), vector.steps.row(row));
            if steps.has_histograms() {
                self.values(steps, &mut out)?;
            } else {
                self.floats(steps, &mut out);
            }
            out.end_row(labels, drops || vector.drop_name(row));
            if !self.notes.is_empty() {
                let metric = Labels::from_canonical(labels).metric();
                for note in self.notes.drain() {
                    self.task.query.annotate(|notes| notes.add(&note, metric, self.spec.span));
                }
            }
        }
        self.ready = Some(out.finish(self.task.schema.clone())?);
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.ready.take())
    }
}

impl Mapping {
    fn floats(&mut self, row: StepRow<'_>, out: &mut VectorBuilder) {
        let params = self.task.params.clone();
        let number_first = self.number_first();
        match self.work {
            Work::Operator(_, Some(kernel), answer) => {
                for (step, own) in row.iter().enumerate() {
                    let number = params.get(0, step);
                    out.row().put(own.and_then(|own| match number_first {
                        true => kernel.apply(number, own, answer),
                        false => kernel.apply(own, number, answer),
                    }));
                }
            }
            Work::Element(function) => {
                for (step, own) in row.iter().enumerate() {
                    params.at(step, &mut self.args);
                    let call = Call { time: self.spec.steps.time(step), args: &self.args };
                    out.row().put(own.and_then(|own| function.of_float?(own, call)));
                }
            }
            Work::Operator(_, None, _) => {
                for (step, own) in row.iter().enumerate() {
                    let value = own.and_then(|own| self.value(&Value::Float(own), step));
                    out.row().put_value(value);
                }
            }
        }
    }

    fn number_first(&self) -> bool {
        matches!(self.spec.function, Function::Operator { number_first: true, .. })
    }

    fn values(&mut self, row: StepRow<'_>, out: &mut VectorBuilder) -> Result<()> {
        for (step, own) in row.values()?.into_iter().enumerate() {
            let value = own.and_then(|own| self.value(&own, step));
            out.row().put_value(value);
        }
        Ok(())
    }

    fn value(&mut self, own: &Value, step: usize) -> Option<Value> {
        self.task.params.at(step, &mut self.args);
        match self.work {
            Work::Element(function) => {
                let call = Call { time: self.spec.steps.time(step), args: &self.args };
                function.eval(own, call)
            }
            Work::Operator(op, _, answer) => {
                let number = Value::Float(self.args.first().copied().unwrap_or(f64::NAN));
                let (lhs, rhs) = if self.number_first() { (&number, own) } else { (own, &number) };
                binary::apply(op, answer, lhs, rhs, &mut self.notes)
            }
        }
    }
}
