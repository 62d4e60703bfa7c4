//! Tests of PromQL as text. The tables are in `tests/`; their errors were compared with those of Prometheus 3.14.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod laws;
mod other;
mod pretty;
mod scripts;

use super::ast::{DurationExpr, ExprKind, Span, ValueType};
use super::*;

/// The lines of a table, but the first, which says what it is.
fn table(text: &'static str) -> impl Iterator<Item = Vec<String>> {
    text.lines().skip(1).map(|line| line.split('\t').map(|column| column.replace("\\n", "\n")).collect())
}

#[test]
fn a_query_prints_as_canonical_text_and_has_a_type() {
    let mut count = 0;
    for line in table(include_str!("tests/printed.txt")) {
        let [query, value, printed] = line.as_slice() else { panic!("{line:?}") };
        let printed = if printed == "=" { query } else { printed };
        let expr = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!((&expr.to_string(), expr.value_type().short()), (printed, value.as_str()), "{query}");
        count += 1;
    }
    assert_eq!(count, 136);
}

#[test]
fn a_mistake_is_told_in_prometheus_words_with_its_place() {
    let mut count = 0;
    for line in table(include_str!("tests/errors.txt")) {
        let [query, expected] = line.as_slice() else { panic!("{line:?}") };
        assert_eq!(parse(query).expect_err(query).to_string(), *expected, "{query}");
        count += 1;
    }
    assert_eq!(count, 111);
}

#[test]
fn what_prometheus_takes_and_no_time_can_hold_is_refused() {
    let check = |query: &str, expected: &str| assert_eq!(parse(query).expect_err(query).to_string(), expected);
    check("a offset NaN", "1:10: parse error: duration out of range");
    check("a[0.0001]", "1:3: parse error: duration must be at least 1ms");
    check("a[5m:0.0004]", "1:6: parse error: duration must be at least 1ms");
    check("a @ 1e17", "1:1: parse error: timestamp out of bounds for @ modifier: 100000000000000000.000000");
    check(r#"a{b="\xff"}"#, r#"1:5: parse error: error unquoting string "\"\\xff\"": expected a string of UTF-8"#);
}

#[test]
fn a_selector_of_series_is_a_vector_selector_alone() {
    let check = |text: &str, expected: &str| {
        let got = match parse_selector(text) {
            Ok(matchers) => matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected, "{text}");
    };
    check("up", r#"__name__="up""#);
    check(r#"up{a="b",c=~"d"}"#, r#"__name__="up" a="b" c=~"d""#);
    check(r#"{"u.p"}"#, r#"__name__="u.p""#);
    check("sum", r#"__name__="sum""#);
    // Whether it may select everything is for those to say who use it.
    check("{}", "");
    check(r#"{a=~".*"}"#, r#"a=~".*""#);
    check("", "unknown position: parse error: unexpected end of input");
    check("1", r#"1:1: parse error: unexpected number "1""#);
    check("up[5m]", r#"1:3: parse error: unexpected "[""#);
    check("up offset 5m", "1:4: parse error: unexpected <offset>");
    check("up @ 1", "1:4: parse error: unexpected <op:@>");
    check("sum(up)", r#"1:4: parse error: unexpected "(""#);
    check("up{", "1:4: parse error: unexpected end of input inside braces");
}

#[test]
fn nodes_know_where_they_stand() {
    let text = " sum by (a) (rate(b{c=\"d\"}[5m] offset 1h))\n / -(e) ";
    let at = |span: Span| &text[span.start as usize..span.end as usize];
    let expr = parse(text).unwrap();
    assert_eq!(at(expr.span), text.trim());
    assert_eq!(expr.value_type(), ValueType::Vector);
    let ExprKind::Binary(binary) = &expr.kind else { panic!("{expr}") };
    assert_eq!((at(binary.lhs.span), at(binary.rhs.span)), ("sum by (a) (rate(b{c=\"d\"}[5m] offset 1h))", "-(e)"));
    assert_eq!(Position::of(text, binary.rhs.span).to_string(), "2:4");
    let ExprKind::Aggregate(sum) = &binary.lhs.kind else { panic!("{expr}") };
    assert_eq!(at(sum.expr.span), "rate(b{c=\"d\"}[5m] offset 1h)");
    let ExprKind::Call(rate) = &sum.expr.kind else { panic!("{expr}") };
    assert_eq!(at(rate.args[0].span), "b{c=\"d\"}[5m] offset 1h");
    let ExprKind::Matrix { selector, range } = &rate.args[0].kind else { panic!("{expr}") };
    assert_eq!(at(range.span()), "5m");
    assert!(matches!(selector.shift.offset, Some(DurationExpr::Literal(3_600_000, span)) if at(span) == "1h"));
}

#[test]
fn durations_are_those_of_prometheus() {
    let check = |text: &str, expected: Result<i64, &str>| {
        assert_eq!(parse_duration(text), expected.map_err(str::to_owned), "{text}");
        if let Ok(millis) = expected {
            assert_eq!(parse_duration(&format_duration(millis)), Ok(millis), "{text}");
        }
    };
    check("0", Ok(0));
    check("1y2w3d4h5m6s7ms", Ok(33_019_506_007));
    check("90m", Ok(5_400_000));
    check("292y", Ok(9_208_512_000_000));
    check("", Err("empty duration string"));
    check("5", Err("not a valid duration string: \"5\""));
    check("m", Err("not a valid duration string: \"m\""));
    check("1s1m", Err("not a valid duration string: \"1s1m\""));
    check("1m1m", Err("not a valid duration string: \"1m1m\""));
    check("-1m", Err("not a valid duration string: \"-1m\""));
    check("1fortnight", Err("unknown unit \"fortnight\" in duration \"1fortnight\""));
    check("293y", Err("duration out of range"));
    check("99999999999999999999s", Err("not a valid duration string: \"99999999999999999999s\""));
    assert_eq!(format_duration(-90_000), "-1m30s");
    assert_eq!(format_duration(84 * 86_400_000), "12w");
    assert_eq!(format_duration(90 * 86_400_000), "90d");
}

#[test]
fn the_functions_are_sorted_and_complete() {
    let names: Vec<_> = functions::FUNCTIONS.iter().map(|function| function.name).collect();
    assert!(names.is_sorted());
    assert_eq!(names.len(), 90);
    assert_eq!(functions::FUNCTIONS.iter().filter(|function| function.experimental).count(), 17);
    assert!(names.iter().all(|name| functions::find(name).is_some_and(|function| function.name == *name)));
    assert_eq!(functions::find("Rate"), None);
}
