//! Binary operators: folded, projected, broadcast or matched, by what the operands are.

use datafusion::logical_expr::{LogicalPlan, col, lit};
use weir_pipeline::Result;

use super::node::{Work, node};
use super::number::Number;
use super::{Planned, Planner, internal, project};
use crate::exec::broadcast::Broadcast;
use crate::exec::matching::Match;
use crate::exec::steps::{DROP_NAME, LABELS, STEPS};
use crate::functions::{self, Kernel};
use crate::syntax::ast::{Binary, BinaryOp, Group, Span};

impl Planner<'_> {
    /// `lhs op rhs`
    pub(super) fn binary(&self, binary: &Binary, span: Span) -> Result<Planned> {
        let Some(kernel) = functions::kernel(binary.op) else {
            return Err(self.unsupported(span, &format!("operator {:?}", binary.op.as_str())));
        };
        match (self.plan(&binary.lhs)?, self.plan(&binary.rhs)?) {
            (Planned::Scalar(lhs), Planned::Scalar(rhs)) => {
                let f = |a, b| kernel.apply(a, b, true).unwrap_or_default();
                match lhs.zip(&rhs, f) {
                    Some(number) => Ok(Planned::Scalar(number)),
                    None => {
                        let plan = self.broadcast(binary, self.number_plan(&lhs)?, &rhs, false)?;
                        Ok(Planned::Scalar(Number::Plan(Box::new(plan))))
                    }
                }
            }
            (Planned::Vector(vector), Planned::Scalar(number)) => {
                self.with_number(binary, kernel, vector, &number, false).map(Planned::Vector)
            }
            (Planned::Scalar(number), Planned::Vector(vector)) => {
                self.with_number(binary, kernel, vector, &number, true).map(Planned::Vector)
            }
            (Planned::Vector(lhs), Planned::Vector(rhs)) => self.matched(binary, lhs, rhs, span).map(Planned::Vector),
            _ => Err(self.error(span, "expected numbers or instant vectors")),
        }
    }

    fn with_number(
        &self,
        binary: &Binary,
        kernel: Kernel,
        vector: LogicalPlan,
        number: &Number,
        number_first: bool,
    ) -> Result<LogicalPlan> {
        if matches!(number, Number::Plan(_)) {
            return self.broadcast(binary, vector, number, number_first);
        }
        let number = lit(number.literal(self.steps.count)?);
        // A filter keeps its left operand, and must keep the vector's.
        let filters = matches!(kernel, Kernel::Comparison(_)) && !binary.return_bool;
        let (op, number_first) =
            if filters && number_first { (mirrored(binary.op), false) } else { (binary.op, number_first) };
        let args = if number_first { vec![number, col(STEPS)] } else { vec![col(STEPS), number] };
        let name = functions::operator_function(op, binary.return_bool).unwrap_or_default();
        let steps = functions::call(name, args).map_err(internal)?.alias(STEPS);
        let drop_name = if filters { col(DROP_NAME) } else { lit(true).alias(DROP_NAME) };
        project(vector, vec![col(LABELS), drop_name, steps])
    }

    fn broadcast(
        &self,
        binary: &Binary,
        vector: LogicalPlan,
        number: &Number,
        number_first: bool,
    ) -> Result<LogicalPlan> {
        let broadcast = Broadcast { op: binary.op, return_bool: binary.return_bool, number_first };
        let inputs = vec![vector, self.number_plan(number)?];
        node(Work::Broadcast(broadcast), inputs, self.steps.count).map_err(internal)
    }

    fn matched(&self, binary: &Binary, lhs: LogicalPlan, rhs: LogicalPlan, span: Span) -> Result<LogicalPlan> {
        let matching = &binary.matching;
        match matching.group {
            Group::OneToOne => {}
            Group::Left => return Err(self.unsupported(span, "\"group_left\"")),
            Group::Right => return Err(self.unsupported(span, "\"group_right\"")),
            Group::ManyToMany => return Err(self.unsupported(span, "many-to-many matching")),
        }
        if matching.fill_left.is_some() || matching.fill_right.is_some() {
            return Err(self.unsupported(span, "\"fill\""));
        }
        let matching =
            Match { op: binary.op, return_bool: binary.return_bool, on: matching.on, labels: matching.labels.clone() };
        node(Work::Match(matching), vec![lhs, rhs], self.steps.count).map_err(internal)
    }
}

/// The comparison that holds of swapped operands.
fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        other => other,
    }
}
