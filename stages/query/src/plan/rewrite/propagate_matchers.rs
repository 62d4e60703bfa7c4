//! `propagate_matchers`: what the "one" side of a match says of labels that series meet on holds for the "many" side, too:
//! `a * on (x) b{x="1"}` need not read series of `a` with another `x`.
//!
//! Only from the "one" side to the "many" side, and only to a plain selector: the other way round, series that are left out
//! could have been duplicates, which are an error; and a function over series could have had something to note.
//!
//! Not exact: Prometheus looks for duplicates on the "one" side only where the "many" side has anything, and that may be just what
//! is left out.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::LogicalPlan;
use weir_pipeline::Matcher;
use weir_pipeline::labels::METRIC;

use super::{Rule, count, of, promql};
use crate::exec::matching::Match;
use crate::exec::merge::SeriesMerge;
use crate::exec::range_eval::RangeEval;
use crate::exec::scan::Scan;
use crate::functions::range::INSTANT;
use crate::syntax::ast::Group;

pub(super) static RULE: Rule = Rule { name: "propagate_matchers", is_exact: false, apply };

fn apply(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    if count::<Match>(plan) == 0 {
        return Ok(None);
    }
    let mut changed = false;
    let plan = plan.clone().transform_up(|plan| match matched(&plan)? {
        Some(plan) => {
            changed = true;
            Ok(Transformed::yes(plan))
        }
        None => Ok(Transformed::no(plan)),
    })?;
    Ok(changed.then_some(plan.data))
}

/// The plan of a match with more matchers on its "many" side, if there are any.
fn matched(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let (Some(matching), Some(node)) = (of::<Match>(plan), promql(plan)) else { return Ok(None) };
    if matching.fill_many.is_some() || matching.fill_one.is_some() {
        return Ok(None);
    }
    let [left, right] = node.children() else { return Ok(None) };
    let right_is_many = matching.group == Group::Right;
    let (many, one) = if right_is_many { (right, left) } else { (left, right) };
    let (Some(one), Some(own)) = (selector(one), selector(many)) else { return Ok(None) };
    let meets = |matcher: &&Matcher| matcher.name != METRIC && matching.by.compares(&matcher.name);
    let more: Vec<Matcher> =
        one.matchers.iter().filter(meets).filter(|matcher| !own.matchers.contains(matcher)).cloned().collect();
    if more.is_empty() {
        return Ok(None);
    }
    let many = with_matchers(many, &more)?;
    let inputs = if right_is_many { vec![left.clone(), many] } else { vec![many, right.clone()] };
    plan.with_new_exprs(Vec::new(), inputs).map(Some)
}

/// The scan of a plain instant selector.
fn selector(plan: &LogicalPlan) -> Option<&Scan> {
    let eval: &RangeEval = of(plan)?;
    let [merge] = promql(plan)?.children() else { return None };
    let [scan] = of::<SeriesMerge>(merge).and(promql(merge))?.children() else { return None };
    (eval.function == INSTANT && eval.extension.is_none()).then(|| of(scan)).flatten()
}

/// A plain instant selector with more matchers.
fn with_matchers(plan: &LogicalPlan, more: &[Matcher]) -> Result<LogicalPlan> {
    let plan = plan.clone().transform_down(|plan| {
        let Some(scan) = of::<Scan>(&plan) else { return Ok(Transformed::no(plan)) };
        let matchers = scan.matchers.iter().chain(more).cloned().collect();
        let scan = Scan { matchers, ..scan.clone() };
        Ok(Transformed::yes(crate::plan::node::node(scan, Vec::new(), crate::exec::samples::schema())?))
    })?;
    Ok(plan.data)
}
