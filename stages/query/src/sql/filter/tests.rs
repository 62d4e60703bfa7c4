#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use datafusion::logical_expr::{col, lit};
use datafusion::prelude::cast;

use super::*;

fn columns() -> Columns {
    Columns::new(["job", "time"].map(str::to_owned).into_iter().collect(), false)
}

/// A wish as text: its conditions, and whether that is all.
fn shown(filter: &Expr) -> String {
    let Some(wish) = wish(filter, &columns()) else { return "nothing".to_owned() };
    let condition = |condition: &Condition| match condition {
        Condition::Label(matcher) => matcher.to_string(),
        Condition::From(time) => format!("from {time}"),
        Condition::Until(time) => format!("until {time}"),
    };
    let conditions: Vec<String> = wish.conditions.iter().map(condition).collect();
    format!("{}{}", conditions.join(", "), if wish.exact { "" } else { " and more" })
}

#[track_caller]
fn check(filter: Expr, expected: &str) {
    assert_eq!(shown(&filter), expected, "{filter}");
}

fn millis(time: i64) -> Expr {
    lit(ScalarValue::TimestampMillisecond(Some(time), Some("UTC".into())))
}

fn nanos(time: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(Some(time), None))
}

#[test]
fn comparisons_of_a_label_are_matchers_that_leave_out_series_without_it() {
    check(col("job").eq(lit("a")), "job=\"a\"");
    check(lit("a").eq(col("job")), "job=\"a\"");
    check(col("job").not_eq(lit("a")), "job!=\"a\", job!=\"\"");
    check(col("job").not_eq(lit("")), "job!=\"\"");
    check(col("job").eq(lit("")), "nothing");
    check(col("job").is_null(), "job=\"\"");
    check(col("job").is_not_null(), "job!=\"\"");
    check(col("label_time").eq(lit("a")), "time=\"a\"");
    check(col("job").gt(lit("a")), "nothing");
    check(col("value").gt(lit(1.0)), "nothing");
    check(col("job").eq(col("label_time")), "nothing");
}

#[test]
fn lists_of_values_are_alternatives() {
    check(col("job").in_list(vec![lit("a.b"), lit("c")], false), r#"job=~"a\\.b|c""#);
    check(col("job").in_list(vec![lit("a"), lit("c")], true), r#"job!~"a|c", job!="""#);
    check(col("job").in_list(vec![lit("a"), lit("")], false), "nothing");
    check(col("job").eq(lit("a")).or(col("job").eq(lit("b"))).or(lit("c").eq(col("job"))), "job=~\"a|b|c\"");
    check(col("job").eq(lit("a")).or(col("label_time").eq(lit("b"))), "nothing");
    check(col("job").in_list(vec![lit("a"), lit(ScalarValue::Utf8(None))], false), "nothing");
}

#[test]
fn patterns_are_regular_expressions_that_are_looked_at_again() {
    check(col("job").like(lit("a.%_")), r#"job=~"a\\..*." and more"#);
    check(col("job").like(lit("a\\%")), "nothing");
    check(col("job").ilike(lit("a%")), "nothing");
    check(col("job").not_like(lit("a%")), "nothing");
    let regex =
        |text: &str| Expr::BinaryExpr(BinaryExpr::new(Box::new(col("job")), Operator::RegexMatch, Box::new(lit(text))));
    check(regex("^a|b$"), r#"job=~".*(?-s:^a|b$).*" and more"#);
    check(regex(r"\d"), "nothing");
    check(regex("(?i)a"), "nothing");
}

#[test]
fn comparisons_of_the_time_are_a_span() {
    check(col("time").gt_eq(millis(5)), "from 5");
    check(col("time").gt(millis(5)), "from 6");
    check(col("time").lt(millis(5)), "until 4");
    check(millis(5).gt(col("time")), "until 4");
    check(col("time").lt_eq(millis(5)), "until 5");
    check(col("time").eq(millis(5)), "from 5, until 5");
    check(col("time").not_eq(millis(5)), "nothing");
    check(col("time").between(millis(5), millis(9)), "from 5, until 9");
    check(col("time").not_between(millis(5), millis(9)), "nothing");
}

#[test]
fn finer_times_are_rounded_to_where_samples_can_be() {
    let nano = || cast(col("time"), DataType::Timestamp(TimeUnit::Nanosecond, None));
    check(nano().gt_eq(nanos(5_000_001)), "from 6");
    check(nano().gt(nanos(5_000_001)), "from 6");
    check(nano().gt(nanos(5_000_000)), "from 6");
    check(nano().lt(nanos(5_000_001)), "until 5");
    check(nano().lt_eq(nanos(5_999_999)), "until 5");
    check(nano().lt(nanos(-5_000_001)), "until -6");
    check(nano().eq(nanos(5_000_001)), "nothing");
    let seconds = cast(col("time"), DataType::Timestamp(TimeUnit::Second, None));
    check(seconds.gt_eq(lit(ScalarValue::TimestampSecond(Some(5), None))), "nothing");
}

#[test]
fn of_two_filters_each_alone_lets_more_through() {
    check(col("job").eq(lit("a")).and(col("time").gt(millis(5))), "job=\"a\", from 6");
    check(col("job").eq(lit("a")).and(col("value").gt(lit(1.0))), "job=\"a\" and more");
}

#[test]
fn spans_of_several_filters_meet() {
    let filters =
        [col("time").gt(millis(5)), col("time").gt(millis(9)), col("time").lt(millis(20)), col("job").eq(lit("a"))];
    let (matchers, start, end) = selection(&filters, &columns());
    assert_eq!((matchers.len(), start, end), (1, 10, 19));
    assert_eq!(selection(&[], &columns()), (Vec::new(), FROM, UNTIL));
}
