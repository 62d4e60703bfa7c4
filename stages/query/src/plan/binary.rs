//! Binary operators: folded, mapped or matched, by what the operands are.

use datafusion::logical_expr::LogicalPlan;
use weir_pipeline::{Error, Result};

use super::number::Number;
use super::{Planned, Planner};
use crate::exec::map::{Function, Map};
use crate::exec::matching::{Match, MatchBy};
use crate::exec::set::Set;
use crate::functions::binary::of_scalars;
use crate::syntax::ast::{Binary, BinaryOp, Span};

impl Planner<'_> {
    /// `lhs op rhs`
    pub(super) fn binary(&self, binary: &Binary, span: Span) -> Result<Planned> {
        let (op, return_bool) = (binary.op, binary.return_bool);
        let function = |number_first| Function::Operator { op, return_bool, number_first };
        match (self.plan(&binary.lhs)?, self.plan(&binary.rhs)?) {
            (Planned::Scalar(lhs), Planned::Scalar(rhs)) => self.numbers(binary, lhs, rhs, span).map(Planned::Scalar),
            (Planned::Vector(vector), Planned::Scalar(number)) => {
                self.with_number(function(false), vector, number, span).map(Planned::Vector)
            }
            (Planned::Scalar(number), Planned::Vector(vector)) => {
                self.with_number(function(true), vector, number, span).map(Planned::Vector)
            }
            (Planned::Vector(lhs), Planned::Vector(rhs)) => self.matched(binary, lhs, rhs, span).map(Planned::Vector),
            _ => Err(self.error(span, "expected numbers or instant vectors")),
        }
    }

    fn numbers(&self, binary: &Binary, lhs: Number, rhs: Number, span: Span) -> Result<Number> {
        let op = binary.op;
        if matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
            return Err(Error::unprocessable(format!("operator \"{op}\" not allowed for Scalar operations")));
        }
        match lhs.zip(&rhs, |a, b| of_scalars(op, a, b).unwrap_or(f64::NAN)) {
            Some(number) => Ok(number),
            None => {
                let plan = self.number_plan(&lhs)?;
                // Between numbers a comparison always answers 0 or 1.
                let function = Function::Operator { op, return_bool: op.is_comparison(), number_first: false };
                let plan = self.with_number(function, plan, rhs, span)?;
                Ok(Number::Plan(Box::new(plan)))
            }
        }
    }

    fn with_number(&self, function: Function, vector: LogicalPlan, number: Number, span: Span) -> Result<LogicalPlan> {
        let (args, others) = self.params(vec![number]);
        let mut inputs = vec![vector];
        inputs.extend(others);
        self.vector_node(Map { function, args, steps: self.steps, span }, inputs)
    }

    fn matched(&self, binary: &Binary, lhs: LogicalPlan, rhs: LogicalPlan, span: Span) -> Result<LogicalPlan> {
        let matching = &binary.matching;
        let by = MatchBy { on: matching.on, labels: matching.labels.clone() };
        if binary.op.is_set() {
            return self.vector_node(Set { op: binary.op, by }, vec![lhs, rhs]);
        }
        let spec = Match {
            op: binary.op,
            return_bool: binary.return_bool,
            by,
            group: matching.group,
            include: matching.include.clone(),
            fill_many: matching.fill_left,
            fill_one: matching.fill_right,
            span,
        };
        self.vector_node(spec, vec![lhs, rhs])
    }
}
