//! Types: what each expression is, and whether it stands where it may.
//!
//! Source: `checkAST` in `promql/parser/parse.go` of Prometheus 3.14.

use super::ast::{Aggregate, AggregateOp, Binary, Call, DurationExpr, Expr, ExprKind, Group, Shift, ValueType};
use super::{Fault, Parsed};

// === impl ValueType ===

impl ValueType {
    /// The name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

// === impl Expr ===

impl Expr {
    /// The type of the value.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number(_) => ValueType::Scalar,
            ExprKind::String(_) => ValueType::String,
            ExprKind::Paren(expr) | ExprKind::Unary { expr, .. } => expr.value_type(),
            ExprKind::Binary(binary) => match (binary.lhs.value_type(), binary.rhs.value_type()) {
                (ValueType::Scalar, ValueType::Scalar) => ValueType::Scalar,
                _ => ValueType::Vector,
            },
            ExprKind::Aggregate(_) | ExprKind::Selector(_) => ValueType::Vector,
            ExprKind::Call(call) => call.function.value,
            ExprKind::Matrix { .. } | ExprKind::Subquery(_) => ValueType::Matrix,
        }
    }
}

/// Checks an expression and all below it.
pub(super) fn check(expr: &Expr) -> Parsed<()> {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => Ok(()),
        ExprKind::Paren(inner) => check(inner),
        ExprKind::Unary { expr: inner, .. } => {
            check(inner)?;
            match inner.value_type() {
                ValueType::Scalar | ValueType::Vector => Ok(()),
                other => {
                    let allowed = "unary expression only allowed on expressions of type scalar or instant vector";
                    Err(Fault::new(expr.span, format!("{allowed}, got {:?}", other.as_str())))
                }
            }
        }
        ExprKind::Binary(binary) => check_binary(expr, binary),
        ExprKind::Aggregate(aggregate) => check_aggregate(aggregate),
        ExprKind::Call(call) => check_call(expr, call),
        ExprKind::Selector(selector) => check_shift(&selector.shift),
        ExprKind::Matrix { selector, range } => {
            check_shift(&selector.shift)?;
            check_duration(range)
        }
        ExprKind::Subquery(subquery) => {
            check(&subquery.expr)?;
            check_shift(&subquery.shift)?;
            check_duration(&subquery.range)?;
            if let Some(step) = &subquery.step {
                check_duration(step)?;
            }
            match subquery.expr.value_type() {
                ValueType::Vector => Ok(()),
                other => {
                    let message = format!("subquery is only allowed on instant vector, got {} instead", other.as_str());
                    Err(Fault::new(expr.span, message))
                }
            }
        }
    }
}

fn check_shift(shift: &Shift) -> Parsed<()> {
    shift.offset.as_ref().map_or(Ok(()), check_duration)
}

fn check_duration(duration: &DurationExpr) -> Parsed<()> {
    match duration {
        DurationExpr::Literal(..) => Ok(()),
        DurationExpr::Expr(expr) => check(expr),
    }
}

/// Whether an expression is made of what a duration may be made of.
pub(super) fn duration(expr: &Expr) -> Parsed<()> {
    match &expr.kind {
        ExprKind::Number(_) => Ok(()),
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => duration(inner),
        ExprKind::Binary(binary) if !binary.op.is_set() && !binary.op.is_comparison() => {
            duration(&binary.lhs)?;
            duration(&binary.rhs)
        }
        ExprKind::Call(call) if matches!(call.function.name, "step" | "range" | "min_of" | "max_of") => {
            call.args.iter().try_for_each(duration)
        }
        _ => Err(Fault::new(expr.span, "expected a number, a duration, step(), range(), or arithmetic over them")),
    }
}

fn check_aggregate(aggregate: &Aggregate) -> Parsed<()> {
    expect(&aggregate.expr, ValueType::Vector, "aggregation expression")?;
    match (&aggregate.param, aggregate.op) {
        (None, _) => Ok(()),
        (Some(param), AggregateOp::CountValues) => expect(param, ValueType::String, "aggregation parameter"),
        (Some(param), _) => expect(param, ValueType::Scalar, "aggregation parameter"),
    }
}

fn check_call(expr: &Expr, call: &Call) -> Parsed<()> {
    let (function, got) = (call.function, call.args.len());
    let wrong = |bound: &str, count: usize| {
        let message = format!("expected {bound}{count} argument(s) in call to {:?}, got {got}", function.name);
        Err(Fault::new(expr.span, message))
    };
    if got < function.min {
        return wrong(if function.min == function.max { "" } else { "at least " }, function.min);
    }
    if got > function.max {
        return wrong(if function.min == function.max { "" } else { "at most " }, function.max);
    }
    for (i, arg) in call.args.iter().enumerate() {
        let Some(wanted) = function.args.get(i).or(function.args.last()) else { break };
        expect(arg, *wanted, &format!("call to function {:?}", function.name))?;
    }
    Ok(())
}

fn expect(expr: &Expr, wanted: ValueType, context: &str) -> Parsed<()> {
    check(expr)?;
    let got = expr.value_type();
    if got == wanted {
        return Ok(());
    }
    Err(Fault::new(expr.span, format!("expected type {} in {context}, got {}", wanted.as_str(), got.as_str())))
}

fn check_binary(expr: &Expr, binary: &Binary) -> Parsed<()> {
    check(&binary.lhs)?;
    check(&binary.rhs)?;
    let (op, matching) = (binary.op, &binary.matching);
    let fail = |message: String| Err(Fault::new(expr.span, message));
    if binary.return_bool && !op.is_comparison() {
        return fail("bool modifier can only be used on comparison operators".to_owned());
    }
    let types = [binary.lhs.value_type(), binary.rhs.value_type()];
    if let Some(wrong) = [&binary.lhs, &binary.rhs]
        .into_iter()
        .zip(types)
        .find(|(_, t)| !matches!(t, ValueType::Scalar | ValueType::Vector))
    {
        return Err(Fault::new(wrong.0.span, "binary expression must contain only scalar and instant vector types"));
    }
    let vectors = types == [ValueType::Vector; 2];
    if !vectors && op.is_set() {
        return fail(format!("set operator {:?} not allowed in binary scalar expression", op.as_str()));
    }
    if types == [ValueType::Scalar; 2] && op.is_comparison() && !binary.return_bool {
        return fail("comparisons between scalars must use BOOL modifier".to_owned());
    }
    let matches = matching.on || !matching.labels.is_empty() || matches!(matching.group, Group::Left | Group::Right);
    if !vectors && matches {
        return fail("vector matching only allowed between instant vectors".to_owned());
    }
    if let Some(label) = matching.include.iter().find(|label| matching.on && matching.labels.contains(label)) {
        return fail(format!("label {label:?} must not occur in ON and GROUP clause at once"));
    }
    if !vectors && (matching.fill_left.is_some() || matching.fill_right.is_some()) {
        return fail("filling in missing series only allowed between instant vectors".to_owned());
    }
    Ok(())
}
