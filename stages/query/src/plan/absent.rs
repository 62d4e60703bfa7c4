//! `absent` and `absent_over_time`.

use weir_pipeline::labels::METRIC;
use weir_pipeline::{LabelSet, LabelsBuilder, MatchOp, Matcher, Result};

use super::{Planned, Planner};
use crate::exec::absent::Absent;
use crate::syntax::ast::{Expr, ExprKind};

impl Planner<'_> {
    /// `absent(v)`, `absent_over_time(m[d])`
    pub(super) fn absent(&self, name: &str, arg: &Expr) -> Result<Planned> {
        let labels = match &arg.unwrapped().kind {
            ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => labels_of(&selector.matchers),
            _ => LabelSet::default(),
        };
        let over_time = name == "absent_over_time";
        let input = if over_time {
            self.check_extension(name, arg)?;
            self.range("present_over_time", arg, Vec::new(), arg, arg.span)?
        } else {
            self.vector(arg)?
        };
        self.vector_node(Absent { labels, drop_name: over_time }, vec![input]).map(Planned::Vector)
    }
}

/// The labels that every series which a selector selects has. Source: `createLabelsForAbsentFunction` of Prometheus'
/// `promql/functions.go`: a label that is said twice is left out. By then its index has put those matchers last that only take
/// series away (`PostingsForMatchers` of `tsdb/querier.go`).
fn labels_of(matchers: &[Matcher]) -> LabelSet {
    let takes_away = |matcher: &&Matcher| {
        let is_set = matchers.iter().any(|other| other.name == matcher.name && !other.matches_empty());
        !is_set || matches!(matcher.op, MatchOp::NotEqual | MatchOp::NotMatch) && matcher.matches_empty()
    };
    let (last, first): (Vec<&Matcher>, Vec<&Matcher>) = matchers.iter().partition(takes_away);
    let mut labels = LabelsBuilder::default();
    let mut seen = Vec::new();
    for matcher in first.into_iter().chain(last).filter(|matcher| matcher.name != METRIC) {
        if matcher.op == MatchOp::Equal && !seen.contains(&&matcher.name) {
            labels.set(matcher.name.as_str(), matcher.value.as_str());
            seen.push(&matcher.name);
        } else {
            labels.remove(&matcher.name);
        }
    }
    labels.build()
}
