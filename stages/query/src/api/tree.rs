//! The tree of a query as JSON, as Prometheus' web page draws it.
//!
//! Source: `web/api/v1/translate_ast.go` of Prometheus 3.14.

use serde_json::{Value, json};
use weir_pipeline::Matcher;
use weir_pipeline::labels::METRIC;

use crate::syntax::ast::{
    Aggregate, At, Binary, Call, DurationExpr, Expr, ExprKind, Extension, Group, Matching, Selector, Shift, Span,
    Subquery, ValueType,
};
use crate::syntax::functions::Function;
use crate::syntax::source;

/// The tree of a query that was read from `text`.
pub(super) fn tree(expr: &Expr, text: &str) -> Value {
    Tree { text }.expr(expr)
}

/// Writes the tree of a text.
struct Tree<'a> {
    text: &'a str,
}

// === impl Tree ===

impl Tree<'_> {
    fn expr(&self, expr: &Expr) -> Value {
        match &expr.kind {
            ExprKind::Number(value) => json!({ "type": "numberLiteral", "val": digits(*value) }),
            ExprKind::String(value) => json!({ "type": "stringLiteral", "val": value }),
            ExprKind::Paren(inner) => json!({ "type": "parenExpr", "expr": self.expr(inner) }),
            ExprKind::Unary { negative, expr } => {
                json!({ "type": "unaryExpr", "op": sign(*negative), "expr": self.expr(expr) })
            }
            ExprKind::Binary(binary) => self.binary(binary),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate),
            ExprKind::Call(call) => self.call(call),
            ExprKind::Selector(selector) => self.selector("vectorSelector", selector, expr.span),
            ExprKind::Matrix { selector, range } => {
                let mut node = self.selector("matrixSelector", selector, expr.span);
                (node["range"], node["rangeExpr"]) = self.duration(Some(range));
                node
            }
            ExprKind::Subquery(subquery) => self.subquery(subquery),
        }
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Value {
        json!({
            "type": "aggregation",
            "op": aggregate.op.as_str(),
            "expr": self.expr(&aggregate.expr),
            "param": aggregate.param.as_ref().map(|param| self.expr(param)),
            "grouping": aggregate.labels,
            "without": aggregate.without,
        })
    }

    fn binary(&self, binary: &Binary) -> Value {
        let Binary { op, lhs, rhs, return_bool, matching } = binary;
        let matches = [lhs, rhs].iter().all(|side| side.value_type() == ValueType::Vector);
        let mut node = json!({
            "type": "binaryExpr",
            "op": op.as_str(),
            "matching": matches.then(|| matching_of(matching)),
            "bool": return_bool,
        });
        // Moved in: the macro would copy them, at each level of a long chain.
        (node["lhs"], node["rhs"]) = (self.expr(lhs), self.expr(rhs));
        node
    }

    fn call(&self, call: &Call) -> Value {
        let Function { name, value, .. } = call.function;
        let (types, variadic) = signature(call.function);
        let args: Vec<Value> = call.args.iter().map(|arg| self.expr(arg)).collect();
        let function = json!({
            "name": name,
            "argTypes": types.iter().map(|value| value.short()).collect::<Vec<_>>(),
            "variadic": variadic,
            "returnType": value.short(),
        });
        json!({ "type": "call", "func": function, "args": args })
    }

    fn selector(&self, kind: &str, selector: &Selector, span: Span) -> Value {
        let Selector { matchers, shift, extension } = selector;
        let is_named = source::is_named(self.text, span);
        let name = matchers.first().filter(|first| is_named && first.name == METRIC);
        // What stands before the braces comes last, as in Prometheus.
        let rest = matchers.get(usize::from(name.is_some())..).unwrap_or_default();
        let mut node = json!({
            "type": kind,
            "name": name.map_or("", |name| name.value.as_str()),
            "matchers": rest.iter().chain(name).map(matcher).collect::<Vec<_>>(),
            "anchored": *extension == Some(Extension::Anchored),
            "smoothed": *extension == Some(Extension::Smoothed),
        });
        self.shift(shift, &mut node);
        node
    }

    fn subquery(&self, subquery: &Subquery) -> Value {
        let mut node = json!({ "type": "subquery", "expr": self.expr(&subquery.expr) });
        (node["range"], node["rangeExpr"]) = self.duration(Some(&subquery.range));
        (node["step"], node["stepExpr"]) = self.duration(subquery.step.as_ref());
        self.shift(&subquery.shift, &mut node);
        node
    }

    fn shift(&self, shift: &Shift, node: &mut Value) {
        (node["offset"], node["offsetExpr"]) = self.duration(shift.offset.as_ref());
        (node["timestamp"], node["startOrEnd"]) = match shift.at {
            Some(At::Time(millis)) => (json!(millis), Value::Null),
            Some(At::Start) => (Value::Null, json!("start")),
            Some(At::End) => (Value::Null, json!("end")),
            None => (Value::Null, Value::Null),
        };
    }

    /// A duration in milliseconds, and its expression where it is no mere number.
    fn duration(&self, duration: Option<&DurationExpr>) -> (Value, Value) {
        match duration {
            None => (json!(0), Value::Null),
            Some(DurationExpr::Literal(millis, _)) => (json!(millis), Value::Null),
            Some(DurationExpr::Expr(expr)) => (json!(0), self.duration_expr(expr, false)),
        }
    }

    fn duration_expr(&self, expr: &Expr, wrapped: bool) -> Value {
        let node = |op: &str, lhs: Value, rhs: Value| json!({ "type": "durationExpr", "op": op, "lhs": lhs, "rhs": rhs, "wrapped": wrapped });
        match &expr.kind {
            ExprKind::Number(value) => json!({
                "type": "numberLiteral",
                "val": digits(*value),
                "duration": source::duration(self.text, expr.span).is_some(),
            }),
            // A number has no room to say that it stands in parentheses.
            ExprKind::Paren(inner) if matches!(inner.kind, ExprKind::Number(_)) => {
                json!({ "type": "durationExpr", "op": "+", "lhs": null, "rhs": self.duration_expr(inner, false), "wrapped": true })
            }
            ExprKind::Paren(inner) => self.duration_expr(inner, true),
            ExprKind::Unary { negative, expr } => node(sign(*negative), Value::Null, self.duration_expr(expr, false)),
            ExprKind::Binary(binary) => {
                let (lhs, rhs) = (self.duration_expr(&binary.lhs, false), self.duration_expr(&binary.rhs, false));
                node(binary.op.as_str(), lhs, rhs)
            }
            ExprKind::Call(call) => {
                let mut args = call.args.iter().map(|arg| self.duration_expr(arg, false));
                let (lhs, rhs) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
                node(call.function.name, lhs, rhs)
            }
            // Durations are made of nothing else.
            _ => self.expr(expr),
        }
    }
}

