//! How deep a query may be, beside what the parser allows.

use crate::syntax::ast::{Expr, ExprKind};

/// The most aggregations within each other. Each is several operators, which start each other by recursion, with frames
/// so large that forty overflow a stack of 2 MiB in a build without optimization.
pub(super) const MAX_AGGREGATIONS: usize = 20;

/// How many aggregations stand within each other.
pub(super) fn aggregations(expr: &Expr) -> usize {
    match &expr.kind {
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => aggregations(inner),
        ExprKind::Binary(binary) => aggregations(&binary.lhs).max(aggregations(&binary.rhs)),
        ExprKind::Aggregate(aggregate) => 1 + aggregations(&aggregate.expr),
        ExprKind::Call(call) => call.args.iter().map(aggregations).max().unwrap_or_default(),
        ExprKind::Subquery(subquery) => aggregations(&subquery.expr),
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Selector(_) | ExprKind::Matrix { .. } => 0,
    }
}
