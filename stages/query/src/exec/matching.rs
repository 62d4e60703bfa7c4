//! `MatchExec`: arithmetic, comparisons and trims between two instant vectors.
//!
//! Shape: two instant vectors in, one out, with a row for each label set. The "one" side (the right one, and with
//! `group_right` the left one) is collected first; the "many" side then streams past it. An absent label matches an empty
//! one. `fill` gives the side that has nothing of a key a value; as in Prometheus, `fill_right` is that of the "one" side
//! also with `group_right`.
//!
//! Labels: those of the "many" side, of which one-to-one keeps what series meet on, and with the name where a comparison
//! filters. With `bool` the name goes at the end. What the operands say of their names is forgotten, as in Prometheus.
//!
//! Errors: those of Prometheus, for the first step that has one. They come at the end, since Prometheus does not look
//! at steps where a side is empty. Of the notes Prometheus tells the last of each step only; here all are told.
//!
//! Source: `VectorBinop` and `rangeEval` of Prometheus' `promql/engine.go`.

use std::fmt;

use datafusion::common::{Result, exec_err};
use datafusion::execution::SendableRecordBatchStream;
use futures_util::TryStreamExt;

use super::pace::Pace;
use super::steps::{STEPS, steps_of};
use super::transform;
use super::{Batches, Operator, Partition, Task};
use crate::syntax::ast::{BinaryOp, Group, Span};

mod combine;
mod faults;
pub(super) mod keys;
mod many_side;
pub(super) mod marks;
mod naming;
mod one_side;
mod results;

use combine::Combine;
pub(crate) use keys::MatchBy;
use many_side::Matching;
use one_side::OneSide;

/// How series of two instant vectors meet, and what is made of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Match {
    /// The operator.
    pub(crate) op: BinaryOp,
    /// Whether a comparison answers 0 or 1.
    pub(crate) return_bool: bool,
    /// What series meet on.
    pub(crate) by: MatchBy,
    /// Which side is the "many" side.
    pub(crate) group: Group,
    /// The labels that a result has of the "one" side.
    pub(crate) include: Vec<String>,
    /// What the "many" side has where the "one" side meets nothing.
    pub(crate) fill_many: Option<f64>,
    /// What the "one" side has where the "many" side meets nothing.
    pub(crate) fill_one: Option<f64>,
    /// Where it stands in the query.
    pub(crate) span: Span,
}

// === impl Match ===

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = if self.return_bool { " bool" } else { "" };
        write!(f, "{}{answer} {}", self.op.as_str(), self.by)?;
        let include = self.include.join(", ");
        match self.group {
            Group::OneToOne | Group::ManyToMany => {}
            Group::Left => write!(f, " group_left({include})")?,
            Group::Right => write!(f, " group_right({include})")?,
        }
        self.fill_many.map_or(Ok(()), |fill| write!(f, " fill_left({fill})"))?;
        self.fill_one.map_or(Ok(()), |fill| write!(f, " fill_right({fill})"))
    }
}

impl Operator for Match {
    const NAME: &'static str = "MatchExec";
    const ROWS: usize = 2;

    fn needs_single_partition(&self) -> bool {
        true
    }

    fn run(&self, _: Partition, inputs: Vec<SendableRecordBatchStream>, task: Task) -> Result<Batches> {
        let Ok([left, right]) = <[_; 2]>::try_from(inputs) else {
            return exec_err!("{} matches two instant vectors", Self::NAME);
        };
        let one_first = self.group == Group::Right;
        let (many, mut one) = if one_first { (right, left) } else { (left, right) };
        let steps = steps_of(task.schema.field_with_name(STEPS)?.data_type())?;
        let (spec, combine) = (self.clone(), Combine::new(self.op, self.return_bool, one_first));
        let mut collected = OneSide::new(self.by.clone(), steps);
        Ok(transform::opened(async move {
            let mut pace = Pace::new();
            while let Some(batch) = one.try_next().await? {
                collected.add(batch, &task)?;
                pace.rest().await;
            }
            collected.settle(&task)?;
            Ok(transform::run(many, Matching::new(spec, combine, task, collected, steps)))
        }))
    }
}
