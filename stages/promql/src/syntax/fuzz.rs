//! The law of this module, for any bytes.

use super::ast::{Binary, DurationExpr, Expr, ExprKind, Selector, Shift, Span};
use super::{parse, parse_selector};

/// Parsing never panics, and what it accepts prints as text that parses to the same tree.
///
/// # Panics
/// The law does not hold.
pub fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = parse_selector(text);
    match parse(text) {
        Ok(expr) => round_trip(text, expr),
        Err(error) => {
            assert!(error.span.start as usize <= text.len(), "the error of {text:?} is outside of it: {error}")
        }
    }
}

fn round_trip(text: &str, mut expr: Expr) {
    let printed = expr.to_string();
    let mut again = match parse(&printed) {
        Ok(again) => again,
        // What prints longer than it was written may not be read again.
        Err(_) if printed.len() > super::MAX_QUERY_BYTES => return,
        Err(error) => unreachable!("{text:?} prints as {printed:?}, which does not parse: {error}"),
    };
    assert_eq!(again.to_string(), printed, "{text:?} prints differently the second time");
    // What compares trees recurses over chains, too.
    if expr.depth() > super::MAX_NESTING {
        return;
    }
    strip(&mut expr);
    strip(&mut again);
    // By the debug text, in which NaN equals NaN.
    assert_eq!(format!("{again:?}"), format!("{expr:?}"), "{text:?} prints as {printed:?}, another tree");
}

/// Takes the places out of a tree.
pub(super) fn strip(expr: &mut Expr) {
    expr.span = Span::default();
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => {}
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => strip(inner),
        ExprKind::Binary(binary) => {
            let Binary { lhs, rhs, .. } = binary.as_mut();
            strip(lhs);
            strip(rhs);
        }
        ExprKind::Aggregate(aggregate) => {
            strip(&mut aggregate.expr);
            aggregate.param.iter_mut().for_each(strip);
        }
        ExprKind::Call(call) => call.args.iter_mut().for_each(strip),
        ExprKind::Selector(selector) => strip_selector(selector),
        ExprKind::Matrix { selector, range } => {
            strip_selector(selector);
            strip_duration(range);
        }
        ExprKind::Subquery(subquery) => {
            strip(&mut subquery.expr);
            strip_duration(&mut subquery.range);
            subquery.step.iter_mut().for_each(strip_duration);
            strip_shift(&mut subquery.shift);
        }
    }
}

fn strip_selector(selector: &mut Selector) {
    strip_shift(&mut selector.shift);
}

fn strip_shift(shift: &mut Shift) {
    shift.offset.iter_mut().for_each(strip_duration);
}

fn strip_duration(duration: &mut DurationExpr) {
    match duration {
        DurationExpr::Literal(_, span) => *span = Span::default(),
        DurationExpr::Expr(expr) => strip(expr),
    }
}
