//! A tree as text, which parses to the same tree.
//!
//! `Display` writes a tree alone: matchers keep their order, and a number that was written as a duration is printed in
//! seconds. Beside the text that it was read from, a tree is written as Prometheus writes it: [`Written`].
//!
//! Source: `promql/parser/printer.go` of Prometheus 3.14.0.

use std::fmt::{self, Display, Formatter, Write as _};

use weir_pipeline::labels::{METRIC, is_label_name, is_metric_name};
use weir_pipeline::selector::quote;
use weir_pipeline::{MatchOp, Matcher};

use super::ast::{Aggregate, At, Binary, BinaryOp, Call, DurationExpr, Expr, ExprKind, Group, Matching};
use super::ast::{Selector, Shift, Span, Subquery};
use super::duration::format_duration;
use super::lexer::token::{Kind, word};
use super::source;

/// Times up to here are exact as decimal seconds.
const EXACT_MILLIS: i64 = 1 << 50;

/// A node on one line. With the text that it was read from, matchers are in the order of their text, a name stands where it
/// stood, and a number that was a duration is one.
#[derive(Clone, Copy)]
pub(super) struct Written<'a, T> {
    pub(super) node: &'a T,
    pub(super) text: Option<&'a str>,
}

/// Labels in parentheses.
struct Labels<'a>(&'a [String]);

/// A number as Go's `'f'` format writes it.
struct Number(f64);

/// Matchers, with the metric's name before the braces where that is possible and `named`, and in order where `sorted`.
struct Matchers<'a> {
    matchers: &'a [Matcher],
    named: bool,
    sorted: bool,
}

// === impl Written ===

impl<'a, T> Written<'a, T> {
    fn with<U>(&self, node: &'a U) -> Written<'a, U> {
        Written { node, text: self.text }
    }

    /// A selector without its offset and `@`. It stands at `span`, or begins there.
    fn matchers(&self, selector: &'a Selector, span: Span) -> Matchers<'a> {
        let named = self.text.is_none_or(|text| source::is_named(text, span));
        Matchers { matchers: &selector.matchers, named, sorted: self.text.is_some() }
    }
}

// === impl Expr ===

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Written { node: self, text: None }.fmt(f)
    }
}

impl Display for Written<'_, Expr> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let span = self.node.span;
        match &self.node.kind {
            ExprKind::Number(value) => match self.text.and_then(|text| source::duration(text, span)) {
                // The text has no sign where there was more than one.
                Some(millis) if value.is_sign_negative() => f.write_str(&format_duration(-millis)),
                Some(millis) => f.write_str(&format_duration(millis)),
                None => Number(*value).fmt(f),
            },
            ExprKind::String(value) => f.write_str(&quote(value)),
            ExprKind::Paren(expr) => write!(f, "({})", self.with(&**expr)),
            ExprKind::Unary { negative, expr } => {
                write!(f, "{}{}", if *negative { '-' } else { '+' }, self.with(&**expr))
            }
            ExprKind::Binary(binary) => self.with(&**binary).fmt(f),
            ExprKind::Aggregate(aggregate) => self.with(&**aggregate).fmt(f),
            ExprKind::Call(call) => self.with(call).fmt(f),
            ExprKind::Selector(selector) => {
                self.matchers(selector, span).fmt(f)?;
                self.with(selector).modifiers(f, false)
            }
            ExprKind::Matrix { selector, range } => {
                write!(f, "{}[{}]", self.matchers(selector, span), self.with(range))?;
                self.with(selector).modifiers(f, true)
            }
            ExprKind::Subquery(subquery) => write!(f, "{}{}", self.with(&subquery.expr), self.with(&**subquery)),
        }
    }
}

// === impl Selector ===

impl Written<'_, Selector> {
    /// What follows the matchers, or the range where there is one: in the order of Prometheus, which differs.
    fn modifiers(&self, f: &mut Formatter<'_>, has_range: bool) -> fmt::Result {
        let Selector { shift, extension, .. } = self.node;
        let extension = extension.map(|extension| format!(" {}", extension.as_str())).unwrap_or_default();
        let (at, offset) = self.with(shift).parts();
        let (first, second) = if has_range { (extension, at) } else { (at, extension) };
        if shift.must_lead() { write!(f, "{offset}{first}{second}") } else { write!(f, "{first}{second}{offset}") }
    }
}

