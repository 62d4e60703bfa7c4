//! `histogram_stats`: under `histogram_count`, `histogram_sum` and `histogram_avg` nobody needs buckets, unless a function
//! further up does. Not within subqueries, where resets are found by comparing buckets.
//!
//! Source: `detectHistogramStatsDecoding` of Prometheus' `promql/engine.go`.

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::{Rule, count, of, promql};
use crate::exec::histogram::Histograms;
use crate::exec::map::{Function, Map};
use crate::exec::matching::Match;
use crate::exec::range_eval::RangeEval;
use crate::exec::resample::Resample;
use crate::exec::steps::STEPS;
use crate::plan::node::node;
use crate::syntax::ast::BinaryOp;

pub(super) static RULE: Rule = Rule { name: "histogram_stats", is_exact: true, apply };

fn apply(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    if count::<Map>(plan) == 0 { Ok(None) } else { walk(plan, Needs::Unsaid) }
}

/// What is needed of histograms, by what stands above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nobody said anything.
    Unsaid,
    /// Only the count and the sum.
    Stats,
    /// All of them, whatever stands below.
    Buckets,
}

/// The plan with what is not needed left out, if there is anything.
fn walk(plan: &LogicalPlan, needs: Needs) -> Result<Option<LogicalPlan>> {
    if let (Some(eval), Needs::Stats) = (of::<RangeEval>(plan), needs)
        && !eval.stats
        && !is_subquery(plan)
    {
        let eval = RangeEval { stats: true, ..eval.clone() };
        let inputs = plan.inputs().into_iter().cloned().collect();
        debug_assert!(plan.schema().has_column_with_unqualified_name(STEPS));
        return node(eval, inputs, plan.schema().inner().clone()).map(Some);
    }
    let needs = below(plan, needs);
    let (mut changed, mut inputs) = (false, Vec::new());
    for input in plan.inputs() {
        let walked = walk(input, needs)?;
        changed |= walked.is_some();
        inputs.push(walked.unwrap_or_else(|| input.clone()));
    }
    if changed { plan.with_new_exprs(plan.expressions(), inputs).map(Some) } else { Ok(None) }
}

/// What is needed below a node.
fn below(plan: &LogicalPlan, needs: Needs) -> Needs {
    let trims = |op: BinaryOp| matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
    let needs_buckets = of::<Resample>(plan).is_some()
        || of::<Histograms>(plan).is_some()
        || of::<Match>(plan).is_some_and(|matching| trims(matching.op))
        || of::<Map>(plan).is_some_and(|map| matches!(map.function, Function::Operator { op, .. } if trims(op)));
    let is_stats = |map: &Map| {
        let name = match &map.function {
            Function::Element(name) => name.as_str(),
            Function::Operator { .. } => "",
        };
        matches!(name, "histogram_count" | "histogram_sum" | "histogram_avg")
    };
    match needs {
        Needs::Buckets => Needs::Buckets,
        _ if needs_buckets => Needs::Buckets,
        _ if of::<Map>(plan).is_some_and(is_stats) => Needs::Stats,
        needs => needs,
    }
}

/// Whether the samples of an evaluation come from a subquery.
fn is_subquery(plan: &LogicalPlan) -> bool {
    let samples = promql(plan).and_then(|node| node.children().first());
    samples.is_some_and(|samples| of::<Resample>(samples).is_some())
}
