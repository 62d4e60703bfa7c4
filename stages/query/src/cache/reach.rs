//! How far after a step a query reads, where each of its steps stands for itself.

use crate::syntax::ast::{DurationExpr, Expr, ExprKind, Extension, Selector, Shift};

/// How far after a step the query reads at most, in milliseconds, at least 0; `None` where what it answers at a step depends on
/// more than the samples around it, or on which steps are asked.
pub(super) fn reach(expr: &Expr) -> Option<i64> {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => Some(0),
        ExprKind::Paren(expr) | ExprKind::Unary { expr, .. } => reach(expr),
        ExprKind::Binary(binary) => {
            let chain = binary.chain();
            let innermost = reach(&chain.first()?.lhs)?;
            chain.iter().try_fold(innermost, |most, binary| Some(most.max(reach(&binary.rhs)?)))
        }
        ExprKind::Aggregate(aggregate) => {
            let param = aggregate.param.as_ref().map_or(Some(0), reach)?;
            Some(param.max(reach(&aggregate.expr)?))
        }
        ExprKind::Call(call) => call.args.iter().try_fold(0, |most, arg| Some(most.max(reach(arg)?))),
        ExprKind::Selector(selector) => of_selector(selector),
        ExprKind::Matrix { selector, range } => {
            literal(range)?;
            of_selector(selector)
        }
        ExprKind::Subquery(subquery) => {
            literal(&subquery.range)?;
            subquery.step.as_ref().map_or(Some(0), literal)?;
            shifted(&subquery.shift, reach(&subquery.expr)?)
        }
    }
}

fn of_selector(selector: &Selector) -> Option<i64> {
    // `smoothed` looks at what comes after the range.
    if selector.extension == Some(Extension::Smoothed) {
        return None;
    }
    shifted(&selector.shift, 0)
}

/// That of what reads `reach` further, looked at through an offset.
fn shifted(shift: &Shift, reach: i64) -> Option<i64> {
    if shift.at.is_some() {
        return None;
    }
    let offset = shift.offset.as_ref().map_or(Some(0), literal)?;
    reach.checked_sub(offset).map(|reach| reach.max(0))
}

/// Milliseconds that do not depend on the query.
fn literal(duration: &DurationExpr) -> Option<i64> {
    match duration {
        DurationExpr::Literal(millis, _) => Some(*millis),
        DurationExpr::Expr(_) => None,
    }
}

#[cfg(test)]
mod tests;
