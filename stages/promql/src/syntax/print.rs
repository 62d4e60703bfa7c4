//! A tree as canonical text, which parses to the same tree.
//!
//! Matchers keep their order, and a number that was written as a duration is printed in seconds; otherwise the text is
//! that of Prometheus.
//!
//! Source: `promql/parser/printer.go` of Prometheus 3.14.0.

use std::fmt::{self, Display, Formatter, Write as _};

use weir_pipeline::labels::{METRIC, is_label_name, is_metric_name};
use weir_pipeline::selector::quote;
use weir_pipeline::{MatchOp, Matcher};

use super::ast::{Aggregate, At, Binary, BinaryOp, Call, DurationExpr, Expr, ExprKind, Group, Matching};
use super::ast::{Selector, Shift, Subquery};
use super::duration::format_duration;
use super::lexer::token::{Kind, word};

/// Times up to here are exact as decimal seconds.
const EXACT_MILLIS: i64 = 1 << 50;

/// Labels in parentheses.
struct Labels<'a>(&'a [String]);

/// A number as Go's `'f'` format writes it.
struct Number(f64);

/// Matchers, with the metric's name before the braces where that is possible and `named`.
struct Matchers<'a> {
    matchers: &'a [Matcher],
    named: bool,
}

// === impl Expr ===

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(value) => Number(*value).fmt(f),
            ExprKind::String(value) => f.write_str(&quote(value)),
            ExprKind::Paren(expr) => write!(f, "({expr})"),
            ExprKind::Unary { negative, expr } => write!(f, "{}{expr}", if *negative { '-' } else { '+' }),
            ExprKind::Binary(binary) => binary.fmt(f),
            ExprKind::Aggregate(aggregate) => aggregate.fmt(f),
            ExprKind::Call(call) => call.fmt(f),
            ExprKind::Selector(selector) => {
                Matchers::named(selector).fmt(f)?;
                after(selector, f)
            }
            ExprKind::Matrix { selector, range } => {
                write!(f, "{}[{range}]", Matchers::named(selector))?;
                after(selector, f)
            }
            ExprKind::Subquery(subquery) => subquery.fmt(f),
        }
    }
}

/// What follows a selector.
fn after(selector: &Selector, f: &mut Formatter<'_>) -> fmt::Result {
    let extension = selector.extension.map(|extension| format!(" {}", extension.as_str())).unwrap_or_default();
    if selector.shift.must_lead() {
        return write!(f, "{}{extension}", selector.shift);
    }
    write!(f, "{extension}{}", selector.shift)
}

// === impl Binary ===

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { op, lhs, rhs, return_bool, matching } = self;
        match (op, &lhs.kind) {
            // `+Inf ^ 2` would be read as `+(Inf ^ 2)`.
            (BinaryOp::Pow, ExprKind::Number(value)) if *value == f64::INFINITY => f.write_str("Inf")?,
            _ => lhs.fmt(f)?,
        }
        let bool = if *return_bool { " bool" } else { "" };
        write!(f, " {op}{bool}{matching} {rhs}")
    }
}

// === impl Matching ===

impl Display for Matching {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let group = match self.group {
            Group::Left => " group_left",
            Group::Right => " group_right",
            Group::OneToOne | Group::ManyToMany => "",
        };
        if self.on || !self.labels.is_empty() || !group.is_empty() {
            let word = if self.on { "on" } else { "ignoring" };
            write!(f, " {word} {}", Labels(&self.labels))?;
        }
        if !group.is_empty() {
            write!(f, "{group} {}", Labels(&self.include))?;
        }
        match (self.fill_left, self.fill_right) {
            (Some(left), Some(right)) if left.to_bits() == right.to_bits() => write!(f, " fill ({})", Number(left)),
            (left, right) => {
                left.map_or(Ok(()), |left| write!(f, " fill_left ({})", Number(left)))?;
                right.map_or(Ok(()), |right| write!(f, " fill_right ({})", Number(right)))
            }
        }
    }
}