// === impl Binary ===

impl Display for Written<'_, Binary> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let chain = self.node.chain();
        let Some(Binary { op, lhs, .. }) = chain.first() else { return Ok(()) };
        match (op, &lhs.kind) {
            // `+Inf ^ 2` would be read as `+(Inf ^ 2)`.
            (BinaryOp::Pow, ExprKind::Number(value)) if *value == f64::INFINITY => f.write_str("Inf")?,
            _ => self.with(lhs).fmt(f)?,
        }
        chain.iter().try_for_each(|binary| write!(f, " {} {}", binary.operator(), self.with(&binary.rhs)))
    }
}

impl Binary {
    /// What stands between the operands.
    pub(super) fn operator(&self) -> String {
        let bool = if self.return_bool { " bool" } else { "" };
        format!("{}{bool}{}", self.op, self.matching)
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

impl Display for Written<'_, Aggregate> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.node.operator())?;
        match &self.node.param {
            Some(param) => write!(f, "({}, {})", self.with(param), self.with(&self.node.expr)),
            None => write!(f, "({})", self.with(&self.node.expr)),
        }
    }
}

impl Aggregate {
    /// What stands before the parentheses.
    pub(super) fn operator(&self) -> String {
        if !self.without && self.labels.is_empty() {
            return self.op.to_string();
        }
        let word = if self.without { "without" } else { "by" };
        format!("{} {word} {} ", self.op, Labels(&self.labels))
    }
}

// === impl Call ===

impl Display for Written<'_, Call> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.node.function.name)?;
        for (index, arg) in self.node.args.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match &arg.kind {
                // Here the braces are what tells matchers from a selector.
                ExprKind::Selector(selector) if index == 1 && self.node.function.name == "info" => {
                    Matchers { named: false, ..self.matchers(selector, arg.span) }.fmt(f)?;
                    self.with(selector).modifiers(f, false)?;
                }
                _ => self.with(arg).fmt(f)?,
            }
        }
        f.write_char(')')
    }
}

// === impl Subquery ===

impl Display for Written<'_, Subquery> {
    /// What follows the expression.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Subquery { range, step, shift, .. } = self.node;
        write!(f, "[{}:", self.with(range))?;
        if let Some(step) = step {
            self.with(step).fmt(f)?;
        }
        write!(f, "]{}", self.with(shift))
    }
}

// === impl Shift ===

impl Shift {
    /// Whether the offset comes first: behind parentheses, an operator that follows would belong to the duration.
    fn must_lead(&self) -> bool {
        matches!(&self.offset, Some(DurationExpr::Expr(expr)) if matches!(expr.kind, ExprKind::Paren(_)))
    }
}

impl Written<'_, Shift> {
    /// `@ …` and `offset …`, each with a space before it.
    fn parts(&self) -> (String, String) {
        let at = match self.node.at {
            Some(At::Time(millis)) => format!(" @ {}", seconds(millis)),
            Some(At::Start) => " @ start()".to_owned(),
            Some(At::End) => " @ end()".to_owned(),
            None => String::new(),
        };
        let offset = self.node.offset.as_ref();
        (at, offset.map(|offset| format!(" offset {}", self.with(offset))).unwrap_or_default())
    }
}

impl Display for Written<'_, Shift> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (at, offset) = self.parts();
        if self.node.must_lead() { write!(f, "{offset}{at}") } else { write!(f, "{at}{offset}") }
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

impl Display for Written<'_, DurationExpr> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.node {
            DurationExpr::Literal(millis, _) => f.write_str(&format_duration(*millis)),
            DurationExpr::Expr(expr) => match &expr.kind {
                // Prometheus leaves the sign out.
                ExprKind::Unary { negative: false, expr } if self.text.is_some() => self.with(&**expr).fmt(f),
                _ => self.with(&**expr).fmt(f),
            },
        }
    }
}

// === impl Matchers ===

impl<'a> Matchers<'a> {
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
        let mut matchers: Vec<String> = matchers.iter().map(Matcher::to_string).collect();
        if self.sorted {
            matchers.sort_unstable();
        }
        write!(f, "{{{}}}", matchers.join(","))
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
