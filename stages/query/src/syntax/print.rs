//! A tree as text: canonical, on one line, and read back it is the same tree.

use std::fmt::{self, Display, Formatter};

use weir_pipeline::labels::{METRIC, is_label_name, is_metric_name};
use weir_pipeline::selector::quote;
use weir_pipeline::{MatchOp, Matcher};

use super::ast::{Aggregate, At, Binary, DurationExpr, Expr, ExprKind, Extension, Group, Selector, Shift, Subquery};
use super::number::duration_text;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(n) => f.write_str(&number_text(*n)),
            ExprKind::String(text) => f.write_str(&quote(text)),
            ExprKind::Paren(expr) => write!(f, "({expr})"),
            ExprKind::Unary { negative, expr } => write!(f, "{}{expr}", if *negative { "-" } else { "+" }),
            ExprKind::Binary(binary) => binary.fmt(f),
            ExprKind::Aggregate(aggregate) => aggregate.fmt(f),
            ExprKind::Call(call) => {
                let args: Vec<String> = call.args.iter().map(ToString::to_string).collect();
                write!(f, "{}({})", call.function.name, args.join(", "))
            }
            ExprKind::Selector(selector) => {
                write_matchers(f, selector)?;
                write_shift(f, selector)
            }
            ExprKind::Matrix { selector, range } => {
                write_matchers(f, selector)?;
                write!(f, "[{range}]")?;
                write_shift(f, selector)
            }
            ExprKind::Subquery(subquery) => subquery.fmt(f),
        }
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { op, lhs, rhs, return_bool, matching } = self;
        write!(f, "{lhs} {}{}", op.as_str(), if *return_bool { " bool" } else { "" })?;
        let grouped = matches!(matching.group, Group::Left | Group::Right);
        if matching.on || !matching.labels.is_empty() || grouped {
            write!(f, " {} ({})", if matching.on { "on" } else { "ignoring" }, labels_text(&matching.labels))?;
        }
        match matching.group {
            Group::Left => write!(f, " group_left ({})", labels_text(&matching.include))?,
            Group::Right => write!(f, " group_right ({})", labels_text(&matching.include))?,
            Group::OneToOne | Group::ManyToMany => {}
        }
        match (matching.fill_left, matching.fill_right) {
            (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
                write!(f, " fill ({})", number_text(left))?
            }
            (left, right) => {
                for (side, value) in [("left", left), ("right", right)] {
                    if let Some(value) = value {
                        write!(f, " fill_{side} ({})", number_text(value))?;
                    }
                }
            }
        }
        write!(f, " {rhs}")
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.as_str())?;
        if self.without || !self.labels.is_empty() {
            write!(f, " {} ({}) ", if self.without { "without" } else { "by" }, labels_text(&self.labels))?;
        }
        match &self.param {
            Some(param) => write!(f, "({param}, {})", self.expr),
            None => write!(f, "({})", self.expr),
        }
    }
}

impl Display for Subquery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}:", self.expr, self.range)?;
        if let Some(step) = &self.step {
            write!(f, "{step}")?;
        }
        f.write_str("]")?;
        write_modifiers(f, &self.shift)
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(ms, _) => f.write_str(&duration_text(*ms)),
            Self::Expr(expr) => write!(f, "{expr}"),
        }
    }
}

fn write_matchers(f: &mut Formatter<'_>, selector: &Selector) -> fmt::Result {
    let is_name = |m: &Matcher| m.name == METRIC && m.op == MatchOp::Equal;
    // A name that is also a keyword or a number would read back as such.
    let plain = |m: &Matcher| is_name(m) && is_metric_name(&m.value) && !reserved(&m.value);
    let bare = selector.matchers.first().filter(|m| plain(m));
    let rest = &selector.matchers[usize::from(bare.is_some())..];
    if let Some(name) = bare {
        f.write_str(&name.value)?;
        if rest.is_empty() {
            return Ok(());
        }
    }
    let matchers: Vec<String> = rest
        .iter()
        .map(|m| {
            let name = if is_label_name(&m.name) { m.name.clone() } else { quote(&m.name) };
            format!("{name}{}{}", m.op, quote(&m.value))
        })
        .collect();
    write!(f, "{{{}}}", matchers.join(", "))
}

/// Whether a metric of this name must be written in braces.
fn reserved(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "inf" | "nan")
}

fn write_shift(f: &mut Formatter<'_>, selector: &Selector) -> fmt::Result {
    match selector.extension {
        Some(Extension::Anchored) => f.write_str(" anchored")?,
        Some(Extension::Smoothed) => f.write_str(" smoothed")?,
        None => {}
    }
    write_modifiers(f, &selector.shift)
}

fn write_modifiers(f: &mut Formatter<'_>, shift: &Shift) -> fmt::Result {
    match shift.at {
        Some(At::Time(ms)) => {
            let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
            write!(f, " @ {sign}{}.{:03}", ms / 1000, ms % 1000)?;
        }
        Some(At::Start) => f.write_str(" @ start()")?,
        Some(At::End) => f.write_str(" @ end()")?,
        None => {}
    }
    match &shift.offset {
        Some(DurationExpr::Expr(expr)) => match &expr.kind {
            ExprKind::Paren(_) | ExprKind::Call(_) | ExprKind::Unary { .. } => write!(f, " offset {expr}"),
            _ => write!(f, " offset ({expr})"),
        },
        Some(literal) => write!(f, " offset {literal}"),
        None => Ok(()),
    }
}

fn labels_text(labels: &[String]) -> String {
    let text = |l: &String| if is_label_name(l) { l.clone() } else { quote(l) };
    labels.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// A number as PromQL reads it.
fn number_text(n: f64) -> String {
    if n.is_nan() {
        return "NaN".to_owned();
    }
    if n.is_infinite() {
        return if n > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = n.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) { format!("{n:e}") } else { format!("{n}") }
}