// === impl Aggregate ===

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.op.fmt(f)?;
        if self.without || !self.labels.is_empty() {
            let word = if self.without { "without" } else { "by" };
            write!(f, " {word} {} ", Labels(&self.labels))?;
        }
        match &self.param {
            Some(param) => write!(f, "({param}, {})", self.expr),
            None => write!(f, "({})", self.expr),
        }
    }
}

// === impl Call ===

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name)?;
        for (index, arg) in self.args.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match &arg.kind {
                // Here the braces are what tells matchers from a selector.
                ExprKind::Selector(selector) if index == 1 && self.function.name == "info" => {
                    Matchers { matchers: &selector.matchers, named: false }.fmt(f)?;
                    after(selector, f)?;
                }
                _ => arg.fmt(f)?,
            }
        }
        f.write_char(')')
    }
}

// === impl Subquery ===

impl Display for Subquery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}:", self.expr, self.range)?;
        if let Some(step) = &self.step {
            step.fmt(f)?;
        }
        write!(f, "]{}", self.shift)
    }
}

// === impl Shift ===

impl Shift {
    /// Whether the offset comes first: behind parentheses, an operator that follows would belong to the duration.
    fn must_lead(&self) -> bool {
        matches!(&self.offset, Some(DurationExpr::Expr(expr)) if matches!(expr.kind, ExprKind::Paren(_)))
    }
}

impl Display for Shift {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let at = match self.at {
            Some(At::Time(millis)) => format!(" @ {}", seconds(millis)),
            Some(At::Start) => " @ start()".to_owned(),
            Some(At::End) => " @ end()".to_owned(),
            None => String::new(),
        };
        let offset = self.offset.as_ref().map(|offset| format!(" offset {offset}")).unwrap_or_default();
        if self.must_lead() { write!(f, "{offset}{at}") } else { write!(f, "{at}{offset}") }
    }
}

/// Milliseconds as seconds that are read as the same milliseconds.
fn seconds(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let (whole, rest) = (millis.unsigned_abs() / 1000, millis.unsigned_abs() % 1000);
    if millis.abs() < EXACT_MILLIS {
        return format!("{sign}{whole}.{rest:03}");
    }
    // So far off a double skips milliseconds: one of the neighbours is what was written.
    let near = millis as f64 / 1000.0;
    let fits = |seconds: &f64| (seconds * 1000.0).round() as i64 == millis;
    let seconds = [near, near.next_up(), near.next_down()].into_iter().find(fits).unwrap_or(near);
    Number(seconds).to_string()
}

// === impl DurationExpr ===

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(millis, _) => f.write_str(&format_duration(*millis)),
            Self::Expr(expr) => expr.fmt(f),
        }
    }
}

// === impl Matchers ===

impl<'a> Matchers<'a> {
    fn named(selector: &'a Selector) -> Self {
        Self { matchers: &selector.matchers, named: true }
    }

    /// The name before the braces, and the matchers within.
    fn split(&self) -> (Option<&'a str>, &'a [Matcher]) {
        match self.matchers {
            [first, rest @ ..]
                if self.named
                    && first.name == METRIC
                    && first.op == MatchOp::Equal
                    && rest.iter().all(|matcher| matcher.name != METRIC)
                    && is_metric_name(&first.value)
                    && word(&first.value).is_none_or(Kind::is_metric) =>
            {
                (Some(&first.value), rest)
            }
            _ => (None, self.matchers),
        }
    }
}

impl Display for Matchers<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (name, matchers) = self.split();
        f.write_str(name.unwrap_or_default())?;
        if name.is_some() && matchers.is_empty() {
            return Ok(());
        }
        f.write_char('{')?;
        for (index, matcher) in matchers.iter().enumerate() {
            write!(f, "{}{matcher}", if index > 0 { "," } else { "" })?;
        }
        f.write_char('}')
    }
}

// === impl Labels ===

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('(')?;
        for (index, label) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            // Few keywords are no labels here.
            let is_plain = is_label_name(label) && word(label).is_none_or(Kind::is_label);
            if is_plain { write!(f, "{comma}{label}")? } else { write!(f, "{comma}{}", quote(label))? }
        }
        f.write_char(')')
    }
}

// === impl Number ===

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => value.fmt(f),
        }
    }
}
