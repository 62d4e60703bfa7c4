//! A query as canonical text, a long one in lines.
//!
//! Source: `promql/parser/prettier.go` of Prometheus 3.14.0.

use super::ast::{Aggregate, Binary, Call, Expr, ExprKind};
use super::position::ParseError;
use super::print::Written;

/// The most bytes of an expression on one line.
const LINE: usize = 100;

/// What a line is indented by, for each level.
const INDENT: &str = "  ";

/// The canonical text of a query, as Prometheus writes it. An expression that is longer than 100 bytes is broken into
/// lines, but for selectors and literals.
///
/// # Errors
/// As [`super::parse`].
pub fn pretty(text: &str) -> Result<String, ParseError> {
    let expr = super::parse(text)?;
    Ok(Pretty { text }.expr(&expr, 0))
}

/// Writes the tree of a text.
struct Pretty<'a> {
    text: &'a str,
}

// === impl Pretty ===

impl Pretty<'_> {
    /// An expression whose first line is indented to `level`, and no last line has its end.
    fn expr(&self, expr: &Expr, level: usize) -> String {
        let indent = INDENT.repeat(level);
        if let ExprKind::Unary { negative, expr } = &expr.kind {
            let sign = if *negative { '-' } else { '+' };
            return format!("{indent}{sign}{}", self.expr(expr, level).trim());
        }
        let line = self.line(expr);
        if line.len() <= LINE {
            // As in Prometheus, which forgets to indent a short subquery.
            let indent = if matches!(expr.kind, ExprKind::Subquery(_)) { "" } else { &indent };
            return format!("{indent}{line}");
        }
        match &expr.kind {
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate, level),
            ExprKind::Binary(binary) => self.binary(binary, level),
            ExprKind::Call(call) => self.call(call, level),
            ExprKind::Paren(inner) => format!("{indent}(\n{}\n{indent})", self.expr(inner, level + 1)),
            ExprKind::Subquery(subquery) => {
                let suffix = Written { node: &**subquery, text: Some(self.text) };
                format!("{}{suffix}", self.expr(&subquery.expr, level))
            }
            _ => format!("{indent}{line}"),
        }
    }

    fn aggregate(&self, aggregate: &Aggregate, level: usize) -> String {
        let param = aggregate.param.as_ref().map(|param| format!("{},\n", self.expr(param, level + 1)));
        let (operator, param) = (aggregate.operator(), param.unwrap_or_default());
        let indent = INDENT.repeat(level);
        format!("{indent}{operator}(\n{param}{}\n{indent})", self.expr(&aggregate.expr, level + 1))
    }

    fn binary(&self, binary: &Binary, level: usize) -> String {
        let (lhs, rhs) = (self.expr(&binary.lhs, level + 1), self.expr(&binary.rhs, level + 1));
        format!("{lhs}\n{}{}\n{rhs}", INDENT.repeat(level), binary.operator())
    }

    fn call(&self, call: &Call, level: usize) -> String {
        let args = call.args.iter().map(|arg| self.expr(arg, level + 1));
        let (args, indent) = (args.collect::<Vec<_>>().join(",\n"), INDENT.repeat(level));
        format!("{indent}{}(\n{args}\n{indent})", call.function.name)
    }

    fn line(&self, expr: &Expr) -> String {
        Written { node: expr, text: Some(self.text) }.to_string()
    }
}
