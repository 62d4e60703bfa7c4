//! A query as canonical text, a long one in lines.
//!
//! Source: `promql/parser/prettier.go` of Prometheus 3.14.0.

use std::fmt::{self, Display, Write};

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
    Ok(pretty_expr(&super::parse(text)?, text))
}

/// The same of a tree, beside the text that it was read from.
pub fn pretty_expr(expr: &Expr, text: &str) -> String {
    let mut out = String::new();
    Pretty { text, out: &mut out }.expr(expr, 0);
    out
}

/// Writes the tree of a text.
struct Pretty<'a> {
    text: &'a str,
    out: &'a mut String,
}

/// A text of one line at most.
struct Line(String);

// === impl Pretty ===

impl Pretty<'_> {
    /// An expression whose first line is indented to `level`, and no last line has its end.
    fn expr(&mut self, expr: &Expr, level: usize) {
        if let ExprKind::Unary { negative, expr } = &expr.kind {
            self.indent(level);
            self.out.push(if *negative { '-' } else { '+' });
            self.trimmed(expr, level);
            return;
        }
        if let Some(line) = self.line(expr) {
            // As in Prometheus, which forgets to indent a short subquery.
            self.indent(if matches!(expr.kind, ExprKind::Subquery(_)) { 0 } else { level });
            self.out.push_str(&line);
            return;
        }
        match &expr.kind {
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate, level),
            ExprKind::Binary(binary) => self.binary(binary, level),
            ExprKind::Call(call) => self.call(call, level),
            ExprKind::Paren(inner) => {
                self.indent(level);
                self.within(level, |p| p.expr(inner, level + 1));
            }
            ExprKind::Subquery(subquery) => {
                self.expr(&subquery.expr, level);
                let suffix = Written { node: &**subquery, text: Some(self.text) };
                _ = write!(self.out, "{suffix}");
            }
            _ => {
                self.indent(level);
                _ = write!(self.out, "{}", Written { node: expr, text: Some(self.text) });
            }
        }
    }

    /// An expression without the space around it.
    fn trimmed(&mut self, expr: &Expr, level: usize) {
        let mut text = String::new();
        Pretty { text: self.text, out: &mut text }.expr(expr, level);
        self.out.push_str(text.trim());
    }

    fn aggregate(&mut self, aggregate: &Aggregate, level: usize) {
        self.indent(level);
        self.out.push_str(&aggregate.operator());
        self.within(level, |p| {
            if let Some(param) = &aggregate.param {
                p.expr(param, level + 1);
                p.out.push_str(",\n");
            }
            p.expr(&aggregate.expr, level + 1);
        });
    }

    /// Operators, the innermost of which is indented the most. Those that have one line together stay on it.
    fn binary(&mut self, binary: &Binary, level: usize) {
        let chain = binary.chain();
        let mut outer = chain.iter().rev().skip(1);
        let broken = 1 + outer.position(|binary| self.line_of(binary).is_some()).unwrap_or(chain.len() - 1);
        let Some(broken) = chain.get(chain.len() - broken..) else { return };
        if let Some(innermost) = broken.first() {
            self.expr(&innermost.lhs, level + broken.len());
        }
        for (binary, level) in broken.iter().zip((level..level + broken.len()).rev()) {
            self.out.push('\n');
            self.indent(level);
            self.out.push_str(&binary.operator());
            self.out.push('\n');
            self.expr(&binary.rhs, level + 1);
        }
    }

    fn call(&mut self, call: &Call, level: usize) {
        self.indent(level);
        self.out.push_str(call.function.name);
        self.within(level, |p| {
            for (index, arg) in call.args.iter().enumerate() {
                p.out.push_str(if index > 0 { ",\n" } else { "" });
                p.expr(arg, level + 1);
            }
        });
    }

    /// Lines in parentheses, the last of which is indented to `level`.
    fn within(&mut self, level: usize, lines: impl FnOnce(&mut Self)) {
        self.out.push_str("(\n");
        lines(self);
        self.out.push('\n');
        self.indent(level);
        self.out.push(')');
    }

    fn indent(&mut self, level: usize) {
        (0..level).for_each(|_| self.out.push_str(INDENT));
    }

    /// An expression on one line, if it fits.
    fn line(&self, expr: &Expr) -> Option<String> {
        Line::of(Written { node: expr, text: Some(self.text) })
    }

    fn line_of(&self, binary: &Binary) -> Option<String> {
        Line::of(Written { node: binary, text: Some(self.text) })
    }
}

// === impl Line ===

impl Line {
    /// The text of a node, if it fits.
    fn of(node: impl Display) -> Option<String> {
        let mut line = Self(String::new());
        write!(line, "{node}").is_ok().then_some(line.0)
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > LINE {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}
