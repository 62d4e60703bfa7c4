//! Rewrites of logical plans: small rules with names, one per file, applied in the order of [`RULES`].
//!
//! What is decided while the tree is planned is not among them: numbers are folded (`plan/number.rs`), and what is the same
//! at all steps is evaluated once (`plan/invariant.rs`).

use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;

use super::node::promql;
use crate::exec::spec::Spec;

mod histogram_stats;
mod needed_labels;
mod propagate_matchers;
mod share_selectors;

/// A rule: what it is called, and what it makes of a plan; nothing where there is nothing to do.
pub(crate) struct Rule {
    /// The name, that of its file.
    pub(crate) name: &'static str,
    /// Whether the plan answers the same in all cases. Where it may not, operators that come to such a case say that they are
    /// in doubt, and the query is asked again without the rule.
    is_exact: bool,
    apply: fn(&LogicalPlan) -> Result<Option<LogicalPlan>>,
}

/// Every rule, in order.
pub(crate) static RULES: [&Rule; 4] =
    [&histogram_stats::RULE, &propagate_matchers::RULE, &share_selectors::RULE, &needed_labels::RULE];

/// The plan after all rules, or all that are exact, and the names of those that changed it.
pub(crate) fn rewrite(mut plan: LogicalPlan, exact: bool) -> Result<(LogicalPlan, Vec<&'static str>)> {
    let mut applied = Vec::new();
    for rule in RULES.iter().filter(|rule| rule.is_exact || !exact) {
        if let Some(changed) = (rule.apply)(&plan)? {
            plan = changed;
            applied.push(rule.name);
        }
    }
    Ok((plan, applied))
}

/// Whether all rules of these names are exact.
pub(crate) fn are_exact(names: &[&str]) -> bool {
    RULES.iter().all(|rule| rule.is_exact || !names.contains(&rule.name))
}

/// How many nodes of a plan are an `O`.
fn count<O: Spec>(plan: &LogicalPlan) -> usize {
    let below: usize = match promql(plan) {
        Some(node) => node.children().iter().map(count::<O>).sum(),
        None => plan.inputs().into_iter().map(count::<O>).sum(),
    };
    below + usize::from(of::<O>(plan).is_some())
}

/// What the node of a plan does, where that is an `O`.
fn of<O: Spec>(plan: &LogicalPlan) -> Option<&O> {
    promql(plan)?.downcast()
}

#[cfg(test)]
mod tests;
