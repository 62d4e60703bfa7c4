//! Aggregations.

use datafusion::logical_expr::LogicalPlan;
use weir_pipeline::{Error, Result};

use super::node::node;
use super::{Planner, internal};
use crate::annotations::Place;
use crate::exec::aggregate::choose::{Choice, Choose};
use crate::exec::aggregate::count_values::CountValues;
use crate::exec::aggregate::grouping::Grouping;
use crate::exec::aggregate::quantile::Quantile;
use crate::exec::aggregate::{self, Phase};
use crate::exec::params::Param;
use crate::functions::aggregate::Best;
use crate::functions::aggregate::count_values::check_label;
use crate::syntax::ast::{Aggregate, AggregateOp, Expr, ExprKind, Span};

impl Planner<'_> {
    /// `op by (…) (param, e)`
    pub(super) fn aggregate(&self, aggregate: &Aggregate, span: Span) -> Result<LogicalPlan> {
        use AggregateOp::*;
        match (aggregate.op, &aggregate.param) {
            (Sum | Avg | Count | Min | Max | Group | Stddev | Stdvar, _) => self.fold(aggregate),
            (Topk, Some(k)) => self.choose(Choice::Top(Best::Greatest), k, aggregate, span),
            (Bottomk, Some(k)) => self.choose(Choice::Top(Best::Least), k, aggregate, span),
            (Limitk, Some(k)) => self.choose(Choice::First, k, aggregate, span),
            (LimitRatio, Some(ratio)) => self.choose(Choice::Ratio, ratio, aggregate, span),
            (Quantile, Some(quantile)) => self.quantile(quantile, aggregate, span),
            (CountValues, Some(label)) => self.count_values(label, aggregate),
            (Topk | Bottomk | Limitk | LimitRatio | Quantile | CountValues, None) => {
                Err(self.error(span, "expected a parameter"))
            }
        }
    }

    /// Of one partition each, and then of all.
    fn fold(&self, aggregate: &Aggregate) -> Result<LogicalPlan> {
        let (grouping, span) = (grouping(aggregate), aggregate.expr.unwrapped().span);
        let op = aggregate.op;
        let partial = aggregate::Aggregate { op, grouping, phase: Phase::Partial, steps: self.steps.count, span };
        let whole = aggregate::Aggregate { phase: Phase::Whole, ..partial.clone() };
        let (sent, received) = (partial.schema(), whole.schema());
        let partial = node(partial, vec![self.vector(&aggregate.expr)?], sent).map_err(internal)?;
        node(whole, vec![partial], received).map_err(internal)
    }

    /// `topk`, `bottomk`, `limitk`, `limit_ratio`
    fn choose(&self, choice: Choice, param: &Expr, aggregate: &Aggregate, span: Span) -> Result<LogicalPlan> {
        let param_place = Place::Within(param.unwrapped().span, span);
        let (param, inputs) = self.with_param(param, aggregate)?;
        let grouping = grouping(aggregate);
        self.vector_node(Choose { choice, grouping, param, steps: self.steps.count, span, param_place }, inputs)
    }

    /// `quantile(φ, e)`
    fn quantile(&self, param: &Expr, aggregate: &Aggregate, whole: Span) -> Result<LogicalPlan> {
        let (span, param_place) = (aggregate.expr.unwrapped().span, Place::Within(param.unwrapped().span, whole));
        let (param, inputs) = self.with_param(param, aggregate)?;
        let grouping = grouping(aggregate);
        self.vector_node(Quantile { grouping, param, steps: self.steps.count, span, param_place }, inputs)
    }

    /// `count_values("label", e)`
    fn count_values(&self, label: &Expr, aggregate: &Aggregate) -> Result<LogicalPlan> {
        let ExprKind::String(label) = &label.unwrapped().kind else {
            return Err(self.error(label.span, "expected a string"));
        };
        check_label(label).map_err(Error::unprocessable)?;
        let mut grouping = grouping(aggregate);
        if !grouping.without && !grouping.labels.contains(label) {
            grouping.labels.push(label.clone());
        }
        let count_values = CountValues { label: label.clone(), grouping, steps: self.steps.count };
        self.vector_node(count_values, vec![self.vector(&aggregate.expr)?])
    }

    /// The parameter, and the inputs: what is aggregated, and the parameter where it is known only when the query runs.
    fn with_param(&self, param: &Expr, aggregate: &Aggregate) -> Result<([Param; 1], Vec<LogicalPlan>)> {
        let (params, others) = self.params(vec![self.number(param)?]);
        let mut inputs = vec![self.vector(&aggregate.expr)?];
        inputs.extend(others);
        let param = params.into_iter().next().unwrap_or(Param::Const(f64::NAN));
        Ok(([param], inputs))
    }
}

fn grouping(aggregate: &Aggregate) -> Grouping {
    Grouping { without: aggregate.without, labels: aggregate.labels.clone() }
}
