//! `needed_labels`: under an aggregation `by` labels nobody needs the others: a scan reads only these, and what says which
//! metric a series is, which notes tell.
//!
//! Only where nothing between looks at labels: functions of windows and of values do not.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::LogicalPlan;

use super::{Rule, count, of, promql};
use crate::exec::aggregate::{Aggregate, Phase};
use crate::exec::map::Map;
use crate::exec::merge::SeriesMerge;
use crate::exec::range_eval::RangeEval;
use crate::exec::samples;
use crate::exec::scan::Scan;
use crate::labels::METADATA;
use crate::plan::node::node;

pub(super) static RULE: Rule = Rule { name: "needed_labels", is_exact: true, apply };

fn apply(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    if count::<Aggregate>(plan) == 0 {
        return Ok(None);
    }
    let mut changed = false;
    let plan = plan.clone().transform_up(|plan| {
        let needed = of::<Aggregate>(&plan).and_then(needed);
        let (Some(needed), Some([input])) = (needed, promql(&plan).map(|node| node.children())) else {
            return Ok(Transformed::no(plan));
        };
        match reading(input, &needed)? {
            Some(input) => {
                changed = true;
                Ok(Transformed::yes(plan.with_new_exprs(Vec::new(), vec![input])?))
            }
            None => Ok(Transformed::no(plan)),
        }
    })?;
    Ok(changed.then_some(plan.data))
}

/// The labels that an aggregation of series needs, where they can be listed.
fn needed(aggregate: &Aggregate) -> Option<Vec<String>> {
    if aggregate.phase != Phase::Partial || aggregate.grouping.without {
        return None;
    }
    let metadata = METADATA.iter().map(|name| (*name).to_owned());
    let mut names: Vec<String> = aggregate.grouping.labels.iter().cloned().chain(metadata).collect();
    names.sort_unstable();
    names.dedup();
    Some(names)
}

/// The plan whose scan reads only the labels `needed`; `None` where something on the way there needs more.
fn reading(plan: &LogicalPlan, needed: &[String]) -> Result<Option<LogicalPlan>> {
    if let Some(scan) = of::<Scan>(plan) {
        let scan = Scan { labels: Some(needed.to_vec()), ..scan.clone() };
        return node(scan, Vec::new(), samples::schema()).map(Some);
    }
    let passes = of::<Map>(plan).is_some() || of::<RangeEval>(plan).is_some() || of::<SeriesMerge>(plan).is_some();
    let Some((rows, numbers)) = promql(plan).filter(|_| passes).and_then(|node| node.children().split_first()) else {
        return Ok(None);
    };
    let Some(rows) = reading(rows, needed)? else { return Ok(None) };
    let inputs = std::iter::once(rows).chain(numbers.iter().cloned()).collect();
    plan.with_new_exprs(Vec::new(), inputs).map(Some)
}