fn matching_of(matching: &Matching) -> Value {
    let card = match matching.group {
        Group::OneToOne => "one-to-one",
        Group::Left => "many-to-one",
        Group::Right => "one-to-many",
        Group::ManyToMany => "many-to-many",
    };
    json!({
        "card": card,
        "labels": matching.labels,
        "on": matching.on,
        "include": matching.include,
        "fillValues": { "lhs": matching.fill_left, "rhs": matching.fill_right },
    })
}

fn matcher(matcher: &Matcher) -> Value {
    json!({ "name": matcher.name, "value": matcher.value, "type": matcher.op.as_str() })
}

/// The types of a function's arguments, and how many more or fewer there may be, as Prometheus counts: with `n` above 0
/// the last type stands for none to `n` arguments; with -1 for any number.
fn signature(function: &Function) -> (&'static [ValueType], i64) {
    if function.min == function.max {
        return (function.args, 0);
    }
    // Where each of many is told, as many as there must be and one more.
    let types = function.args.get(..=function.min).unwrap_or(function.args);
    match function.max.checked_sub(types.len().saturating_sub(1)) {
        Some(more) if function.max != usize::MAX => (types, more as i64),
        _ => (types, -1),
    }
}

fn sign(negative: bool) -> &'static str {
    if negative { "-" } else { "+" }
}

/// A number as Go's `'f'` format writes it.
fn digits(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
