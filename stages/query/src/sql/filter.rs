//! Filters of a scan as conditions on labels and times.
//!
//! Shape: a filter that says no more and no less than its conditions is exact, and DataFusion does not look at it
//! again. One whose conditions let more through is looked at again. A label that a series lacks is NULL in SQL and
//! empty in PromQL: `job != 'a'` leaves such series out, where `{job!="a"}` does not.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, InList, Like};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use weir_pipeline::{MatchOp, Matcher};

use super::columns::{Column, Columns};

/// So far back and ahead that nothing is beyond, and near enough to reckon with.
pub(super) const FROM: i64 = -UNTIL;
pub(super) const UNTIL: i64 = 9_000_000_000_000_000_000;

/// What a filter wants of samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wish {
    /// All of these.
    pub(super) conditions: Vec<Condition>,
    /// Whether that is all that it wants.
    pub(super) exact: bool,
}

/// A condition on samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// On a label.
    Label(Matcher),
    /// On the time, in milliseconds since the Unix epoch: at least this.
    From(i64),
    /// At most this.
    Until(i64),
}

/// What `filters` want together: the conditions on labels, and from when to when.
pub(super) fn selection(filters: &[Expr], columns: &Columns) -> (Vec<Matcher>, i64, i64) {
    let (mut matchers, mut start, mut end) = (Vec::new(), FROM, UNTIL);
    for condition in filters.iter().filter_map(|filter| wish(filter, columns)).flat_map(|wish| wish.conditions) {
        match condition {
            Condition::Label(matcher) if matchers.contains(&matcher) => {}
            Condition::Label(matcher) => matchers.push(matcher),
            Condition::From(time) => start = start.max(time),
            Condition::Until(time) => end = end.min(time),
        }
    }
    (matchers, start, end)
}

/// What a filter wants, where that can be said in conditions.
pub(super) fn wish(filter: &Expr, columns: &Columns) -> Option<Wish> {
    match filter {
        Expr::BinaryExpr(binary) => match binary.op {
            Operator::And => both(wish(&binary.left, columns), wish(&binary.right, columns)),
            Operator::Or => {
                let (label, mut values) = alternatives(&binary.left, columns)?;
                let (other, more) = alternatives(&binary.right, columns)?;
                values.extend(more);
                if label == other { one_of(label, &values) } else { None }
            }
            _ => comparison(binary, columns),
        },
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let low = BinaryExpr::new(expr.clone(), Operator::GtEq, low.clone());
            let high = BinaryExpr::new(expr.clone(), Operator::LtEq, high.clone());
            both(comparison(&low, columns), comparison(&high, columns))
        }
        Expr::InList(InList { negated: false, .. }) => {
            let (label, values) = alternatives(filter, columns)?;
            one_of(label, &values)
        }
        Expr::InList(InList { expr, list, negated: true }) => {
            let (label, values) = in_list(expr, list, columns)?;
            let matchers = [(MatchOp::NotMatch, alternation(&values)), (MatchOp::NotEqual, String::new())];
            exact_label(&label, matchers)
        }
        Expr::IsNull(expr) => exact_label(&label(expr, columns)?, [(MatchOp::Equal, String::new())]),
        Expr::IsNotNull(expr) => exact_label(&label(expr, columns)?, [(MatchOp::NotEqual, String::new())]),
        Expr::Like(Like { negated: false, expr, pattern, escape_char: None, case_insensitive: false }) => {
            like(&label(expr, columns)?, &text(pattern)?)
        }
        _ => None,
    }
}

/// What two filters want that both hold: each alone is a wish that lets more through.
fn both(left: Option<Wish>, right: Option<Wish>) -> Option<Wish> {
    match (left, right) {
        (Some(mut left), Some(right)) => {
            left.conditions.extend(right.conditions);
            Some(Wish { exact: left.exact && right.exact, ..left })
        }
        (Some(one), None) | (None, Some(one)) => Some(Wish { exact: false, ..one }),
        (None, None) => None,
    }
}

fn comparison(binary: &BinaryExpr, columns: &Columns) -> Option<Wish> {
    let BinaryExpr { left, op, right } = binary;
    if matches!(**left, Expr::Literal(..)) {
        let swapped = BinaryExpr::new(right.clone(), op.swap()?, left.clone());
        return if matches!(**right, Expr::Literal(..)) { None } else { comparison(&swapped, columns) };
    }
    if is_time(left, columns) {
        return time(*op, right);
    }
    let (label, value) = (label(left, columns)?, text(right)?);
    match op {
        // No series has an empty label: what is empty in PromQL is NULL here.
        Operator::Eq if !value.is_empty() => exact_label(&label, [(MatchOp::Equal, value)]),
        Operator::NotEq if value.is_empty() => exact_label(&label, [(MatchOp::NotEqual, value)]),
        Operator::NotEq => exact_label(&label, [(MatchOp::NotEqual, value), (MatchOp::NotEqual, String::new())]),
        Operator::RegexMatch if is_plain(&value) => {
            let matcher = Matcher::new(label, MatchOp::Match, format!(".*(?-s:{value}).*")).ok()?;
            Some(Wish { conditions: vec![Condition::Label(matcher)], exact: false })
        }
        _ => None,
    }
}

