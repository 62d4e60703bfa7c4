//! What is the same at all steps, and so need be evaluated only once.
//!
//! Source: `preprocessExprHelper` of Prometheus' `promql/engine.go`.

use crate::syntax::ast::{Expr, ExprKind, ValueType};

/// Whether an expression is the same at all steps, and reads series, or is a sort, which has a warning for each step but the only one.
pub(super) fn is_worth_once(expr: &Expr) -> bool {
    // A selector alone evaluates one window only, without help.
    let is_plan = matches!(expr.kind, ExprKind::Binary(_) | ExprKind::Aggregate(_) | ExprKind::Call(_));
    is_plan && expr.value_type() != ValueType::Matrix && (has_selector(expr) || is_sort(expr)) && is_invariant(expr)
}

fn is_invariant(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => true,
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => is_invariant(inner),
        ExprKind::Binary(binary) => is_invariant(&binary.lhs) && is_invariant(&binary.rhs),
        ExprKind::Aggregate(aggregate) => {
            is_invariant(&aggregate.expr) && aggregate.param.as_ref().is_none_or(is_invariant)
        }
        ExprKind::Call(call) => match call.function.name {
            // Of a selector it is the sample's time, of anything else that of the step.
            "timestamp" | "start_timestamp" => {
                call.args.iter().all(|arg| matches!(arg.unwrapped().kind, ExprKind::Selector(_)) && is_invariant(arg))
            }
            _ => !call.function.is_of_time() && call.args.iter().all(is_invariant),
        },
        ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => selector.shift.at.is_some(),
        ExprKind::Subquery(subquery) => subquery.shift.at.is_some(),
    }
}

fn is_sort(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Call(call) if call.function.name.starts_with("sort"))
}

fn has_selector(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => false,
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => has_selector(inner),
        ExprKind::Binary(binary) => has_selector(&binary.lhs) || has_selector(&binary.rhs),
        ExprKind::Aggregate(aggregate) => has_selector(&aggregate.expr),
        ExprKind::Call(call) => call.args.iter().any(has_selector),
        ExprKind::Selector(_) | ExprKind::Matrix { .. } | ExprKind::Subquery(_) => true,
    }
}
