//! A query whose selectors all look at one time, so that it answers the same whenever it is asked.
//!
//! Source: `atModifierTestCases` of `promql/promqltest/test.go`.

use crate::syntax::ast::{At, Expr, ExprKind, Shift};
use crate::syntax::written;

/// The query `text`, which was read as `expr`, with every selector pinned to `time`; `None` where that does not make it independent
/// of time.
pub(super) fn pinned(expr: &Expr, text: &str, time: i64) -> Option<String> {
    let mut expr = expr.clone();
    pin(&mut expr, time).then(|| written(&expr, text))
}

/// The times at which a pinned query is asked.
pub(super) fn times(time: i64) -> Vec<i64> {
    match time {
        0 => vec![-1000, 0, 1000],
        time => vec![time.saturating_mul(-10), 0, time / 5, time, time.saturating_mul(10)],
    }
}

/// Whether no function depends on when it is evaluated.
fn pin(expr: &mut Expr, time: i64) -> bool {
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => true,
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => pin(inner, time),
        ExprKind::Binary(binary) => pin(&mut binary.lhs, time) & pin(&mut binary.rhs, time),
        ExprKind::Aggregate(aggregate) => {
            let param = aggregate.param.as_mut().is_none_or(|param| pin(param, time));
            param & pin(&mut aggregate.expr, time)
        }
        ExprKind::Call(call) => {
            let args = call.args.iter_mut().fold(true, |safe, arg| safe & pin(arg, time));
            args && !call.function.is_of_time()
        }
        ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => fix(&mut selector.shift, time),
        // What is within looks at the same times whenever it is evaluated.
        ExprKind::Subquery(subquery) => fix(&mut subquery.shift, time),
    }
}

fn fix(shift: &mut Shift, time: i64) -> bool {
    if !matches!(shift.at, Some(At::Time(_))) {
        shift.at = Some(At::Time(time));
    }
    true
}