/// Whether a regular expression means the same in Rust's syntax and in Go's.
fn is_plain(regex: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " _-/:=,@.*+?|()^$".contains(c);
    regex.chars().all(plain) && !regex.contains("(?")
}

/// A text with `%` for anything and `_` for any character.
fn like(label: &str, pattern: &str) -> Option<Wish> {
    let mut regex = String::new();
    for c in pattern.chars() {
        match c {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            // It escapes what follows, or stands for itself.
            '\\' => return None,
            c => escape(c, &mut regex),
        }
    }
    let matcher = Matcher::new(label, MatchOp::Match, regex).ok()?;
    Some(Wish { conditions: vec![Condition::Label(matcher)], exact: false })
}

/// The label and the values of which it must have one.
fn alternatives(filter: &Expr, columns: &Columns) -> Option<(String, Vec<String>)> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let (column, value) = if matches!(**left, Expr::Literal(..)) { (right, left) } else { (left, right) };
            Some((label(column, columns)?, vec![text(value)?]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (label, mut values) = alternatives(left, columns)?;
            let (other, more) = alternatives(right, columns)?;
            values.extend(more);
            (label == other).then_some((label, values))
        }
        Expr::InList(InList { expr, list, negated: false }) => in_list(expr, list, columns),
        _ => None,
    }
}

fn in_list(expr: &Expr, list: &[Expr], columns: &Columns) -> Option<(String, Vec<String>)> {
    Some((label(expr, columns)?, list.iter().map(text).collect::<Option<_>>()?))
}

fn one_of(label: String, values: &[String]) -> Option<Wish> {
    match values {
        values if values.iter().any(String::is_empty) => None,
        [value] => exact_label(&label, [(MatchOp::Equal, value.clone())]),
        values => exact_label(&label, [(MatchOp::Match, alternation(values))]),
    }
}

fn exact_label(label: &str, matchers: impl IntoIterator<Item = (MatchOp, String)>) -> Option<Wish> {
    let matchers = matchers.into_iter().map(|(op, value)| Matcher::new(label, op, value).ok().map(Condition::Label));
    Some(Wish { conditions: matchers.collect::<Option<_>>()?, exact: true })
}

/// A regular expression that matches these texts.
fn alternation(values: &[String]) -> String {
    let mut regex = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            regex.push('|');
        }
        value.chars().for_each(|c| escape(c, &mut regex));
    }
    regex
}

fn escape(c: char, regex: &mut String) {
    if r"\.+*?()|[]{}^$".contains(c) {
        regex.push('\\');
    }
    regex.push(c);
}

/// The label whose column this is.
fn label(expr: &Expr, columns: &Columns) -> Option<String> {
    match columns.get(&expr.try_as_col()?.name)? {
        Column::Label(label) => Some(label),
        Column::Time | Column::Value | Column::Part(_) => None,
    }
}

/// Whether this is the column of times, in a unit that loses nothing.
fn is_time(expr: &Expr, columns: &Columns) -> bool {
    match expr {
        Expr::Column(column) => columns.get(&column.name) == Some(Column::Time),
        Expr::Cast(cast) => {
            let finer = matches!(cast.field.data_type(), DataType::Timestamp(unit, _) if *unit != TimeUnit::Second);
            finer && matches!(*cast.expr, Expr::Column(_)) && is_time(&cast.expr, columns)
        }
        _ => false,
    }
}

/// A condition on the time; `None` for what is no comparison with a time.
fn time(op: Operator, literal: &Expr) -> Option<Wish> {
    let (value, per_milli) = match literal.as_literal()? {
        ScalarValue::TimestampSecond(Some(seconds), _) => (seconds.checked_mul(1000)?, 1),
        ScalarValue::TimestampMillisecond(Some(millis), _) => (*millis, 1),
        ScalarValue::TimestampMicrosecond(Some(micros), _) => (*micros, 1000),
        ScalarValue::TimestampNanosecond(Some(nanos), _) => (*nanos, 1_000_000),
        _ => return None,
    };
    let (down, is_whole) = (value.div_euclid(per_milli), value.rem_euclid(per_milli) == 0);
    let up = if is_whole { down } else { down.checked_add(1)? };
    let conditions = match op {
        Operator::Gt => vec![Condition::From(down.checked_add(1)?)],
        Operator::GtEq => vec![Condition::From(up)],
        Operator::Lt => vec![Condition::Until(up.checked_sub(1)?)],
        Operator::LtEq => vec![Condition::Until(down)],
        Operator::Eq if is_whole => vec![Condition::From(down), Condition::Until(down)],
        _ => return None,
    };
    Some(Wish { conditions, exact: true })
}

/// A text that is given.
fn text(expr: &Expr) -> Option<String> {
    expr.as_literal()?.try_as_str().flatten().map(str::to_owned)
}

#[cfg(test)]
mod tests;
