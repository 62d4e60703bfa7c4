//! `AggregateExec`: aggregations that fold the values of a group, in two phases: each partition folds its own rows, and what
//! that leaves of each group meets in one partition.
//!
//! Shape: an instant vector in. The first phase sends a row for each group with the state of each step, the second makes
//! an instant vector of them. Both hold one state for each group and step, whatever the number of series.
//!
//!
//! The other aggregations are operators of their own: [`choose`], [`quantile`], [`count_values`].
//!
//! Source: `rangeEvalAgg` and `aggregation` of Prometheus' `promql/engine.go`.

use std::fmt;

use arrow::datatypes::SchemaRef;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;

pub(crate) mod choose;
pub(crate) mod count_values;
mod exchange;
pub(crate) mod grouping;
mod kept;
mod partial;
pub(crate) mod quantile;
mod table;
mod whole;

use grouping::Grouping;
use partial::Partial;
use whole::Whole;

use super::transform;
use super::{Batches, Operator, Partition, Task, steps};
use crate::functions::aggregate::{Avg, Count, Fold, Group, Max, Min, Stddev, Stdvar, Sum};
use crate::syntax::ast::{AggregateOp, Span};

/// Which phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Of one partition.
    Partial,
    /// Of all.
    Whole,
}

/// What is folded, and by which labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Aggregate {
    /// How.
    pub(crate) op: AggregateOp,
    /// Which rows belong together.
    pub(crate) grouping: Grouping,
    /// Which phase.
    pub(crate) phase: Phase,
    /// How many steps there are.
    pub(crate) steps: usize,
    /// Where the argument stands in the query.
    pub(crate) span: Span,
}

/// An aggregation once it is looked up.
struct Folding {
    state: &'static [&'static str],
    run: fn(&Aggregate, SendableRecordBatchStream, Task) -> Batches,
}

/// The aggregation `op`, where it folds.
fn folding(op: AggregateOp) -> Option<Folding> {
    Some(match op {
        AggregateOp::Sum => Folding::of::<Sum>(),
        AggregateOp::Avg => Folding::of::<Avg>(),
        AggregateOp::Count => Folding::of::<Count>(),
        AggregateOp::Min => Folding::of::<Min>(),
        AggregateOp::Max => Folding::of::<Max>(),
        AggregateOp::Group => Folding::of::<Group>(),
        AggregateOp::Stddev => Folding::of::<Stddev>(),
        AggregateOp::Stdvar => Folding::of::<Stdvar>(),
        _ => return None,
    })
}

// === impl Folding ===

impl Folding {
    fn of<F: Fold>() -> Self {
        Self { state: F::STATE, run: run::<F> }
    }
}

fn run<F: Fold>(spec: &Aggregate, input: SendableRecordBatchStream, task: Task) -> Batches {
    match spec.phase {
        Phase::Partial => transform::run(input, Partial::<F>::new(spec.clone(), task)),
        Phase::Whole => transform::run(input, Whole::<F>::new(spec.clone(), task)),
    }
}

// === impl Aggregate ===

impl Aggregate {
    /// The schema of the output.
    pub(crate) fn schema(&self) -> SchemaRef {
        match (self.phase, folding(self.op)) {
            (Phase::Partial, Some(folding)) => exchange::schema(folding.state, self.steps),
            _ => steps::schema(self.steps),
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.op, self.grouping)?;
        f.write_str(if self.phase == Phase::Partial { " partial" } else { "" })
    }
}

impl Operator for Aggregate {
    const NAME: &'static str = "AggregateExec";

    fn needs_single_partition(&self) -> bool {
        self.phase == Phase::Whole
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let (Some(folding), Some(input)) = (folding(self.op), inputs.into_iter().next()) else {
            return exec_err!("`{}` does not fold", self.op);
        };
        Ok((folding.run)(self, input, task))
    }
}
