//! `share_selectors`: selectors of the same matchers over about the same time read one snapshot, so that series are looked
//! up once, as in `m / ignoring (i) group_left sum without (i) (m)`.

use std::collections::HashMap;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;

use super::{Rule, count, of};
use crate::exec::samples;
use crate::exec::scan::Scan;
use crate::plan::node::node;

pub(super) static RULE: Rule = Rule { name: "share_selectors", is_exact: true, apply };

/// How much more than a selector needs it may read for others' sake: a part of its time.
const EXTRA: f64 = 0.2;

fn apply(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    if count::<Scan>(plan) < 2 {
        return Ok(None);
    }
    let mut scans: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
    plan.apply(|plan| {
        if let Some(scan) = of::<Scan>(plan) {
            scans.entry(format!("{:?}", scan.matchers)).or_default().push((scan.start, scan.end));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    scans.retain(|_, times| times.len() > 1);
    if scans.is_empty() {
        return Ok(None);
    }
    let shared = |scan: &Scan| -> Option<Scan> {
        let times = scans.get(&format!("{:?}", scan.matchers))?;
        let near = times.iter().filter(|(start, end)| is_near((scan.start, scan.end), (*start, *end)));
        let near: Vec<_> = near.collect();
        let (start, end) = (near.iter().map(|(start, _)| *start).min()?, near.iter().map(|(_, end)| *end).max()?);
        (near.len() > 1).then(|| Scan { start, end, shared: true, ..scan.clone() })
    };
    let mut changed = false;
    let plan = plan.clone().transform_up(|plan| match of::<Scan>(&plan).and_then(shared) {
        Some(scan) => {
            changed = true;
            Ok(Transformed::yes(node(scan, Vec::new(), samples::schema())?))
        }
        None => Ok(Transformed::no(plan)),
    })?;
    Ok(changed.then_some(plan.data))
}

/// Whether two times are so alike that reading both is hardly more than reading either.
fn is_near(one: (i64, i64), other: (i64, i64)) -> bool {
    let length = |(start, end): (i64, i64)| end.saturating_sub(start) as f64;
    let both = length((one.0.min(other.0), one.1.max(other.1)));
    both <= length(one).min(length(other)) * (1.0 + EXTRA)
}
